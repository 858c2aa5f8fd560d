//! A line of the authorizer's log about its decision on one request.
//!
//! The local gateway reads such lines from its own process, and the console of a deployed stack
//! from CloudWatch Logs.

use jiff::Timestamp;
use outcome::Decision;
use serde_json::{Map, Value};
use telemetry::shorten;

/// The message of such a line.
pub(crate) const MESSAGE: &str = "decided";
/// The longest line that is read, in bytes. Each field of a log line is cut to 4 KiB.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// The value of a field without a value.
const NOTHING: &str = "-";

/// The decision on one request. Each text has at most about 512 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DecisionLine {
    /// The time of the decision.
    pub(crate) at: Option<Timestamp>,
    /// The id that API Gateway gave to the request.
    pub(crate) request_id: Option<String>,
    /// A word of [`Decision`]. `None` for a caller that is not identified or not permitted.
    pub(crate) decision: Option<String>,
    /// A word of [`outcome::Reason`].
    pub(crate) reason: Option<String>,
    /// The cause of a refusal: the limits that are used up, separated by commas, for a throttled
    /// request, and a text otherwise.
    pub(crate) detail: Option<String>,
    /// The cause of a fault.
    pub(crate) problem: Option<String>,
    /// The route of the policy's rule, or of the plan's route limit.
    pub(crate) route: Option<String>,
    /// The kind of credential.
    pub(crate) auth: Option<String>,
    /// The name of the token's issuer in the policy.
    pub(crate) issuer: Option<String>,
    /// The id of the API key.
    pub(crate) key_id: Option<String>,
    /// The caller that is charged, as in usage items.
    pub(crate) caller: Option<String>,
    /// The plan.
    pub(crate) plan: Option<String>,
    /// The address of the client, as the front of the policy names it.
    pub(crate) client_ip: Option<String>,
}

impl DecisionLine {
    /// Parses a line of JSON. Returns `None` for any other line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if line.len() > MAX_LINE_BYTES {
            return None;
        }
        let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        if fields.get("message")? != MESSAGE {
            return None;
        }

        let mut decision = Self::default();
        for (name, value) in &fields {
            if let Some(text) = value.as_str() {
                decision.set(name, text);
            }
        }
        Some(decision)
    }

    /// Sets the field of this name. Other fields are ignored, and `-` means that there is no value.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        if name == "timestamp" {
            self.at = text.parse().ok();
            return;
        }

        let field = match name {
            "request_id" => &mut self.request_id,
            "decision" => &mut self.decision,
            "reason" => &mut self.reason,
            "detail" => &mut self.detail,
            "problem" => &mut self.problem,
            "route" => &mut self.route,
            "auth" => &mut self.auth,
            "issuer" => &mut self.issuer,
            "key_id" => &mut self.key_id,
            "caller" => &mut self.caller,
            "plan" => &mut self.plan,
            "client_ip" => &mut self.client_ip,
            _ => return,
        };
        let is_present = !text.is_empty() && text != NOTHING;
        *field = is_present.then(|| shorten(text.to_owned()));
    }

    /// True if the request was refused or failed. A request of a dry run and one that a plan allows
    /// without its limits are not refused.
    pub(crate) fn is_refusal(&self) -> bool {
        let decision = self.decision.as_deref().and_then(Decision::from_word);
        !matches!(decision, Some(Decision::Allowed | Decision::Degraded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as the deployed authorizer writes them.
    const THROTTLED: &str = r#"{"timestamp":"2026-11-28T11:02:03.456789Z","level":"INFO","message":"decided","request_id":"JKJaXmPLvHcESHA=","decision":"throttled","reason":"rate_exceeded","route":"ANY /{proxy+}","auth":"api_key","key_id":"k-1","caller":"key#k-1","plan":"free","near_limit":false,"over_quota":false,"duration_ms":1.25,"detail":"second, day","span":{"request_id":"from-the-client"}}"#;
    const UNKNOWN_KEY: &str = r#"{"timestamp":"2026-11-28T11:02:03Z","level":"INFO","message":"decided","request_id":"r-2","decision":"-","reason":"unknown_key","route":"ANY /","auth":"-","key_id":"-","caller":"-","plan":"-","near_limit":false,"over_quota":false,"duration_ms":0.5}"#;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn line_of_a_throttled_request_has_its_caller_and_limits() {
        let expected = DecisionLine {
            at: Some("2026-11-28T11:02:03.456789Z".parse().unwrap()),
            request_id: some("JKJaXmPLvHcESHA="),
            decision: some("throttled"),
            reason: some("rate_exceeded"),
            detail: some("second, day"),
            route: some("ANY /{proxy+}"),
            auth: some("api_key"),
            key_id: some("k-1"),
            caller: some("key#k-1"),
            plan: some("free"),
            ..DecisionLine::default()
        };
        assert_eq!(DecisionLine::parse(THROTTLED), Some(expected));
    }

    #[test]
    fn hyphens_are_missing_values() {
        let line = DecisionLine::parse(UNKNOWN_KEY).unwrap();
        assert_eq!(line.reason, some("unknown_key"));
        assert_eq!((line.key_id, line.plan, line.decision), (None, None, None));
    }

    #[test]
    fn other_lines_are_ignored() {
        for line in [
            "",
            "REPORT RequestId: r-1",
            "[]",
            r#"{"message":"policy loaded","reason":"ok"}"#,
            r#"{"message":7}"#,
            r#"{"reason":"ok"}"#,
            r#"{"message":"decided","message":"other"}"#,
        ] {
            assert_eq!(DecisionLine::parse(line), None, "{line}");
        }
        let long = format!(
            r#"{{"message":"decided","detail":"{}"}}"#,
            "x".repeat(MAX_LINE_BYTES)
        );
        assert_eq!(DecisionLine::parse(&long), None);
    }

    #[test]
    fn values_of_other_types_are_missing() {
        let line =
            r#"{"message":"decided","reason":7,"plan":null,"timestamp":"soon","key_id":["k"]}"#;
        assert_eq!(DecisionLine::parse(line), Some(DecisionLine::default()));
    }

    #[test]
    fn long_values_are_cut() {
        let detail = "é".repeat(2_000);
        let line = format!(r#"{{"message":"decided","detail":"{detail}"}}"#);
        let found = DecisionLine::parse(&line).unwrap().detail.unwrap();
        assert!(
            found.len() < 600 && found.ends_with("… (4000 bytes)"),
            "{found}"
        );
    }

    #[test]
    fn only_requests_without_admission_are_refusals() {
        for (decision, expected) in [
            ("allowed", false),
            ("degraded", false),
            ("throttled", true),
            ("unavailable", true),
            ("-", true),
        ] {
            let mut line = DecisionLine::default();
            line.set("decision", decision);
            assert_eq!(line.is_refusal(), expected, "{decision}");
        }
    }
}
