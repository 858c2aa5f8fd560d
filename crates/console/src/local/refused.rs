//! Recent refusals, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use gateway::api::Exchange;
use outcome::{Decision, Reason};
use telemetry::shorten;

use crate::decision_line::DecisionLine;
use crate::refusals::Refusal;

/// The most refusals that are kept.
pub(super) const MAX_REFUSALS: usize = 1_000;
/// The most lines of the authorizer whose requests have not ended yet.
pub(super) const MAX_LINES: usize = 1_000;
/// The reason of a request that the rate limit of the stage refuses. The authorizer is not invoked.
const STAGE_THROTTLED: &str = "stage_throttled";
const STAGE_THROTTLED_DETAIL: &str = "the rate limit of the API's stage or route is used up";
/// The reason of a refusal whose line was dropped, because too many requests were in progress.
const UNKNOWN: &str = "unknown";

/// The newest refusals, and lines of the authorizer that wait for the end of their request.
///
/// An item has 2 KB usually, and 6 KB with the longest values. Both lists together have at most
/// 12 MB.
#[derive(Debug, Default)]
pub(super) struct RecentRefusals {
    /// The oldest first.
    lines: VecDeque<DecisionLine>,
    /// The oldest first.
    refusals: VecDeque<Arc<Refusal>>,
    /// True if an older refusal was forgotten.
    is_incomplete: bool,
}

impl RecentRefusals {
    /// Stores the line about a request in progress.
    pub(super) fn expect(&mut self, line: DecisionLine) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Stores a request that has ended, if it was refused. Requests that are not for the API are
    /// forgotten.
    pub(super) fn end(&mut self, exchange: &Exchange, is_api: bool) {
        let line = self.take_line(&exchange.request_id);
        if !is_api {
            return;
        }
        let Some(refusal) = refusal(exchange, line) else {
            return;
        };

        if self.refusals.len() == MAX_REFUSALS {
            self.refusals.pop_front();
            self.is_incomplete = true;
        }
        self.refusals.push_back(Arc::new(refusal));
    }

    /// Removes the line of a request. A request that ends was usually among the last to be decided.
    fn take_line(&mut self, request_id: &str) -> Option<DecisionLine> {
        let is_its_line = |line: &DecisionLine| line.request_id.as_deref() == Some(request_id);
        let place = self.lines.iter().rposition(is_its_line)?;
        self.lines.remove(place)
    }

    /// Returns the refusals, the newest first, and whether older ones were forgotten.
    pub(super) fn newest_first(&self) -> (Vec<Arc<Refusal>>, bool) {
        let newest_first = self.refusals.iter().rev().map(Arc::clone).collect();
        (newest_first, self.is_incomplete)
    }
}

/// True if a request may have been refused: it has an error response, or a context without admission.
pub(super) fn may_be_refused(exchange: &Exchange) -> bool {
    exchange.error.is_some() || (!exchange.authorizer.is_empty() && !is_admitted(exchange))
}

/// Returns the refusal of a request. `None` for a request that was admitted, and for one that is
/// invalid or matches no route.
fn refusal(exchange: &Exchange, line: Option<DecisionLine>) -> Option<Refusal> {
    let line = line.or_else(|| line_of_response(exchange))?;
    let mut refusal = Refusal::from_line(line, exchange.received);

    refusal.at = exchange.received;
    refusal.request_id.clone_from(&exchange.request_id);
    refusal.status = exchange.status;
    refusal.method = Some(shorten(exchange.method.clone())).filter(|method| !method.is_empty());
    refusal.path = Some(shorten(exchange.path.clone()));
    refusal.route = refusal.route.or_else(|| exchange.route_key.clone());
    refusal.retry_after_s = context(exchange, "retry_after").and_then(|text| text.parse().ok());
    if refusal.source_ip.is_none() {
        refusal.source_ip = Some(exchange.source.to_canonical().to_string());
    }
    Some(refusal)
}

/// Returns what the response says about a refusal without a line of the authorizer.
fn line_of_response(exchange: &Exchange) -> Option<DecisionLine> {
    if is_admitted(exchange) {
        return None;
    }
    let mut line = DecisionLine::default();
    if !exchange.authorizer.is_empty() {
        for (name, value) in exchange.authorizer.iter() {
            line.set(name, value.as_str().unwrap_or_default());
        }
        return Some(line);
    }

    let (reason, detail) = match (exchange.status, exchange.authorizer_error.as_deref()) {
        (_, Some(error)) => (Reason::Fault.as_str(), error),
        // An error of API Gateway itself, as opposed to a response of the backend.
        (Some(429), None) if exchange.error.is_some() => (STAGE_THROTTLED, STAGE_THROTTLED_DETAIL),
        (Some(401 | 403), None) if exchange.error.is_some() => (UNKNOWN, ""),
        _ => return None,
    };
    line.set("reason", reason);
    line.set("detail", detail);
    Some(line)
}

fn is_admitted(exchange: &Exchange) -> bool {
    let decision = context(exchange, "decision").and_then(Decision::from_word);
    matches!(decision, Some(Decision::Allowed | Decision::Degraded))
}

