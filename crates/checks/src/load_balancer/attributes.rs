//! The attributes of an Application Load Balancer that decide which requests reach a service.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::text;
use crate::verdict::Verdict;

const DROP_INVALID_HEADERS: &str = "routing.http.drop_invalid_header_fields.enabled";
const DESYNC_MODE: &str = "routing.http.desync_mitigation_mode";

/// The attributes of a load balancer, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Returns the attributes from the list of `DescribeLoadBalancerAttributes`.
    pub(crate) fn of(list: &[Value]) -> Self {
        let pair = |item: &Value| {
            (
                text(&item["Key"]).to_owned(),
                text(&item["Value"]).to_owned(),
            )
        };
        Self(list.iter().map(pair).collect())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// Returns whether the load balancer drops header fields with invalid names, such as
/// `x_tollgate_user_id`.
pub(crate) fn invalid_headers(attributes: &Attributes) -> Verdict {
    match attributes.get(DROP_INVALID_HEADERS) {
        Some("true") => Verdict::ok(format!("{DROP_INVALID_HEADERS} is true")),
        Some(value) => Verdict::failed(format!("{DROP_INVALID_HEADERS} is {value}, expected true")),
        None => absent(DROP_INVALID_HEADERS),
    }
}

/// Returns whether the load balancer rejects ambiguous requests without rejecting those of an HTTP
/// API.
pub(crate) fn desync_mode(attributes: &Attributes) -> Verdict {
    match attributes.get(DESYNC_MODE) {
        Some("defensive") => Verdict::ok(format!("{DESYNC_MODE} is defensive")),
        Some("strictest") => Verdict::warning(format!(
            "{DESYNC_MODE} is strictest: the load balancer can reject requests of an HTTP API with \
             400, expected defensive"
        )),
        Some(value) => Verdict::failed(format!("{DESYNC_MODE} is {value}, expected defensive")),
        None => absent(DESYNC_MODE),
    }
}

fn absent(key: &str) -> Verdict {
    Verdict::not_proven(format!("the load balancer lists no attribute {key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::verdict::Status;

    use super::*;

    fn attributes(key: &str, value: &str) -> Attributes {
        Attributes::of(&[json!({"Key": key, "Value": value})])
    }

    #[test]
    fn invalid_headers_must_be_dropped() {
        let verdict = |value| invalid_headers(&attributes(DROP_INVALID_HEADERS, value));
        assert_eq!(verdict("true").status, Status::Ok);
        assert_eq!(
            verdict("false").details,
            ["routing.http.drop_invalid_header_fields.enabled is false, expected true"]
        );
    }

    #[test]
    fn ambiguous_requests_must_not_pass() {
        let status = |value| desync_mode(&attributes(DESYNC_MODE, value)).status;
        assert_eq!(status("defensive"), Status::Ok);
        assert_eq!(status("strictest"), Status::Warning);
        assert_eq!(status("monitor"), Status::Failed);
    }

    #[test]
    fn missing_attribute_proves_nothing() {
        let none = Attributes::of(&[]);
        assert_eq!(invalid_headers(&none).status, Status::NotProven);
        assert_eq!(desync_mode(&none).status, Status::NotProven);
    }
}
