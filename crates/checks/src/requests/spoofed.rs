//! Identity headers that a client sends.

use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};

use super::echo::{MARKER, is_echo, missing_identity};
use super::reply::{Admission, Reply};
use super::run::KeyEntry;
use super::session::Session;
use crate::check::{Check, Group};
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "spoofed-identity-removed",
    group: Group::Requests,
    title: "Identity headers of a client do not reach the backend",
    explanation: "Backends trust the headers `x-tollgate-*`. The check sends all of them to the \
                  path in `--echo`, in upper and lower case, repeated, and with `_` for `-`. Some \
                  backends read these as the same name. It does so with the temporary key, and \
                  without a key on the public route for `OPTIONS`. None of the values may be in \
                  the response of the backend, which returns the headers of each request. The \
                  response must contain the headers that the gateway sets, and a harmless header in \
                  the same spelling. Otherwise it does not show what the backend received.",
    fix: "Deploy the stack again: its integrations must overwrite or remove all of these headers. \
          For names with `_`, set the attribute routing.http.drop_invalid_header_fields.enabled of \
          the load balancer. For your own integrations, copy the mappings from `tollgate mappings`.",
    permissions: &[],
    evidence: Some("A request with a valid key or token is allowed"),
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

const NAME_AN_ECHO: &str = "Name a route whose backend returns the headers of each request, with \
                            --echo.";

/// A spelling of the names of identity headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// `x-tollgate-user-id`, twice, and with spaces before the value.
    Plain,
    /// `X-TOLLGATE-USER-ID`.
    UpperCase,
    /// `x_tollgate_user_id`.
    Underscores,
    /// `x-tollgate_user-id`.
    FirstUnderscore,
    /// `x_tollgate-user-id`.
    PrefixUnderscore,
    /// `x-tollgate-user_id`.
    LastUnderscore,
}

const SPELLINGS: [Spelling; 6] = [
    Spelling::Plain,
    Spelling::UpperCase,
    Spelling::Underscores,
    Spelling::FirstUnderscore,
    Spelling::PrefixUnderscore,
    Spelling::LastUnderscore,
];

/// A header as it is sent, with a value that occurs nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spoof {
    name: String,
    mark: String,
}

impl Spelling {
    fn of(self, name: &str) -> String {
        let parts: Vec<&str> = name.splitn(3, '-').collect();
        let rest = parts.get(2).copied().unwrap_or_default();
        match self {
            Self::Plain => name.to_owned(),
            Self::UpperCase => name.to_ascii_uppercase(),
            Self::Underscores => name.replace('-', "_"),
            Self::FirstUnderscore => format!("x-tollgate_{rest}"),
            Self::PrefixUnderscore => format!("x_tollgate-{rest}"),
            Self::LastUnderscore => format!("x-tollgate-{}", rest.replace('-', "_")),
        }
    }

    /// Returns the headers in this spelling. A name that is the plain one is omitted.
    fn spoofs(self, mark: &str) -> Vec<Spoof> {
        let names = BACKEND_HEADERS.iter().chain([&ORIGIN_HEADER]);
        let spelled = names.map(|name| (*name, self.of(name)));
        let others = spelled.filter(|(name, spelled)| self == Self::Plain || name != spelled);

        let times = if self == Self::Plain { 2 } else { 1 };
        let all = others.flat_map(|(_, name)| std::iter::repeat_n(name, times));
        all.enumerate()
            .map(|(index, name)| Spoof {
                name,
                mark: format!("spoof-{mark}-{self:?}-{index}-"),
            })
            .collect()
    }
}

