//! The keys in the startup text.

use std::fmt::Write as _;

use jiff::Timestamp;
use limits::PlanDocument;
use registry::{KeySeed, Seeds};

/// Writes one line per key: the secret if secrets are shown, otherwise the id.
pub(super) fn write(
    text: &mut String,
    seeds: &Seeds,
    are_secrets_shown: bool,
    now: Timestamp,
) -> std::fmt::Result {
    for key in &seeds.keys {
        let plan = seeds.plans.get(&key.plan).map(limits).unwrap_or_default();
        let shown = if are_secrets_shown {
            &key.key
        } else {
            &key.key_id
        };

        let problem = problem(key, now)
            .map(|problem| format!("   ({problem})"))
            .unwrap_or_default();
        writeln!(text, "  {shown}   plan {}: {plan}{problem}", key.plan)?;
    }
    Ok(())
}

/// The reason why requests with the key are refused, if they are.
fn problem(key: &KeySeed, now: Timestamp) -> Option<String> {
    if !key.enabled {
        return Some("disabled: 401".to_owned());
    }
    key.expires_at
        .filter(|end| *end <= now)
        .map(|end| format!("expired at {end}: 401"))
}

fn limits(plan: &PlanDocument) -> String {
    let throttle = plan
        .throttle
        .iter()
        .map(|throttle| format!("{}/s, burst {}", throttle.rate, throttle.burst));
    let quotas = plan
        .quotas
        .iter()
        .map(|quota| format!("{} per {}", quota.limit, quota.period));

    let all: Vec<String> = throttle.chain(quotas).collect();
    if all.is_empty() {
        "no limit".to_owned()
    } else {
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_key_is_shown_with_the_reason() {
        let seeds = Seeds::parse(
            r#"{"plans": {"p": {}}, "keys": [
                {"key": "twenty-characters-01", "key_id": "good", "plan": "p", "expires_at": "2026-11-22T12:00:01Z"},
                {"key": "twenty-characters-02", "key_id": "off", "plan": "p", "enabled": false},
                {"key": "twenty-characters-03", "key_id": "old", "plan": "p", "expires_at": "2026-11-22T12:00:00Z"}]}"#,
        );
        let mut text = String::new();
        write(
            &mut text,
            &seeds.unwrap(),
            false,
            "2026-11-22T12:00:00Z".parse().unwrap(),
        )
        .unwrap();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "  good   plan p: no limit",
                "  off   plan p: no limit   (disabled: 401)",
                "  old   plan p: no limit   (expired at 2026-11-22T12:00:00Z: 401)",
            ]
        );
    }
}
