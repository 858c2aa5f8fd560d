//! The schedules of the template, and the tasks that run them.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Uri;
use serde_json::json;
use telemetry::RecordLog;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::store;
use crate::api::{environment, package_name};
use crate::function::{Function, FunctionError};
use sam_template::{Fields, Node, Position, Template, TemplateError};

/// A function that is invoked at a fixed rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function's package.
    pub package: String,
    /// The interval between invocations.
    pub interval: Duration,
    environment: BTreeMap<String, String>,
}

impl Schedule {
    /// Returns the schedules of all functions whose condition is true.
    ///
    /// # Errors
    /// [`TemplateError`] if a function has an event that is not a schedule, or a schedule that is
    /// invalid or not supported.
    pub fn all(template: &Template) -> Result<Vec<Self>, TemplateError> {
        let mut schedules = Vec::new();
        for (_, mut function) in template.resources("AWS::Serverless::Function")? {
            let Some(events) = function.take("Events") else {
                continue;
            };
            let (folder, _) = function.require_text("CodeUri")?;
            let environment = match function.take("Environment") {
                Some(node) => environment(node)?,
                None => BTreeMap::new(),
            };

            for (name, _, event) in Fields::of(events, "Events")?.rest() {
                schedules.push(Self {
                    package: package_name(&folder).to_owned(),
                    interval: interval_of(event, &name)?,
                    environment: environment.clone(),
                });
            }
        }
        Ok(schedules)
    }

    async fn run(self, function: Function) {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
            .to_string();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);

        loop {
            ticks.tick().await;
            match function.invoke(event.as_bytes()).await {
                Ok(response) => {
                    tracing::info!(function = self.package, response = %String::from_utf8_lossy(&response), "invoked");
                }
                Err(error) => {
                    tracing::error!(
                        function = self.package,
                        error_type = error.error_type,
                        "{}",
                        error.error_message
                    );
                }
            }
        }
    }
}

/// Sets up the function of each schedule, with its AWS clients at `endpoint`. Without an endpoint
/// no schedule runs, because there are no resources that the functions could change.
pub(super) async fn with_functions(
    schedules: Vec<Schedule>,
    endpoint: Option<&Uri>,
    records: &RecordLog,
) -> Result<Vec<(Schedule, Function)>, FunctionError> {
    let Some(endpoint) = endpoint else {
        return Ok(Vec::new());
    };

    let mut functions = Vec::with_capacity(schedules.len());
    for schedule in schedules {
        let (environment, endpoint) = (schedule.environment.clone(), endpoint.clone());
        let setting = move |name: &str| {
            let of_template = environment.get(name).cloned();
            of_template
                .or_else(|| store::aws_setting(name, &endpoint, |name| std::env::var(name).ok()))
        };
        let function = Box::pin(Function::new(
            &schedule.package,
            None,
            setting,
            records.clone(),
        ))
        .await?;
        functions.push((schedule, function));
    }
    Ok(functions)
}

/// Invokes each function now and then at its interval, until the result is dropped.
pub(super) fn run_all(schedules: Vec<(Schedule, Function)>) -> JoinSet<()> {
    schedules
        .into_iter()
        .map(|(schedule, function)| schedule.run(function))
        .collect()
}

fn interval_of(event: Node, name: &str) -> Result<Duration, TemplateError> {
    let mut event = Fields::of(event, name)?;
    event.expect("Type", "Schedule")?;
    let mut properties = Fields::of(event.require("Properties")?, "Properties")?;
    event.finish()?;

    let (expression, position) = properties.require_text("Schedule")?;
    properties.ignore(&["Name", "Description", "RetryPolicy", "DeadLetterConfig"]);
    properties.finish()?;
    parse_rate(&expression, position)
}

/// Parses a rate expression of EventBridge. The unit is singular for 1 and plural otherwise.
fn parse_rate(expression: &str, position: Position) -> Result<Duration, TemplateError> {
    let refuse = || {
        let problem = format!(
            "`{expression}` is not supported, expected a rate such as `rate(1 minute)` or `rate(5 minutes)`"
        );
        TemplateError::at(position, problem)
    };

    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(refuse)?;
    let (value, unit) = inner.split_once(' ').ok_or_else(refuse)?;
    let value: u32 = value
        .parse()
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(refuse)?;

    let singular = if value == 1 {
        Some(unit)
    } else {
        unit.strip_suffix('s')
    };
    let seconds = match singular {
        Some("minute") => 60,
        Some("hour") => 3_600,
        Some("day") => 86_400,
        _ => return Err(refuse()),
    };
    Ok(Duration::from_secs(seconds) * value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sam_template::ParameterValues;

    fn schedules(schedule: &str) -> Result<Vec<Schedule>, TemplateError> {
        let text = format!(
            "Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/alb-sync
      Environment: {{Variables: {{A: b}}}}
      Events:
        Often: {{Type: Schedule, Properties: {{Schedule: {schedule}}}}}
  G: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: functions/authorizer}}}}
"
        );
        Schedule::all(&Template::parse(&text, &ParameterValues::new())?)
    }

    #[test]
    fn valid_rates_are_parsed() {
        for (rate, seconds) in [
            ("rate(1 minute)", 60),
            ("rate(5 minutes)", 300),
            ("rate(1 hour)", 3_600),
            ("rate(2 days)", 172_800),
        ] {
            let found = schedules(rate).unwrap();
            assert_eq!(
                (
                    found.len(),
                    found[0].package.as_str(),
                    found[0].interval.as_secs()
                ),
                (1, "alb-sync", seconds)
            );
            assert_eq!(found[0].environment["A"], "b");
        }
    }

    #[test]
    fn invalid_rates_are_errors_with_a_position() {
        for rate in [
            "rate(1 minutes)",
            "rate(2 minute)",
            "rate(0 minutes)",
            "rate(1  minute)",
            "rate(1.5 hours)",
            "cron(0 * * * ? *)",
            "1 minute",
        ] {
            let error = schedules(&format!("\"{rate}\"")).unwrap_err().to_string();
            assert!(
                error.starts_with("8:56: ") && error.contains("expected a rate such as"),
                "{error}"
            );
        }
    }
}
