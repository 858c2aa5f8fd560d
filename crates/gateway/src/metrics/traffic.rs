//! The metrics of requests, from their exchanges.

use std::time::Duration;

use outcome::{ContextField, Reason};
use percent_encoding::percent_decode_str;
use telemetry::{Histogram, TraceParent};

use super::context::context;
use super::definition as families;
use super::labels::{StatusLabel, caller_label, method_label};
use super::refusal::refusal_reason;
use super::series::{Counters, Histograms};
use super::snapshot::FamilySnapshot;
use crate::api::Exchange;

/// The route of a request that matches no route.
const UNMATCHED: &str = "unmatched";
/// The plan of a decision without one, and the source of a response that does not exist.
const NONE: &str = "none";

/// The metrics of requests.
#[derive(Debug)]
pub(super) struct Traffic {
    requests: Counters,
    incomplete: Counters,
    durations: Histograms,
    upstream: Histograms,
    authorizer: Histograms,
    gateway: Histograms,
    decisions: Counters,
    refusals: Counters,
    callers: Counters,
    near_limit: Counters,
    over_quota: Counters,
    shadow_denied: Counters,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            requests: Counters::new(&families::HTTP_REQUESTS),
            incomplete: Counters::new(&families::INCOMPLETE_RESPONSES),
            durations: Histograms::new(&families::HTTP_REQUEST_DURATION),
            upstream: Histograms::new(&families::UPSTREAM_DURATION),
            authorizer: Histograms::new(&families::AUTHORIZER_DURATION),
            gateway: Histograms::new(&families::GATEWAY_DURATION),
            decisions: Counters::new(&families::DECISIONS),
            refusals: Counters::new(&families::REFUSALS),
            callers: Counters::new(&families::CALLER_DECISIONS),
            near_limit: Counters::new(&families::NEAR_LIMIT),
            over_quota: Counters::new(&families::OVER_QUOTA),
            shadow_denied: Counters::new(&families::SHADOW_DENIED),
        }
    }
}

impl Traffic {
    /// Counts an exchange that has ended.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        let route = context(exchange, ContextField::Route)
            .or(exchange.route_key.as_deref())
            .unwrap_or(UNMATCHED);
        let method = method_label(&exchange.method);
        let status = StatusLabel::new(exchange.status);
        let source = exchange.status.map(|_| exchange.response_source.as_str());
        let source = source.unwrap_or(NONE);

        *self.requests.at([route, method, status.as_str(), source]) += 1;
        let total = self.durations.at([route, method, status.as_str()]);
        record(total, exchange.response_latency, exchange);
        if let Some(reason) = exchange.incomplete {
            *self.incomplete.at([route, reason.as_str()]) += 1;
        }
        self.count_shares(route, exchange);
        self.count_decision(exchange);
        if let Some(reason) = refusal_reason(exchange) {
            *self.refusals.at([reason]) += 1;
        }
    }

    /// Counts the shares of the authorizer, the upstream and the gateway in the duration.
    fn count_shares(&mut self, route: &str, exchange: &Exchange) {
        for (family, duration) in [
            (&mut self.authorizer, exchange.authorizer_latency),
            (&mut self.upstream, exchange.upstream_latency),
            (&mut self.gateway, exchange.gateway_latency()),
        ] {
            if duration.is_some() {
                record(family.at([route]), duration, exchange);
            }
        }
    }

    fn count_decision(&mut self, exchange: &Exchange) {
        let Some(decision) = context(exchange, ContextField::Decision) else {
            return;
        };
        let plan = context(exchange, ContextField::Plan).unwrap_or(NONE);
        let limit = context(exchange, ContextField::Violated).unwrap_or_default();
        let limit = &*percent_decode_str(limit).decode_utf8_lossy();
        let is_shadowed =
            context(exchange, ContextField::Reason) == Some(Reason::ShadowDenied.as_str());
        let refused_by = if is_shadowed { "" } else { limit };

        *self.decisions.at([plan, decision, refused_by]) += 1;
        if let Some(caller) = context(exchange, ContextField::Caller) {
            *self.callers.at([caller_label(caller), plan, decision]) += 1;
        }
        if is_shadowed {
            *self.shadow_denied.at([plan, limit]) += 1;
        }
        for (field, family) in [
            (ContextField::NearLimit, &mut self.near_limit),
            (ContextField::OverQuota, &mut self.over_quota),
        ] {
            if context(exchange, field) == Some("true") {
                *family.at([plan]) += 1;
            }
        }
    }

    /// Returns a copy of the families.
    pub(super) fn copy(&self) -> Vec<FamilySnapshot> {
        let counters = self.counters().map(FamilySnapshot::from);
        let histograms = self.histograms().map(FamilySnapshot::from);
        counters.into_iter().chain(histograms).collect()
    }

    /// Returns the number of series that are counted in other series.
    pub(super) fn overflowed(&self) -> usize {
        let of_counters = self.counters().map(Counters::overflowed);
        let of_histograms = self.histograms().map(Histograms::overflowed);
        of_counters.into_iter().chain(of_histograms).sum()
    }

    const fn counters(&self) -> [&Counters; 8] {
        [
            &self.requests,
            &self.incomplete,
            &self.decisions,
            &self.refusals,
            &self.callers,
            &self.near_limit,
            &self.over_quota,
            &self.shadow_denied,
        ]
    }

    const fn histograms(&self) -> [&Histograms; 4] {
        [
            &self.durations,
            &self.upstream,
            &self.authorizer,
            &self.gateway,
        ]
    }
}

fn record(histogram: &mut Histogram, duration: Option<Duration>, exchange: &Exchange) {
    let trace = exchange.trace.as_ref();
    let exemplar = trace.map(|trace: &TraceParent| (trace.trace_id(), trace.parent_id()));
    histogram.record(duration.unwrap_or_default(), exemplar);
}