/// Returns harmless headers in a spelling, repeated like those of the identity. An echo returns both
/// values, and a list of known headers cannot contain the name.
fn controls(spelling: Spelling, mark: &str) -> Vec<Spoof> {
    let name = match spelling {
        Spelling::Plain => format!("x-check-{mark}"),
        Spelling::UpperCase => format!("X-CHECK-{mark}").to_ascii_uppercase(),
        Spelling::Underscores => format!("x_check_{mark}"),
        Spelling::FirstUnderscore => format!("x-check_{mark}"),
        Spelling::PrefixUnderscore => format!("x_check-{mark}"),
        Spelling::LastUnderscore => format!("x-check-{mark}_{mark}"),
    };
    let times = if spelling == Spelling::Plain { 2 } else { 1 };
    (0..times)
        .map(|index| Spoof {
            name: name.clone(),
            mark: format!("control-{mark}-{spelling:?}-{index}-"),
        })
        .collect()
}

/// True if a response contains the values of all headers.
fn returns(reply: &Reply, headers: &[Spoof]) -> bool {
    let text = reply.text();
    headers.iter().all(|header| text.contains(&header.mark))
}

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let Some(path) = &session.requests.options.echo else {
        return Ok(
            Verdict::not_proven("no route that echoes requests is known").with_fix(NAME_AN_ECHO),
        );
    };
    session.admitted_call().await?;

    let mark = session.temporary.mark();
    let marker = format!("marker-{mark}");
    let reply = session.call_later(path, &[(MARKER, &marker)]).await?;
    if !is_echo(&reply, &marker) {
        return Ok(not_an_echo(&reply));
    }
    let missing = missing_identity(&reply);
    if !missing.is_empty() || !reply.text().contains(&session.temporary.name) {
        return Ok(incomplete_echo(&reply, &missing));
    }

    let requests = session.requests;
    let mut found = Found {
        is_drop_checked: requests.stack.is_some() || requests.is_local(),
        ..Found::default()
    };
    for spelling in SPELLINGS {
        let sent = Sent::new(spelling, &mark, &marker);
        let reply = with_key(session, path, &sent).await?;
        found.add(&reply, &sent, "with a key");
    }
    public(session, path, &marker, &mut found).await?;
    Ok(found.verdict())
}

/// The headers of one request.
struct Sent {
    spelling: Spelling,
    marker: String,
    spoofs: Vec<Spoof>,
    controls: Vec<Spoof>,
}

impl Sent {
    fn new(spelling: Spelling, mark: &str, marker: &str) -> Self {
        Self {
            spelling,
            marker: marker.to_owned(),
            spoofs: spelling.spoofs(mark),
            controls: controls(spelling, mark),
        }
    }

    /// Returns all headers. Every second value begins with spaces.
    fn headers(&self) -> Vec<(&str, String)> {
        let marker = (MARKER, self.marker.clone());
        let harmless = self.controls.iter();
        let harmless = harmless.map(|control| (control.name.as_str(), control.mark.clone()));
        let spoofed = self.spoofs.iter().enumerate().map(|(index, spoof)| {
            let spaces = if index % 2 == 0 { "" } else { "  " };
            (spoof.name.as_str(), format!("{spaces}{}", spoof.mark))
        });
        std::iter::once(marker)
            .chain(harmless)
            .chain(spoofed)
            .collect()
    }
}

/// Returns the verdict for a response that repeats only some of the headers.
fn incomplete_echo(reply: &Reply, missing: &[&str]) -> Verdict {
    let lacks = match missing {
        [] => "the id of the temporary key, which the gateway sets".to_owned(),
        names => format!("headers that the gateway sets: {}", names.join(", ")),
    };
    Verdict::not_proven(format!(
        "{} without {lacks}, so it does not show what the backend received",
        reply.summary()
    ))
    .with_fix(NAME_AN_ECHO)
}

fn not_an_echo(reply: &Reply) -> Verdict {
    Verdict::not_proven(format!(
        "{} without the header {MARKER} of the request, so it is not an echo",
        reply.summary()
    ))
    .with_fix(NAME_AN_ECHO)
}

/// Sends headers with the key.
async fn with_key(session: &Session<'_>, path: &str, sent: &Sent) -> Result<Reply, Verdict> {
    let headers = sent.headers();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    match sent.spelling {
        Spelling::UpperCase => Ok(session.call_in_upper_case(path, &headers).await?),
        _ => Ok(session.call_later(path, &headers).await?),
    }
}

