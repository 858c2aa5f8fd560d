//! A line of the API's access log, and the RED metrics that it becomes.
//!
//! The members' names are those of the template's `AccessLogSettings`.

use serde::Deserialize;

use crate::aggregate::Aggregator;
use crate::buckets::LARGEST;
use crate::flat_json;
use crate::name::dimension_value;
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, OTHER, Series};
use crate::time::{Window, parse_ms};

/// The most series that one line adds to.
pub(crate) const OBSERVATIONS: usize = 7;

/// What took no route: a path that there is none for.
const UNMATCHED: &str = "unmatched";
/// What has no plan: public routes, refused callers.
const NONE: &str = "none";
/// What the authorizer decides.
const DECISIONS: [&str; 4] = ["allowed", "throttled", "unavailable", "degraded"];

/// What is read of a line. Everything else is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AccessLine<'a> {
    #[serde(borrow)]
    time_ms: Scalar<'a>,
    #[serde(borrow)]
    route_key: Option<Scalar<'a>>,
    #[serde(borrow)]
    status: Option<Scalar<'a>>,
    #[serde(borrow)]
    response_latency_ms: Scalar<'a>,
    #[serde(borrow)]
    integration_latency_ms: Scalar<'a>,
    #[serde(borrow)]
    route: Scalar<'a>,
    #[serde(borrow)]
    decision: Scalar<'a>,
    #[serde(borrow)]
    reason: Scalar<'a>,
    #[serde(borrow)]
    near_limit: Scalar<'a>,
    #[serde(borrow)]
    plan: Scalar<'a>,
    #[serde(borrow)]
    authorizer_ms: Scalar<'a>,
}

