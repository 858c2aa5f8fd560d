//! Conditions on keys as options.

use clap::Args;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::fields::entry;
use crate::instant::past_day;

/// The conditions of a search. A key must meet all of them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct ListFilter {
    /// Keys on this plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Keys with this part in their name, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Keys of this user
    #[arg(long, value_name = "USER")]
    subject: Option<String>,
    /// Keys of this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Enabled or disabled keys
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// Keys without a call since this day that were created before it: a day, or a duration such
    /// as 90d
    #[arg(long, value_name = "DAY", value_parser = past_day)]
    unused_since: Option<Date>,
    /// Keys with this entry in their metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = entry)]
    metadata: Vec<(String, String)>,
}

impl ListFilter {
    /// Returns the conditions as parameters of a list.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let texts = [
            ("plan", self.plan.clone()),
            ("name", self.name.clone()),
            ("subject", self.subject.clone()),
            ("group", self.group.clone()),
            ("enabled", self.enabled.map(|it| it.to_string())),
            ("unused_since", self.unused_since.map(|it| it.to_string())),
        ];
        let texts = texts.into_iter();
        let mut parameters: Vec<_> = texts
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let metadata = self.metadata.iter();
        parameters
            .extend(metadata.map(|(name, value)| (format!("metadata.{name}"), value.clone())));
        parameters
    }
}

/// The name of a condition of a bulk change.
const CONDITIONS: [&str; 6] = [
    "plan",
    "name",
    "subject",
    "group",
    "enabled",
    "unused_since",
];

/// Returns the filter of a bulk change: `NAME=VALUE` per condition, where a name may be
/// `metadata.NAME`, or `all` alone.
///
/// # Errors
/// The condition that is invalid, and what was expected.
pub(super) fn bulk_filter(conditions: &[String]) -> Result<Value, String> {
    if conditions == ["all"] {
        return Ok(json!({"all": true}));
    }

    let mut filter = Map::new();
    let mut metadata = Map::new();
    for condition in conditions {
        let (name, text) = entry(condition)
            .map_err(|_| format!("--filter {condition}: expected NAME=VALUE, or `all` alone"))?;
        let (place, name, value) = match name.strip_prefix("metadata.") {
            Some(entry) => (&mut metadata, entry.to_owned(), Value::from(text)),
            None => {
                let value = condition_value(&name, text)
                    .map_err(|problem| format!("--filter {condition}: {problem}"))?;
                (&mut filter, name, value)
            }
        };
        if place.insert(name, value).is_some() {
            return Err(format!(
                "--filter {condition}: the condition is given twice"
            ));
        }
    }
    if !metadata.is_empty() {
        filter.insert("metadata".to_owned(), metadata.into());
    }
    Ok(filter.into())
}

fn condition_value(name: &str, text: String) -> Result<Value, String> {
    match name {
        "enabled" => match text.as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("expected true or false".to_owned()),
        },
        "unused_since" => Ok(past_day(&text)?.to_string().into()),
        name if CONDITIONS.contains(&name) => Ok(text.into()),
        _ => Err(format!(
            "unknown condition, expected {} or metadata.NAME",
            CONDITIONS.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(conditions: &[&str]) -> Result<Value, String> {
        let conditions: Vec<_> = conditions.iter().map(ToString::to_string).collect();
        bulk_filter(&conditions)
    }

    #[test]
    fn conditions_of_a_bulk_change_have_the_types_of_the_api() {
        let all = [
            "plan=trial",
            "enabled=true",
            "unused_since=2026-08-31",
            "metadata.email=a=b",
        ];
        assert_eq!(
            filter(&all).unwrap(),
            json!({"plan": "trial", "enabled": true, "unused_since": "2026-08-31", "metadata": {"email": "a=b"}})
        );
        assert_eq!(filter(&["all"]).unwrap(), json!({"all": true}));
    }

    #[test]
    fn invalid_condition_is_named() {
        for (conditions, problem) in [
            (&["plan"][..], "expected NAME=VALUE"),
            (&["all", "plan=a"], "--filter all: expected NAME=VALUE"),
            (&["plna=a"], "unknown condition, expected plan, name"),
            (&["enabled=yes"], "expected true or false"),
            (&["unused_since=soon"], "expected a day"),
            (
                &["plan=a", "plan=b"],
                "--filter plan=b: the condition is given twice",
            ),
        ] {
            let error = filter(conditions).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