/// Sends headers without a key to the public route for `OPTIONS`. The route may be missing, or its
/// backend may not echo requests. The gateway sets one header on this route.
async fn public(
    session: &Session<'_>,
    path: &str,
    marker: &str,
    found: &mut Found,
) -> Result<(), Verdict> {
    let requests = session.requests;
    let call = |headers: Vec<(String, String)>| async move {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(a, b)| (&**a, &**b)).collect();
        requests
            .call("OPTIONS", path, &headers, "without a key")
            .await
    };
    let reply = call(vec![(MARKER.to_owned(), marker.to_owned())]).await?;
    let incomplete = format!(
        "{} is no echo, so it is not shown without a key",
        reply.request
    );
    if !is_echo(&reply, marker) {
        found.notes.push(incomplete);
        return Ok(());
    }

    let is_complete = !missing_identity(&reply).contains(&ORIGIN_HEADER);
    let mut public = Found {
        is_drop_checked: found.is_drop_checked,
        ..Found::default()
    };
    for spelling in SPELLINGS
        .into_iter()
        .filter(|it| *it != Spelling::UpperCase)
    {
        let sent = Sent::new(spelling, &session.temporary.mark(), marker);
        let headers = sent.headers().into_iter();
        let reply = call(
            headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
        .await?;
        public.add(&reply, &sent, "without a key");
    }

    // Any echo shows that a header arrives, but only a complete one that none does.
    if public.arrived.is_empty() && !is_complete {
        found.notes.push(incomplete);
    } else {
        found.merge(public);
    }
    Ok(())
}

/// The findings of the check.
#[derive(Default)]
struct Found {
    arrived: Vec<String>,
    refused: usize,
    removed: usize,
    notes: Vec<String>,
    open: Vec<String>,
    /// True if another check shows that the load balancer drops names with `_`, or the local gateway
    /// does.
    is_drop_checked: bool,
}

impl Found {
    fn add(&mut self, reply: &Reply, sent: &Sent, what: &str) {
        let text = reply.text();
        let mut arrived: Vec<&str> = sent
            .spoofs
            .iter()
            .filter(|spoof| text.contains(&spoof.mark))
            .map(|spoof| spoof.name.as_str())
            .collect();
        arrived.dedup();
        if !arrived.is_empty() {
            let names = arrived.join(", ");
            self.arrived
                .push(format!("the backend received {names} of a client {what}"));
            return;
        }

        match reply.admission() {
            Admission::Refused => self.refused += sent.spoofs.len(),
            _ if !is_echo(reply, &sent.marker) => self.open.push(format!(
                "{} with the headers {}…, expected an echo or a refusal",
                reply.summary(),
                sent.spoofs.first().map_or("", |spoof| &spoof.name)
            )),
            _ if returns(reply, &sent.controls) => self.removed += sent.spoofs.len(),
            _ => self.without_control(reply, sent, what),
        }
    }

    fn merge(&mut self, other: Self) {
        self.arrived.extend(other.arrived);
        self.refused += other.refused;
        self.removed += other.removed;
        self.notes.extend(other.notes);
        self.open.extend(other.open);
    }

    /// Adds an echo without the harmless header. Either no header in this spelling reaches the
    /// backend, or the echo omits such headers.
    fn without_control(&mut self, reply: &Reply, sent: &Sent, what: &str) {
        let name = sent.controls.first().map_or("", |control| &control.name);
        let is_dropped = name.contains('_') && self.is_drop_checked;
        if is_dropped {
            self.notes.push(format!(
                "{what}, no name like {name} comes back, so names with `_` are dropped: see \
                 alb-drops-invalid-headers"
            ));
        } else {
            self.open.push(format!(
                "{} {what} without the harmless header {name}, so this spelling is not shown",
                reply.summary()
            ));
        }
    }

