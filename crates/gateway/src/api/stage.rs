//! The default stage: throttling and access log.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use aws::Deadline;

use limits::{Caller, Plan, PlanDocument, Throttle, Verdict};
use registry::Seeds;
use store::{Call, DynamoDbConfig, EmbeddedStore};

use super::LogFormat;
use sam_template::{Fields, Node, Position, TemplateError};

/// The `$default` stage.
#[derive(Debug)]
pub struct Stage {
    /// The format of the access log, if there is one.
    pub log: Option<LogFormat>,
    default: Option<Arc<Plan>>,
    by_route: HashMap<String, Arc<Plan>>,
    /// The usage of throttled routes. A route's throttling is a plan that all callers share.
    usage: EmbeddedStore,
}

/// A route is throttled: it gets too many requests from all callers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyRequests;

impl Stage {
    pub(super) fn read(
        mut fields: Fields,
        route_keys: &BTreeSet<String>,
    ) -> Result<Self, TemplateError> {
        fields.expect("StageName", "$default")?;
        fields.expect("AutoDeploy", "true")?;
        let default = fields
            .take("DefaultRouteSettings")
            .map_or(Ok(None), |node| settings(node, "DefaultRouteSettings"))?;
        let by_route = match fields.take("RouteSettings") {
            Some(node) => route_settings(node, route_keys)?,
            None => HashMap::new(),
        };
        let log = fields
            .take("AccessLogSettings")
            .map(log_format)
            .transpose()?;
        fields.ignore(&["Description"]);
        let position = fields.position;
        fields.finish()?;

        let usage = EmbeddedStore::new(&Seeds::default())
            .map_err(|error| TemplateError::at(position, error.to_string()))?;
        Ok(Self {
            log,
            default,
            by_route,
            usage,
        })
    }

    /// Counts a request to a route.
    ///
    /// # Errors
    /// [`TooManyRequests`] if the route is throttled.
    pub fn admit(&self, route_key: &str) -> Result<(), TooManyRequests> {
        let Some(plan) = self.by_route.get(route_key).or(self.default.as_ref()) else {
            return Ok(());
        };

        let call = Call {
            group: None,
            caller: &Caller::Key(route_key.to_owned()),
            plan,
            route: None,
            cost: 1,
            deadline: Deadline::after(Instant::now(), DynamoDbConfig::DEADLINE),
        };
        match self.usage.charge(&call) {
            Ok(decision) if decision.verdict == Verdict::Allowed => Ok(()),
            _ => Err(TooManyRequests),
        }
    }
}

fn route_settings(
    node: Node,
    route_keys: &BTreeSet<String>,
) -> Result<HashMap<String, Arc<Plan>>, TemplateError> {
    let mut by_route = HashMap::new();
    for (route, position, node) in Fields::of(node, "RouteSettings")?.rest() {
        if !route_keys.contains(&route) {
            let problem = format!("there is no route `{route}`");
            return Err(TemplateError::at(position, problem));
        }
        if let Some(plan) = settings(node, &route)? {
            by_route.insert(route, plan);
        }
    }
    Ok(by_route)
}

fn settings(node: Node, what: &str) -> Result<Option<Arc<Plan>>, TemplateError> {
    let position = node.position;
    let mut fields = Fields::of(node, what)?;
    let (rate, burst) = (
        fields.number::<f64>("ThrottlingRateLimit")?,
        fields.number::<u64>("ThrottlingBurstLimit")?,
    );
    fields.ignore(&["DetailedMetricsEnabled"]);
    fields.finish()?;

    match (rate, burst) {
        (Some(rate), Some(burst)) => plan(Throttle { rate, burst }, position).map(Some),
        (None, None) => Ok(None),
        _ => Err(TemplateError::at(
            position,
            "`ThrottlingRateLimit` and `ThrottlingBurstLimit` must be set together",
        )),
    }
}

fn plan(throttle: Throttle, position: Position) -> Result<Arc<Plan>, TemplateError> {
    let document = PlanDocument {
        throttle: Some(throttle),
        ..PlanDocument::default()
    };
    Plan::new("stage", document)
        .map(Arc::new)
        .map_err(|error| TemplateError::at(position, error.to_string()))
}

fn log_format(node: Node) -> Result<LogFormat, TemplateError> {
    let mut fields = Fields::of(node, "AccessLogSettings")?;
    fields.ignore(&["DestinationArn"]);
    let (format, position) = fields.require_text("Format")?;
    fields.finish()?;

    LogFormat::parse(&format).map_err(|name| {
        TemplateError::at(position, format!("`{name}` is not an access log variable"))
    })
}
