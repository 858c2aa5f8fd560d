//! The responses to requests without valid credentials.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::Secret;
use serde_json::json;

use super::context::Requests;
use super::reply::{Reply, Sender};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const MISSING: Check = Check {
    id: "missing-key-refused",
    group: Group::Requests,
    title: "A request without a key is refused",
    explanation: "The check calls the path in `--path` without a key, with an empty key, and with \
                  a key in the query. The status must be the one that `OnBadCredentials` selects: \
                  401, or 403. A 500 would count as a fault, and set off alarms.",
    fix: "If the status is 500, deploy with OnBadCredentials=forbid: AWS documents the 401 of a \
          Lambda authorizer for REST APIs only. If a request is served, see the checks of the \
          routes in the group `api`, and the rule of the policy.",
    permissions: &[],
    evidence: Some("Invalid credentials return 401"),
};

const WRONG: Check = Check {
    id: "wrong-key-refused",
    group: Group::Requests,
    title: "A request with a wrong key is refused like one without a key",
    explanation: "The check sends a random key, two keys, and an expired token without a valid \
                  signature. Status and body must be those of a request without a key. A \
                  difference would tell an attacker which keys exist, and a 500 would set off \
                  alarms.",
    fix: "If the status is 500, see the log of the authorizer, or deploy with \
          OnBadCredentials=forbid. If a request is served, see the checks of the routes in the \
          group `api`, and the rule of the policy.",
    permissions: &[],
    evidence: Some("Invalid credentials return 401"),
};

pub(super) const MISSING_ENTRY: Entry<Requests> = Entry {
    check: &MISSING,
    run: |requests| Box::pin(async { Ok(either(check_missing(requests).await)) }),
};

pub(super) const WRONG_ENTRY: Entry<Requests> = Entry {
    check: &WRONG,
    run: |requests| Box::pin(async { Ok(either(check_wrong(requests).await)) }),
};

/// The next step if a refusal is a 500.
pub(super) const FIX_OF_500: &str = "If the status is 500, see the log of the authorizer, or deploy \
                                     with OnBadCredentials=forbid: AWS documents the 401 of a \
                                     Lambda authorizer for REST APIs only.";

/// Schemes for which a browser asks its user for a password.
const PASSWORD_SCHEMES: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];

async fn check_missing(requests: &Requests) -> Result<Verdict, Verdict> {
    let secret = random_secret()?;
    let key_header = requests.key_header();
    let path = &requests.options.path;
    let separator = if path.contains('?') { '&' } else { '?' };
    let with_query = format!("{path}{separator}{key_header}={}", secret.expose());

    let plain = requests.call("GET", path, &[], "without a key").await?;
    let empty = [(key_header.as_str(), "")];
    let empty = requests.call("GET", path, &empty, "with an empty key");
    let query = requests.call("GET", &with_query, &[], "with a key in the query");
    let others = [empty.await?, query.await?];
    Ok(verdict(&plain, &others, expected_status(requests)))
}

async fn check_wrong(requests: &Requests) -> Result<Verdict, Verdict> {
    let (secret, other) = (random_secret()?, random_secret()?);
    let key_header = requests.key_header();
    let path = &requests.options.path;
    let token = format!("Bearer {}", expired_token());

    let plain = requests.call("GET", path, &[], "without a key").await?;
    let one = [(key_header.as_str(), secret.expose())];
    let two = [one[0], (key_header.as_str(), other.expose())];
    let token = [("authorization", token.as_str())];
    let others = [
        requests.call("GET", path, &one, "with a wrong key").await?,
        requests.call("GET", path, &two, "with two keys").await?,
        requests
            .call("GET", path, &token, "with an expired token")
            .await?,
    ];
    Ok(verdict(&plain, &others, expected_status(requests)))
}

fn random_secret() -> Result<Secret, Verdict> {
    Secret::generate(None).map_err(|_| Verdict::error("the random number generator failed"))
}

/// Returns a token that is expired, and whose signature is invalid.
fn expired_token() -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "RS256", "typ": "JWT", "kid": "check"}));
    let claims = part(&json!({"iss": "https://check.invalid", "sub": "check", "exp": 1}));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 256]))
}

/// Returns the status that `OnBadCredentials` selects, if the stack is known.
fn expected_status(requests: &Requests) -> Option<u16> {
    match requests.parameter("OnBadCredentials")?.as_str() {
        "unauthorized" => Some(401),
        "forbid" => Some(403),
        _ => None,
    }
}