fn context<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e str> {
    let text = exchange.authorizer.get(name)?.as_str()?;
    (text != "-").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::tests::{exchange, refused};

    fn line(request_id: &str, fields: &[(&str, &str)]) -> DecisionLine {
        let mut line = DecisionLine::default();
        line.set("request_id", request_id);
        for (name, text) in fields {
            line.set(name, text);
        }
        line
    }

    fn newest(refusals: &RecentRefusals) -> Refusal {
        Refusal::clone(&refusals.newest_first().0[0])
    }

    #[test]
    fn line_and_request_are_joined_by_the_id() {
        let mut refusals = RecentRefusals::default();
        refusals.expect(line("r-2", &[("reason", "key_expired"), ("key_id", "k-2")]));
        refusals.expect(line(
            "r-1",
            &[("reason", "unknown_key"), ("route", "ANY /")],
        ));
        refusals.end(&refused("r-2", 401), true);
        refusals.end(&refused("r-1", 401), true);

        let (found, is_incomplete) = refusals.newest_first();
        let reasons: Vec<_> = found.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, ["unknown_key", "key_expired"]);
        assert_eq!(found[1].key_id.as_deref(), Some("k-2"));
        assert_eq!(found[0].route.as_deref(), Some("ANY /"));
        assert_eq!(found[0].status, Some(401));
        assert_eq!(found[0].path.as_deref(), Some("/orders"));
        assert_eq!(found[0].source_ip.as_deref(), Some("192.0.2.1"));
        assert!(!is_incomplete && refusals.lines.is_empty());
    }

    #[test]
    fn throttled_request_has_its_context() {
        let mut exchange = refused("r-1", 429);
        for (name, value) in [
            ("decision", "throttled"),
            ("plan", "free"),
            ("retry_after", "7"),
        ] {
            exchange.authorizer.insert(name, value.into());
        }
        let mut refusals = RecentRefusals::default();
        refusals.expect(line(
            "r-1",
            &[("decision", "throttled"), ("detail", "second")],
        ));
        refusals.end(&exchange, true);

        let refusal = newest(&refusals);
        assert_eq!(refusal.limit.as_deref(), Some("second"));
        assert_eq!(refusal.retry_after_s, Some(7));

        // The line was dropped.
        refusals.end(&exchange, true);
        assert_eq!(newest(&refusals).plan.as_deref(), Some("free"));
    }

    #[test]
    fn admitted_and_invalid_requests_are_no_refusals() {
        let mut of_backend = exchange(403);
        of_backend.integration_status = Some(403);
        let mut admitted = refused("r-1", 503);
        admitted.authorizer.insert("decision", "allowed".into());
        let mut degraded = refused("r-1", 500);
        degraded.authorizer.insert("decision", "degraded".into());
        let public = [exchange(200), refused("r-1", 404), refused("r-1", 413)];

        let mut refusals = RecentRefusals::default();
        for exchange in [of_backend, admitted, degraded].iter().chain(&public) {
            refusals.end(exchange, true);
        }
        assert!(refusals.newest_first().0.is_empty());
    }

    #[test]
    fn refusals_without_a_line_have_a_reason() {
        let mut failed = refused("r-1", 500);
        failed.authorizer_error = Some("no response within 10 s".to_owned());
        let mut denied = refused("r-1", 403);
        denied.authorizer.insert("decision", "-".into());
        denied.authorizer.insert("reason", "no_rule".into());

        for (exchange, reason) in [
            (failed, "fault"),
            (denied, "no_rule"),
            (refused("r-1", 429), "stage_throttled"),
            (refused("r-1", 401), "unknown"),
        ] {
            assert!(may_be_refused(&exchange), "{reason}");
            let mut refusals = RecentRefusals::default();
            refusals.end(&exchange, true);
            assert_eq!(newest(&refusals).reason, reason);
        }
        assert!(!may_be_refused(&exchange(200)));
    }

    #[test]
    fn refusals_of_the_gateways_own_paths_are_forgotten() {
        let mut refusals = RecentRefusals::default();
        refusals.expect(line("r-1", &[("reason", "unknown_key")]));
        refusals.end(&refused("r-1", 401), false);
        assert!(refusals.newest_first().0.is_empty() && refusals.lines.is_empty());
    }

    #[test]
    fn both_lists_are_bounded() {
        let mut refusals = RecentRefusals::default();
        for number in 0..MAX_LINES + 5 {
            refusals.expect(line(&number.to_string(), &[("reason", "unknown_key")]));
        }
        assert_eq!(refusals.lines.len(), MAX_LINES);

        for number in 0..MAX_REFUSALS + 5 {
            let mut exchange = refused(&number.to_string(), 401);
            exchange.path = "x".repeat(10_000);
            exchange.method = "X".repeat(9_000);
            refusals.end(&exchange, true);
        }
        let (found, is_incomplete) = refusals.newest_first();
        assert_eq!((found.len(), is_incomplete), (MAX_REFUSALS, true));
        assert_eq!(found[0].request_id, (MAX_REFUSALS + 4).to_string());
        assert!(found[0].path.as_ref().unwrap().len() < 600);
        assert!(found[0].method.as_ref().unwrap().len() < 600);
        // The first five lines were dropped.
        assert_eq!(found[MAX_REFUSALS - 1].reason, "unknown_key");
        assert!(refusals.lines.is_empty());
    }
}