    fn verdict(self) -> Verdict {
        if !self.arrived.is_empty() {
            return Verdict::of_problems(self.arrived, "");
        }
        if !self.open.is_empty() {
            let mut verdict = Verdict::not_proven("");
            verdict.details = self.open;
            return verdict.with_fix(NAME_AN_ECHO);
        }
        let (removed, refused) = (self.removed, self.refused);
        let mut verdict = Verdict::ok(format!(
            "{removed} headers were removed, and requests with {refused} others were refused"
        ));
        verdict.details.extend(self.notes);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    fn found(spelling: Spelling, body: impl Fn(&[Spoof]) -> String) -> Verdict {
        let sent = Sent::new(spelling, "m", "marker-m");
        let mut found = Found::default();
        let reply = reply(200, &[], &body(&sent.spoofs));
        found.add(&reply, &sent, "with a key");
        found.verdict()
    }

    /// Returns an echo with the marker and the harmless headers.
    fn echo(spelling: Spelling) -> String {
        let controls = controls(spelling, "m");
        let values: Vec<&str> = controls.iter().map(|it| it.mark.as_str()).collect();
        format!("marker-m {}", values.join(" "))
    }

    #[test]
    fn spellings_differ_from_each_other() {
        let name = "x-tollgate-user-id";
        let spelled: Vec<String> = SPELLINGS.iter().map(|it| it.of(name)).collect();
        assert_eq!(
            spelled,
            [
                "x-tollgate-user-id",
                "X-TOLLGATE-USER-ID",
                "x_tollgate_user_id",
                "x-tollgate_user-id",
                "x_tollgate-user-id",
                "x-tollgate-user_id",
            ]
        );
    }

    #[test]
    fn all_headers_are_sent_and_plain_ones_twice() {
        let plain = Spelling::Plain.spoofs("m");
        assert_eq!(plain.len(), 2 * (BACKEND_HEADERS.len() + 1));
        assert!(plain.iter().any(|spoof| spoof.name == ORIGIN_HEADER));
        // Names of one word have no last underscore.
        let last = Spelling::LastUnderscore.spoofs("m");
        assert!(
            last.iter().all(|spoof| spoof.name.contains('_')),
            "{last:?}"
        );
        assert!(!last.is_empty());
    }

    #[test]
    fn one_header_that_arrives_is_named_in_each_spelling() {
        for spelling in SPELLINGS {
            let failed = found(spelling, |spoofs| format!("marker-m {}", spoofs[0].mark));
            let name = spelling.spoofs("m")[0].name.clone();
            assert_eq!(
                failed.details,
                [format!(
                    "the backend received {name} of a client with a key"
                )]
            );
            assert_eq!(failed.status, Status::Failed);
        }
    }

    #[test]
    fn removal_passes_and_other_responses_prove_nothing() {
        for spelling in SPELLINGS {
            let passed = found(spelling, |_| echo(spelling));
            assert_eq!(passed.status, Status::Ok, "{spelling:?}");
            let unknown = found(spelling, |_| "marker-m".to_owned());
            assert_eq!(unknown.status, Status::NotProven, "{spelling:?}");
            assert!(unknown.details[0].contains("without the harmless header"));
        }
        let open = found(Spelling::Plain, |_| "hello".to_owned());
        assert_eq!(open.status, Status::NotProven);
    }

    #[test]
    fn refusal_counts_as_removal() {
        let sent = Sent::new(Spelling::Underscores, "m", "marker-m");
        let mut found = Found::default();
        let forbidden = reply(403, &[], r#"{"message":"Forbidden"}"#);
        found.add(&forbidden, &sent, "with a key");
        assert_eq!(found.verdict().status, Status::Ok);
    }

    #[test]
    fn underscores_may_be_dropped_if_another_check_shows_it() {
        for (spelling, expected) in [
            (Spelling::Underscores, Status::Ok),
            (Spelling::LastUnderscore, Status::Ok),
            (Spelling::Plain, Status::NotProven),
        ] {
            let mut found = Found {
                is_drop_checked: true,
                ..Found::default()
            };
            let sent = Sent::new(spelling, "m", "marker-m");
            found.add(&reply(200, &[], "marker-m"), &sent, "without a key");
            assert_eq!(found.verdict().status, expected, "{spelling:?}");
        }
    }
}