/// Decides on the response to a request without credentials, and on those to `others`.
fn verdict(plain: &Reply, others: &[Reply], expected: Option<u16>) -> Verdict {
    if plain.sender() == Sender::Backend {
        return Verdict::not_proven(format!("{}: the path is public", plain.summary()))
            .with_fix("Name a route that requires an API key, with --path.");
    }

    let mut problems = Vec::new();
    for reply in std::iter::once(plain).chain(others) {
        problems.extend(problems_of(reply, expected));
    }
    for reply in others {
        let is_refused = reply.sender() == Sender::Gateway;
        if is_refused && reply.status == plain.status && reply.text() != plain.text() {
            problems.push(format!(
                "{}: the body differs from that of {}",
                reply.request, plain.request
            ));
        }
        if expected.is_none() && is_refused && reply.status != plain.status {
            problems.push(format!(
                "{}, expected {} as {}",
                reply.summary(),
                plain.status,
                plain.request
            ));
        }
    }
    problems.dedup();
    let refused = others.len() + 1;
    let detail = format!("{refused} requests got {} and the same body", plain.status);
    Verdict::of_problems(problems, detail)
}

fn problems_of(reply: &Reply, expected: Option<u16>) -> Option<String> {
    let summary = reply.summary();
    if reply.sender() == Sender::Backend {
        return Some(format!("{summary} from the backend, expected a refusal"));
    }
    let is_expected = match expected {
        Some(status) => reply.status == status,
        None => matches!(reply.status, 401 | 403),
    };
    if !is_expected {
        let expected = expected.map_or("401 or 403".to_owned(), |status| status.to_string());
        return Some(format!("{summary}, expected {expected}"));
    }

    let challenge = reply.header("www-authenticate")?.to_ascii_lowercase();
    let scheme = PASSWORD_SCHEMES
        .iter()
        .find(|scheme| challenge.contains(*scheme))?;
    Some(format!(
        "{summary} with WWW-Authenticate: {scheme}, for which a browser asks for a password"
    ))
}

/// Returns the verdict, of a check that ended with `?` too.
pub(super) fn either(outcome: Result<Verdict, Verdict>) -> Verdict {
    outcome.unwrap_or_else(|verdict| verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
    const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

    fn refusal(status: u16, body: &str) -> Reply {
        reply(status, &[], body)
    }

    #[test]
    fn equal_refusals_pass() {
        let plain = refusal(401, UNAUTHORIZED);
        let others = [plain.clone(), plain.clone()];
        assert_eq!(verdict(&plain, &others, Some(401)).status, Status::Ok);
        assert_eq!(verdict(&plain, &others, None).status, Status::Ok);
        let forbidden = refusal(403, FORBIDDEN);
        assert_eq!(verdict(&forbidden, &[], Some(403)).status, Status::Ok);
    }

    #[test]
    fn status_of_the_setting_is_expected() {
        let forbidden = refusal(403, FORBIDDEN);
        let failed = verdict(&forbidden, &[], Some(401));
        assert_eq!(failed.details, ["GET / returned 403, expected 401"]);
    }

    #[test]
    fn internal_error_fails() {
        let plain = refusal(401, UNAUTHORIZED);
        let other = refusal(500, r#"{"message":"Internal Server Error"}"#);
        let failed = verdict(&plain, std::slice::from_ref(&other), None);
        assert!(
            failed.details[0].contains("expected 401 or 403"),
            "{failed:?}"
        );
        assert_eq!(verdict(&other, &[], Some(401)).status, Status::Failed);
    }

    #[test]
    fn different_status_or_body_fails() {
        let plain = refusal(401, UNAUTHORIZED);
        let failed = verdict(&plain, &[refusal(403, FORBIDDEN)], None);
        assert_eq!(
            failed.details,
            ["GET / returned 403, expected 401 as GET /"]
        );
        let failed = verdict(
            &plain,
            &[refusal(401, r#"{"message":"Unknown key"}"#)],
            None,
        );
        assert!(failed.details[0].contains("body differs"), "{failed:?}");
    }

    #[test]
    fn served_request_fails_and_public_path_proves_nothing() {
        let plain = refusal(401, UNAUTHORIZED);
        let failed = verdict(&plain, &[reply(200, &[], "ok")], None);
        assert!(failed.details[0].contains("from the backend"), "{failed:?}");
        let public = verdict(&reply(200, &[], "ok"), &[plain], None);
        assert_eq!(public.status, Status::NotProven);
    }

    #[test]
    fn request_for_a_password_fails() {
        let challenge = [("www-authenticate", "Basic realm=\"x\"")];
        let failed = verdict(&reply(401, &challenge, UNAUTHORIZED), &[], None);
        assert!(
            failed.details[0].contains("asks for a password"),
            "{failed:?}"
        );
        let bearer = [("www-authenticate", "Bearer")];
        let passed = verdict(&reply(401, &bearer, UNAUTHORIZED), &[], None);
        assert_eq!(passed.status, Status::Ok);
    }

    #[test]
    fn token_has_three_parts_and_is_expired() {
        let token = expired_token();
        let claims = token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((token.split('.').count(), &claims["exp"]), (3, &json!(1)));
    }
}
