//! Identity headers that a client sends.

use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};

use super::echo::{MARKER, is_echo};
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
                  the response of the backend, which returns the headers of each request.",
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

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let Some(path) = &session.requests.options.echo else {
        return Ok(
            Verdict::not_proven("no route that echoes requests is known").with_fix(NAME_AN_ECHO),
        );
    };
    session.admitted_call().await?;

    let marker = format!("marker-{}", session.temporary.mark());
    let reply = session.call_later(path, &[(MARKER, &marker)]).await?;
    if !is_echo(&reply, &marker) {
        return Ok(not_an_echo(&reply));
    }

    let mut found = Found::default();
    for spelling in SPELLINGS {
        let spoofs = spelling.spoofs(&session.temporary.mark());
        let reply = with_key(session, path, &marker, spelling, &spoofs).await?;
        found.add(&reply, &marker, &spoofs, "with a key");
    }
    public(session, path, &marker, &mut found).await?;
    Ok(found.verdict())
}

fn not_an_echo(reply: &Reply) -> Verdict {
    Verdict::not_proven(format!(
        "{} without the header {MARKER} of the request, so it is not an echo",
        reply.summary()
    ))
    .with_fix(NAME_AN_ECHO)
}

/// Sends headers with the key.
async fn with_key(
    session: &Session<'_>,
    path: &str,
    marker: &str,
    spelling: Spelling,
    spoofs: &[Spoof],
) -> Result<Reply, Verdict> {
    let headers = headers(marker, spoofs);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    match spelling {
        Spelling::UpperCase => Ok(session.call_in_upper_case(path, &headers).await?),
        _ => Ok(session.call_later(path, &headers).await?),
    }
}

/// Sends headers without a key to the public route for `OPTIONS`. The route may be missing, or its
/// backend may not echo requests.
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
    if !is_echo(&reply, marker) {
        found.notes.push(format!(
            "{} is no echo, so it is not shown without a key",
            reply.request
        ));
        return Ok(());
    }

    for spelling in SPELLINGS
        .into_iter()
        .filter(|it| *it != Spelling::UpperCase)
    {
        let spoofs = spelling.spoofs(&session.temporary.mark());
        let sent = headers(marker, &spoofs).into_iter();
        let reply = call(sent.map(|(name, value)| (name.to_owned(), value)).collect()).await?;
        found.add(&reply, marker, &spoofs, "without a key");
    }
    Ok(())
}

/// Returns the headers of a request. Every second value begins with spaces.
fn headers<'s>(marker: &str, spoofs: &'s [Spoof]) -> Vec<(&'s str, String)> {
    let spoofed = spoofs.iter().enumerate().map(|(index, spoof)| {
        let spaces = if index % 2 == 0 { "" } else { "  " };
        (spoof.name.as_str(), format!("{spaces}{}", spoof.mark))
    });
    let marker = (MARKER, marker.to_owned());
    std::iter::once(marker).chain(spoofed).collect()
}

/// The findings of the check.
#[derive(Default)]
struct Found {
    arrived: Vec<String>,
    refused: usize,
    removed: usize,
    notes: Vec<String>,
    open: Vec<String>,
}

impl Found {
    fn add(&mut self, reply: &Reply, marker: &str, spoofs: &[Spoof], what: &str) {
        let text = reply.text();
        let mut arrived: Vec<&str> = spoofs
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
            Admission::Refused => self.refused += spoofs.len(),
            _ if is_echo(reply, marker) => self.removed += spoofs.len(),
            _ => self.open.push(format!(
                "{} with the headers {}…, expected an echo or a refusal",
                reply.summary(),
                spoofs.first().map_or("", |spoof| &spoof.name)
            )),
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
        let spoofs = spelling.spoofs("m");
        let mut found = Found::default();
        found.add(
            &reply(200, &[], &body(&spoofs)),
            "marker-m",
            &spoofs,
            "with a key",
        );
        found.verdict()
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
        let passed = found(Spelling::Plain, |_| "marker-m".to_owned());
        assert_eq!(passed.status, Status::Ok);
        let open = found(Spelling::Plain, |_| "hello".to_owned());
        assert_eq!(open.status, Status::NotProven);
    }

    #[test]
    fn refusal_counts_as_removal() {
        let spoofs = Spelling::Underscores.spoofs("m");
        let mut found = Found::default();
        let forbidden = reply(403, &[], r#"{"message":"Forbidden"}"#);
        found.add(&forbidden, "marker-m", &spoofs, "with a key");
        assert_eq!(found.verdict().status, Status::Ok);
    }
}
