//! Plans as rows of a table.

use serde_json::Value;

use crate::commands::list::cell;
use crate::output::Table;

/// Returns an empty table of plans.
pub(super) fn table() -> Table {
    Table::new(&["NAME", "STATE", "LIMIT", "QUOTAS", "MANAGED_BY"])
}

/// Returns the cells of an entry in the list of plans.
pub(super) fn cells(entry: &Value) -> Vec<String> {
    let plan = &entry["plan"];
    vec![
        cell(entry, "name"),
        state(plan).to_owned(),
        limit(plan),
        quotas(plan),
        cell(entry, "managed_by"),
    ]
}

fn state(plan: &Value) -> &'static str {
    if plan["enabled"] == false {
        "disabled"
    } else if plan["shadow"] == true {
        "dry run"
    } else {
        "enabled"
    }
}

/// Returns the limit on all calls of a caller.
fn limit(plan: &Value) -> String {
    if let Some(throttle) = plan.get("throttle") {
        return format!("{}/s, burst {}", throttle["rate"], throttle["burst"]);
    }
    match (plan.get("limit"), plan.get("window_s")) {
        (Some(limit), Some(window)) => format!("{limit} per {window} s"),
        _ => String::new(),
    }
}

/// Returns the quotas in the form of the option `--quota`.
fn quotas(plan: &Value) -> String {
    let quotas = plan["quotas"].as_array().into_iter().flatten();
    let quotas: Vec<_> = quotas
        .map(|quota| format!("{}={}", cell(quota, "period"), quota["limit"]))
        .collect();
    quotas.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plan_is_summarized() {
        let entry = json!({"name": "gold", "managed_by": "shop", "plan": {
            "throttle": {"rate": 0.5, "burst": 5},
            "quotas": [{"limit": 100, "period": "day"}, {"limit": 1000, "period": "month"}]}});
        assert_eq!(
            cells(&entry),
            [
                "gold",
                "enabled",
                "0.5/s, burst 5",
                "day=100, month=1000",
                "shop"
            ]
        );
    }

    #[test]
    fn states_and_sliding_windows_are_shown() {
        let cells_of = |plan: Value| cells(&json!({"name": "a", "plan": plan}))[1..3].to_vec();
        let sliding = json!({"algorithm": "sliding_window", "window_s": 60, "limit": 100});
        assert_eq!(cells_of(sliding), ["enabled", "100 per 60 s"]);
        assert_eq!(
            cells_of(json!({"enabled": false, "shadow": true})),
            ["disabled", ""]
        );
        assert_eq!(cells_of(json!({"shadow": true})), ["dry run", ""]);
    }
}