impl<'a> AccessLine<'a> {
    /// Reads a line: an object of plain texts, any other JSON, or what is left of it where API Gateway put a message
    /// with quotes into it as it was. `None` for a line of something else.
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        let mut read = Self::default();
        if flat_json::members(line, |name, value| read.set(name, value)).is_none() {
            read = serde_json::from_str(line).ok().unwrap_or_else(|| Self::salvage(line));
        }
        (read.route_key.is_some() && read.status.is_some()).then_some(read)
    }

    /// A member is what stands between `"NAME":"` and the next `","` or the line's end.
    fn salvage(line: &'a str) -> Self {
        let mut read = Self::default();
        let inner = line.trim().strip_prefix("{\"").and_then(|line| line.strip_suffix("\"}")).unwrap_or_default();
        for member in inner.split("\",\"").flat_map(|part| part.split("\", \"")) {
            let Some((name, value)) = member.split_once("\":") else { continue };
            let value = value.trim_start().strip_prefix('"').filter(|value| !value.contains(['"', '\\']));
            value.into_iter().for_each(|value| read.set(name, value));
        }
        read
    }

    /// Sets a member. The first one of a name counts: what a message makes of the line's rest comes later.
    fn set(&mut self, name: &str, value: &'a str) {
        let member = match name {
            "time_ms" => &mut self.time_ms,
            "route_key" => self.route_key.get_or_insert_default(),
            "status" => self.status.get_or_insert_default(),
            "response_latency_ms" => &mut self.response_latency_ms,
            "integration_latency_ms" => &mut self.integration_latency_ms,
            "route" => &mut self.route,
            "decision" => &mut self.decision,
            "reason" => &mut self.reason,
            "near_limit" => &mut self.near_limit,
            "plan" => &mut self.plan,
            "authorizer_ms" => &mut self.authorizer_ms,
            _ => return,
        };
        if member.is_empty() {
            *member = Scalar::borrowed(value);
        }
    }

    /// Counts the request. `logged_ms` is its time where the line does not say one.
    ///
    /// # Errors
    /// [`Reason`] for a line whose time is none, or outside CloudWatch's window.
    pub(crate) fn observe(
        &self,
        window: Window,
        logged_ms: Option<i64>,
        sums: &mut Aggregator,
        contributor: u32,
    ) -> Result<(), Reason> {
        let at_ms = self.time_ms.get().map(|text| parse_ms(text).ok_or(Reason::Time("time_ms"))).transpose()?;
        let minute = window.minute(at_ms.or(logged_ms))?;
        let named = self.route.get().or(self.route_key.as_ref().and_then(Scalar::get)).and_then(dimension_value);
        let route = named.as_deref().unwrap_or(UNMATCHED);
        let mut add = |series, value| sums.add(minute, series, value, 1, contributor);
        add(Series::new(Metric::Requests, [route, self.status_class()]), 1.0);
        for (metric, latency) in [
            (Metric::Latency, &self.response_latency_ms),
            (Metric::IntegrationLatency, &self.integration_latency_ms),
            (Metric::AuthorizerLatency, &self.authorizer_ms),
        ] {
            if let Some(value) = latency.milliseconds().filter(|value| *value <= LARGEST) {
                add(Series::new(metric, [route]), value);
            }
        }
        if let Some(decision) = self.decision.get() {
            let plan = self.plan.get().and_then(dimension_value);
            let plan = plan.as_deref().unwrap_or(NONE);
            let decision = DECISIONS.into_iter().find(|known| *known == decision).unwrap_or(OTHER);
            add(Series::new(Metric::Decisions, [plan, decision]), 1.0);
            if self.near_limit.get() == Some("true") {
                add(Series::new(Metric::NearLimit, [plan]), 1.0);
            }
            if self.reason.get() == Some("shadow_denied") {
                add(Series::new(Metric::ShadowDenied, [plan]), 1.0);
            }
        }
        Ok(())
    }

    fn status_class(&self) -> &'static str {
        match self.status.as_ref().and_then(Scalar::get).map(str::as_bytes) {
            Some([b'1', _, _]) => "1xx",
            Some([b'2', _, _]) => "2xx",
            Some([b'3', _, _]) => "3xx",
            Some([b'4', _, _]) => "4xx",
            Some([b'5', _, _]) => "5xx",
            // The client left before there was an answer.
            _ => NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    const LINE: &str = r#"{"request_id":"r1","time_ms":"1795348800123","source_ip":"192.0.2.1","method":"GET","route_key":"ANY /{proxy+}","protocol":"HTTP/1.1","status":"200","response_bytes":"12","response_latency_ms":"31","integration_latency_ms":"25","integration_status":"200","error":"-","integration_error":"-","authorizer_error":"-","route":"GET /orders","decision":"allowed","reason":"ok","auth":"api_key","plan":"pro","key_id":"k","near_limit":"false","authorizer_ms":"3"}"#;

    fn observed(line: &str) -> Vec<String> {
        let line = AccessLine::read(line).unwrap();
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        line.observe(window, None, &mut sums, 0).unwrap();
        sums.into_data()
            .iter()
            .map(|datum| {
                let names: Vec<_> = datum.series.dimensions().map(|(_, value)| value.to_owned()).collect();
                let value = datum.aggregate.values.values().next().unwrap().0;
                format!("{} {} {value}", datum.series.metric.name(), names.join(" "))
            })
            .collect()
    }

    const WHOLE: [&str; 5] = [
        "Requests GET /orders 2xx 1",
        "Latency GET /orders 31",
        "IntegrationLatency GET /orders 25",
        "AuthorizerLatency GET /orders 3",
        "Decisions pro allowed 1",
    ];

    #[test]
    fn a_line_becomes_requests_latencies_and_a_decision_by_the_authorizers_route() {
        assert_eq!(observed(LINE), WHOLE);
    }

    #[test]
    fn a_plan_whose_limits_are_near_or_in_shadow_shows() {
        let line = LINE.replace(r#""near_limit":"false""#, r#""near_limit":"true""#);
        let found = observed(&line.replace(r#""reason":"ok""#, r#""reason":"shadow_denied""#));
        assert_eq!(found[..WHOLE.len()], WHOLE);
        assert_eq!(found[WHOLE.len()..], ["NearLimit pro 1", "ShadowDenied pro 1"]);
        assert_eq!(found.len(), OBSERVATIONS);
    }

    #[test]
    fn without_a_route_of_the_authorizers_it_is_the_route_key_and_never_the_path() {
        let line = LINE.replace("GET /orders", "-");
        assert_eq!(observed(&line)[1], "Latency ANY /{proxy+} 31");
        assert_eq!(observed(&line.replace("ANY /{proxy+}", "$default"))[1], "Latency $default 31");
        assert_eq!(observed(&line.replace("ANY /{proxy+}", "-"))[1], "Latency unmatched 31");
    }

    #[test]
    fn a_hyphen_is_a_value_that_is_not_there() {
        let line = LINE
            .replace(r#""integration_latency_ms":"25""#, r#""integration_latency_ms":"-""#)
            .replace(r#""integration_status":"200""#, r#""integration_status":"-""#)
            .replace(r#""decision":"allowed""#, r#""decision":"-""#)
            .replace(r#""authorizer_ms":"3""#, r#""authorizer_ms":"-""#);
        assert_eq!(observed(&line), WHOLE[..2]);
        assert_eq!(observed(&line.replace(r#""status":"200""#, r#""status":"-""#))[0], "Requests GET /orders none 1");
    }

    #[test]
    fn the_order_of_members_their_quotes_and_others_beside_them_make_no_difference() {
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(LINE).unwrap();
        let mut members: Vec<_> = value.iter().map(|(name, value)| format!(r#""{name}" : {value}"#)).collect();
        members.reverse();
        members.push(r#""stage":{"name":"$default"}"#.to_owned());
        assert_eq!(observed(&format!("{{{}}}", members.join(" , "))), WHOLE);
        assert_eq!(observed(&LINE.replace(r#":"31""#, ":31").replace(r#""status":"200""#, r#""status":200"#)), WHOLE);
    }

    #[test]
    fn a_message_with_quotes_in_it_does_not_lose_the_line() {
        for message in [r#"no "such" host"#, r#"a ","b"#, r#"\"#, r#"{"a":"b"}"#] {
            let line = LINE.replace(r#""integration_error":"-""#, &format!(r#""integration_error":"{message}""#));
            assert_eq!(observed(&line), WHOLE, "{message}");
        }
    }

    #[test]
    fn a_message_cannot_set_what_the_line_has_said_before() {
        let line = LINE.replace(
            r#""integration_error":"-""#,
            r#""integration_error":"x","status":"500","response_latency_ms":"9","y":"""#,
        );
        assert_eq!(observed(&line), WHOLE);
    }

    #[test]
    fn a_decision_that_nobody_makes_is_other_and_a_plan_that_is_none_is_none() {
        let line = LINE.replace(r#""decision":"allowed""#, r#""decision":"maybe""#).replace("\"pro\"", "\"-\"");
        assert_eq!(observed(&line)[4], "Decisions none other 1");
    }

    #[test]
    fn every_member_that_is_read_is_one_of_the_templates_format() {
        let template = include_str!("../../../template.yaml");
        for name in [
            "time_ms",
            "route_key",
            "status",
            "response_latency_ms",
            "integration_latency_ms",
            "route",
            "decision",
            "plan",
            "authorizer_ms",
        ] {
            assert!(template.contains(&format!("\"{name}\":\"$context.")), "{name}");
        }
    }
}
