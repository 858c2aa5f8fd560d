//! What an event asks for. Any event starts a run; `{"dry_run": true}` starts one that changes
//! nothing.

use lambda_runtime::Diagnostic;
use serde_json::Value;
use telemetry::Excerpt;

const DRY_RUN: &str = "dry_run";

/// An event that seems to ask for a dry run, but not in the form that is understood. It must not
/// start a real run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The field's value has another type.
    #[error("{DRY_RUN}: invalid value {0}, expected true or false")]
    Value(String),
    /// The field has a similar name.
    #[error("unknown field `{0}`, expected `{DRY_RUN}`")]
    Name(String),
}

impl From<InvalidEvent> for Diagnostic {
    fn from(error: InvalidEvent) -> Self {
        Self {
            error_type: "InvalidEvent".to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Returns true if the event asks for a dry run.
///
/// # Errors
/// [`InvalidEvent`] for another spelling (`DRY_RUN`, `dryRun`) or a value that is not a boolean.
pub(crate) fn asks_for_dry_run(event: &Value) -> Result<bool, InvalidEvent> {
    let Some(fields) = event.as_object() else {
        return Ok(false);
    };
    for name in fields.keys().filter(|name| name.as_str() != DRY_RUN) {
        let letters = name.chars().filter(|letter| letter.is_ascii_alphabetic());
        if letters
            .map(|letter| letter.to_ascii_lowercase())
            .eq("dryrun".chars())
        {
            return Err(InvalidEvent::Name(Excerpt(name).to_string()));
        }
    }

    match fields.get(DRY_RUN) {
        None => Ok(false),
        Some(Value::Bool(asked)) => Ok(*asked),
        Some(other) => Err(InvalidEvent::Value(Excerpt(&other.to_string()).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_true_asks_for_a_dry_run() {
        for (event, expected) in [
            (json!({"dry_run": true}), true),
            (json!({"dry_run": false}), false),
            (json!({}), false),
            (json!(null), false),
            (json!(["dry_run"]), false),
            (json!("dry_run"), false),
            (
                json!({"detail-type": "Scheduled Event", "detail": {"dry_run": true}}),
                false,
            ),
        ] {
            assert_eq!(asks_for_dry_run(&event), Ok(expected), "{event}");
        }
    }

    #[test]
    fn an_event_that_seems_to_ask_for_a_dry_run_is_refused() {
        for (event, problem) in [
            (
                json!({"dry_run": "true"}),
                r#"dry_run: invalid value "true", expected true or false"#,
            ),
            (
                json!({"dry_run": 1}),
                "dry_run: invalid value 1, expected true or false",
            ),
            (
                json!({"dry_run": null}),
                "dry_run: invalid value null, expected true or false",
            ),
            (
                json!({"DRY_RUN": true}),
                "unknown field `DRY_RUN`, expected `dry_run`",
            ),
            (
                json!({"dryRun": true}),
                "unknown field `dryRun`, expected `dry_run`",
            ),
            (
                json!({"dry-run": true, "dry_run": true}),
                "unknown field `dry-run`, expected `dry_run`",
            ),
        ] {
            assert_eq!(
                asks_for_dry_run(&event).unwrap_err().to_string(),
                problem,
                "{event}"
            );
        }
        let long = asks_for_dry_run(&json!({"dry_run": "x".repeat(70_000)}))
            .unwrap_err()
            .to_string();
        assert!(long.len() < 700, "{} bytes", long.len());
    }
}
