//! The refusal of a disabled key.

use std::time::Duration;

use admin_client::{AdminRequest, path};
use serde_json::json;

use super::refused::FIX_OF_500;
use super::reply::{Admission, Reply};
use super::run::KeyEntry;
use super::session::Session;
use crate::check::{Check, Group};
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "disabled-key-refused",
    group: Group::Requests,
    title: "A disabled key is refused within 30 s",
    explanation: "The check disables the temporary key and calls the path in `--path` until the key \
                  is refused. Instances of the authorizer remember a key for up to 30 s. An \
                  operator who disables a leaked key relies on this time.",
    fix: "See whether the authorizer and the admin API use the same registry table. See whether \
          the result of the authorizer is cached: its TTL must be 0.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

/// The pause between two calls. The temporary plan then never throttles them.
const INTERVAL: Duration = Duration::from_millis(1_200);
/// The number of calls within 30 s.
const MAX_CALLS: u32 = 25;

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    session.admitted_call().await?;
    let key = path(&["keys", &session.temporary.name]);
    let disabling = AdminRequest::patch(key, &json!({"enabled": false}));
    session.requests.client.send(disabling).await?;

    let path = &session.requests.options.path;
    let mut is_refused_before = false;
    for call in 1..=MAX_CALLS {
        session.requests.pause(INTERVAL).await;
        let reply = session.call(path, &[]).await?;
        // The 403 of a throttled call, with OnThrottle=forbid, does not repeat itself.
        if is_refused(&reply) && is_refused_before {
            let seconds = (INTERVAL * call).as_secs();
            return Ok(Verdict::ok(format!(
                "{} after {seconds} s",
                reply.summary()
            )));
        }
        is_refused_before = is_refused(&reply);
        if let Some(problem) = problem(&reply) {
            return Ok(Verdict::failed(problem).with_fix(FIX_OF_500));
        }
    }
    Ok(Verdict::failed(format!(
        "the disabled key is still admitted after {} s",
        (INTERVAL * MAX_CALLS).as_secs()
    )))
}

fn is_refused(reply: &Reply) -> bool {
    reply.admission() == Admission::Refused
}

/// Returns the problem of a response that is neither an admission nor a refusal.
fn problem(reply: &Reply) -> Option<String> {
    let is_failure = matches!(
        reply.admission(),
        Admission::Failed | Admission::NotRouted | Admission::Unavailable
    );
    is_failure.then(|| {
        format!(
            "{} after it was disabled, expected 401 or 403",
            reply.summary()
        )
    })
}
