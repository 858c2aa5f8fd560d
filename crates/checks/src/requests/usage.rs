//! The usage of the temporary key.

use std::time::Duration;

use admin_client::path;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::run::KeyEntry;
use super::session::Session;
use crate::aws::array;
use crate::check::{Check, Group};
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "usage-counted",
    group: Group::Requests,
    title: "The usage of a key is exactly the number of its admitted calls",
    explanation: "The check compares the calls that were admitted in this run with the usage that \
                  the admin API reports. Throttled and refused calls must not count. Quotas and \
                  bills are made from these numbers.",
    fix: "If the usage is higher, see the log of the authorizer for retries of lost responses. If it \
          is lower, see whether the authorizer and the admin API use the same usage table.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The most reads of the report, for a store whose reads lag behind.
const MAX_READS: usize = 3;
const READ_INTERVAL: Duration = Duration::from_secs(1);

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    session.admitted_call().await?;
    let expected = session.charged().map_err(|lost| {
        Verdict::not_proven(format!(
            "{lost} calls got no response, and may have been charged or not"
        ))
    })?;

    let mut used = 0;
    for read in 0..MAX_READS {
        if read > 0 {
            session.requests.pause(READ_INTERVAL).await;
        }
        used = reported(session).await?;
        if used == expected {
            break;
        }
    }
    Ok(verdict(used, expected))
}

/// Returns the calls in the report, also if the day has changed during the run.
async fn reported(session: &Session<'_>) -> Result<u64, Verdict> {
    let now = Timestamp::now();
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    let (from, to) = (day(now - DAY), day(now + DAY));
    let path =
        path(&["keys", &session.temporary.name, "usage"]).query(&[("from", &from), ("to", &to)]);
    let report = session.requests.client.get(&path).await?.json()?;
    calls(&report).ok_or_else(|| Verdict::error("the usage report has no number `calls`"))
}

fn calls(report: &Value) -> Option<u64> {
    let days = report["days"].is_array().then(|| array(&report["days"]))?;
    days.iter().map(|day| day["calls"].as_u64()).sum()
}

fn verdict(used: u64, expected: u64) -> Verdict {
    if used == expected {
        return Verdict::ok(format!("{used} calls were admitted and are reported"));
    }
    Verdict::failed(format!(
        "{used} calls are reported, expected {expected}, the number of admitted calls"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verdict::Status;

    #[test]
    fn calls_of_all_days_count() {
        let report = json!({"days": [{"calls": 0}, {"calls": 7}, {"calls": 2}]});
        assert_eq!(calls(&report), Some(9));
        assert_eq!(calls(&json!({"days": [{"calls": "7"}]})), None);
        assert_eq!(calls(&json!({})), None);
    }

    #[test]
    fn any_difference_fails() {
        assert_eq!(verdict(4, 4).status, Status::Ok);
        assert_eq!(verdict(5, 4).status, Status::Failed);
        assert_eq!(
            verdict(3, 4).details,
            ["3 calls are reported, expected 4, the number of admitted calls"]
        );
    }
}
