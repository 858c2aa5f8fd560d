//! The page of recent refusals, from memory or from logs.

use http::Uri;
use jiff::Timestamp;
use serde::Serialize;

use crate::decision_line::DecisionLine;
use crate::missing::Missing;
use crate::problem::Problem;
use crate::query::Query;
use crate::target::RefusalSource;

/// The number of refusals on a page, unless the request sets another limit.
const DEFAULT_LIMIT: usize = 100;
/// The most refusals on a page.
pub(crate) const MAX_LIMIT: usize = 1_000;

/// A refused request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    /// The time of the decision.
    pub(crate) at: Timestamp,
    /// The id of the request.
    pub(crate) request_id: String,
    /// The status of the response, if it is known.
    pub(crate) status: Option<u16>,
    /// A word of [`outcome::Reason`].
    pub(crate) reason: String,
    /// The cause in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The names of the limits that are used up, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<String>,
    /// The kind of credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<String>,
    /// The name of the token's issuer in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// The id of the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    /// The caller that is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<String>,
    /// The plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    /// The route of the policy's rule, or of the API if no rule was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// The method of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// The path of the request, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The address of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_ip: Option<String>,
    /// The seconds after which the request may be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    /// Returns what the authorizer's log says about a refusal. `at` is the time of the line if it has
    /// none.
    pub(crate) fn from_line(line: DecisionLine, at: Timestamp) -> Self {
        let is_throttled = line.decision.as_deref() == Some("throttled");
        let (limit, detail) = if is_throttled {
            (line.detail, None)
        } else {
            (None, line.detail)
        };

        Self {
            at: line.at.unwrap_or(at),
            request_id: line.request_id.unwrap_or_default(),
            reason: line.reason.unwrap_or_default(),
            detail: detail.or(line.problem),
            limit,
            auth: line.auth,
            issuer: line.issuer,
            key_id: line.key_id,
            caller: line.caller,
            plan: line.plan,
            route: line.route,
            source_ip: line.client_ip,
            ..Self::default()
        }
    }
}

/// A request for refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusalQuery {
    /// The id of the API key of the refusals.
    pub(crate) key_id: Option<String>,
    /// The plan of the refusals.
    pub(crate) plan: Option<String>,
    /// The reason of the refusals.
    pub(crate) reason: Option<String>,
    /// The most refusals on the page.
    pub(crate) limit: usize,
}

impl RefusalQuery {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// [`Problem`] if a parameter is unknown, repeated or invalid.
    pub(crate) fn read(uri: &Uri) -> Result<Self, Problem> {
        let mut query = Query::read(uri, &["key_id", "plan", "reason", "limit"])?;
        let limit = query.take("limit");

        Ok(Self {
            key_id: query.take("key_id"),
            plan: query.take("plan"),
            reason: query.take("reason"),
            limit: limit.map_or(Ok(DEFAULT_LIMIT), |text| parse_limit(&text))?,
        })
    }

    /// True if a refusal is one of those that the request is for.
    pub(crate) fn matches(&self, refusal: &Refusal) -> bool {
        let is_same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is_same(&self.key_id, refusal.key_id.as_deref())
            && is_same(&self.plan, refusal.plan.as_deref())
            && is_same(&self.reason, Some(&refusal.reason))
    }
}

fn parse_limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "`limit` is invalid, expected a number from 1 to {MAX_LIMIT}."
            ))
        })
}

/// A page of refusals, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusalPage {
    pub(crate) items: Vec<Refusal>,
    /// The time of the newest event that was searched, whether it is on the page or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newest_event_at: Option<Timestamp>,
    /// The time of the oldest event that was searched.
    pub(crate) searched_from: Timestamp,
    /// True if there are more refusals than the page has.
    pub(crate) is_truncated: bool,
    pub(crate) source: RefusalSource,
    pub(crate) missing: Vec<Missing>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<RefusalQuery, Problem> {
        RefusalQuery::read(&format!("/refusals{text}").parse().unwrap())
    }

    #[test]
    fn query_selects_refusals() {
        let refusal = Refusal {
            reason: "rate_exceeded".to_owned(),
            key_id: Some("k 1".to_owned()),
            ..Refusal::default()
        };
        for (text, expected) in [
            ("", true),
            ("?limit=5", true),
            ("?key_id=k%201", true),
            ("?key_id=k+1&reason=rate_exceeded", true),
            ("?key_id=k", false),
            ("?plan=free", false),
            ("?reason=quota_exceeded&key_id=k+1", false),
        ] {
            assert_eq!(query(text).unwrap().matches(&refusal), expected, "{text}");
        }
        assert_eq!(query("").unwrap().limit, DEFAULT_LIMIT);
        assert_eq!(query("?limit=1000").unwrap().limit, MAX_LIMIT);
    }

    #[test]
    fn invalid_limits_are_refused() {
        for limit in ["0", "1001", "-1", "many", ""] {
            assert!(query(&format!("?limit={limit}")).is_err(), "{limit}");
        }
    }

    #[test]
    fn limits_of_a_throttled_request_are_no_text() {
        let line = |decision: &str| {
            let mut line = DecisionLine::default();
            line.set("decision", decision);
            line.set("detail", "day");
            let refusal = Refusal::from_line(line, Timestamp::UNIX_EPOCH);
            (refusal.limit, refusal.detail)
        };
        assert_eq!(line("throttled"), (Some("day".to_owned()), None));
        assert_eq!(line("-"), (None, Some("day".to_owned())));
    }
}
