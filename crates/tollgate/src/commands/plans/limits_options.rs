//! The limits of a new plan as options.

use clap::Args;
use limits::PlanDocument;
use serde_json::{Map, Number, Value, json};

use super::CommandError;

/// The limits of a new plan.
#[derive(Debug, Default, Args)]
#[group(id = "limits", multiple = true)]
pub(crate) struct LimitOptions {
    /// Calls per second of each caller, such as 10 or 0.5
    #[arg(long, value_name = "NUMBER", requires = "burst", value_parser = number, allow_negative_numbers = true)]
    rate: Option<Number>,
    /// Calls at once of each caller
    #[arg(long, value_name = "CALLS", requires = "rate")]
    burst: Option<u64>,
    /// Calls per period: hour, day, week, month, year or total; may be repeated
    #[arg(long = "quota", value_name = "PERIOD=CALLS", value_parser = quota)]
    quotas: Vec<(String, u64)>,
    /// Time zone of the quotas, such as Europe/Berlin. Default: UTC
    #[arg(long, value_name = "NAME", requires = "quotas")]
    time_zone: Option<String>,
}

impl LimitOptions {
    /// True if no option is given.
    pub(super) fn is_empty(&self) -> bool {
        self.rate.is_none() && self.quotas.is_empty()
    }

    /// Returns the plan.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 and every invalid option.
    pub(super) fn document(&self) -> Result<Value, CommandError> {
        let document = Value::Object(self.fields());

        let parsed: Result<PlanDocument, _> = serde_json::from_value(document.clone());
        let plan = parsed.map_err(|error| CommandError::usage(error.to_string()))?;
        let mistakes = plan.check();
        if mistakes.is_empty() {
            return Ok(document);
        }

        let lines: Vec<_> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", option(&mistake.pointer), mistake.message))
            .collect();
        Err(CommandError::usage(lines.join("\n")))
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let (Some(rate), Some(burst)) = (&self.rate, self.burst) {
            let throttle = json!({"rate": rate, "burst": burst});
            fields.insert("throttle".to_owned(), throttle);
        }

        let quotas = self.quotas.iter().map(|(period, limit)| {
            let mut quota = json!({"limit": limit, "period": period});
            // An hour and a total have no time zone.
            let has_days = !matches!(period.as_str(), "hour" | "total");
            if let Some(time_zone) = self.time_zone.as_ref().filter(|_| has_days) {
                quota["time_zone"] = json!(time_zone);
            }
            quota
        });
        let quotas: Vec<_> = quotas.collect();
        if !quotas.is_empty() {
            fields.insert("quotas".to_owned(), Value::Array(quotas));
        }
        fields
    }
}

/// Returns the option that a field of the plan comes from.
fn option(pointer: &str) -> &'static str {
    match pointer {
        "/throttle/burst" => "--burst",
        pointer if pointer.starts_with("/quotas") && pointer.ends_with("/time_zone") => {
            "--time-zone"
        }
        pointer if pointer.starts_with("/quotas") => "--quota",
        _ => "--rate",
    }
}

fn number(text: &str) -> Result<Number, String> {
    text.parse()
        .map_err(|_| "expected a number such as 10 or 0.5".to_owned())
}

fn quota(text: &str) -> Result<(String, u64), String> {
    let expected = || "expected PERIOD=CALLS, such as month=100000".to_owned();
    let (period, calls) = text.split_once('=').ok_or_else(expected)?;
    let calls = calls.parse().map_err(|_| expected())?;

    let period_value = Value::from(period);
    let is_period = serde_json::from_value::<limits::Period>(period_value);
    is_period.map_err(|error| error.to_string().replacen("variant", "period", 1))?;
    Ok((period.to_owned(), calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(rate: &str, burst: u64, quotas: &[&str]) -> LimitOptions {
        LimitOptions {
            rate: Some(number(rate).unwrap()),
            burst: Some(burst),
            quotas: quotas.iter().map(|text| quota(text).unwrap()).collect(),
            time_zone: None,
        }
    }

    #[test]
    fn options_become_a_plan() {
        let options = options("10", 20, &["month=100000", "day=5000"]);
        assert_eq!(
            options.document().unwrap(),
            json!({"throttle": {"rate": 10, "burst": 20},
                "quotas": [{"limit": 100_000, "period": "month"}, {"limit": 5_000, "period": "day"}]})
        );
    }

    #[test]
    fn time_zone_applies_to_quotas_with_days() {
        let options = LimitOptions {
            time_zone: Some("Europe/Berlin".to_owned()),
            ..options("0.5", 1, &["hour=10", "month=100"])
        };
        assert_eq!(
            options.document().unwrap()["quotas"],
            json!([{"limit": 10, "period": "hour"},
                {"limit": 100, "period": "month", "time_zone": "Europe/Berlin"}])
        );
    }

    #[test]
    fn invalid_value_names_its_option() {
        for (options, expected) in [
            (options("-1", 20, &[]), "--rate: "),
            (options("1", 100_000_001, &[]), "--burst: "),
            (options("1", 1, &["day=1", "day=2"]), "--quota: "),
            (
                LimitOptions {
                    time_zone: Some("Mars/Base".to_owned()),
                    ..options("1", 1, &["day=1"])
                },
                "--time-zone: ",
            ),
        ] {
            let error = options.document().unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn quota_has_a_known_period_and_a_whole_number() {
        for text in ["month", "month=", "month=ten", "month=1.5", "month=-1"] {
            assert!(
                quota(text)
                    .unwrap_err()
                    .starts_with("expected PERIOD=CALLS")
            );
        }
        let error = quota("fortnight=1").unwrap_err();
        assert!(
            error.starts_with("unknown period `fortnight`, expected one of"),
            "{error}"
        );
        assert!(number("fast").is_err() && number("NaN").is_err());
    }
}
