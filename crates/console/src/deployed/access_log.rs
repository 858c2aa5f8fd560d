//! Lines of the access log of an API, for what neither metrics nor the authorizer know.

use std::collections::BTreeMap;

use checks::aws::text;
use serde_json::Value;

use super::log_search::LogEvent;

/// Selects the lines of refused requests. All values of the log are strings.
pub(crate) const REFUSED: &str =
    r#"{ ($.status = "401") || ($.status = "403") || ($.status = "429") || ($.status = "503") }"#;
/// The value of a field without a value.
const NOTHING: &str = "-";
/// The beginning of the paths of Tollgate's own routes.
const OWN_ROUTES: &str = "/_tollgate/";

/// A line of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessLine {
    pub(crate) request_id: String,
    pub(crate) status: u16,
    pub(crate) method: Option<String>,
    pub(crate) source_ip: Option<String>,
    pub(crate) route_key: Option<String>,
}

impl AccessLine {
    /// Parses a line. Returns `None` for a line in another format.
    pub(crate) fn parse(event: &LogEvent) -> Option<Self> {
        let line: Value = serde_json::from_str(&event.message).ok()?;
        let field = |name: &str| {
            let value = text(&line[name]);
            (!value.is_empty() && value != NOTHING).then(|| value.to_owned())
        };
        Some(Self {
            request_id: field("request_id")?,
            status: field("status")?.parse().ok()?,
            method: field("method"),
            source_ip: field("source_ip"),
            route_key: field("route_key"),
        })
    }

    /// True if the request was for a route of Tollgate itself.
    pub(crate) fn is_own_route(&self) -> bool {
        let route = self.route_key.as_deref().unwrap_or_default();
        route.contains(OWN_ROUTES)
    }
}

/// Returns the lines by request.
pub(crate) fn by_request(events: &[LogEvent]) -> BTreeMap<String, AccessLine> {
    let lines = events.iter().filter_map(AccessLine::parse);
    lines.map(|line| (line.request_id.clone(), line)).collect()
}
