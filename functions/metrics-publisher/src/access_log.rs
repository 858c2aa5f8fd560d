//! A line of the API's access log, and the RED metrics that it becomes.
//!
//! The members' names are those of the template's `AccessLogSettings`.

use serde::Deserialize;

use crate::aggregate::Aggregator;
use crate::buckets::LARGEST;
use crate::name::dimension_value;
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, OTHER, Series};
use crate::time::{Window, parse_ms};

/// The most series that one line adds to.
pub(crate) const OBSERVATIONS: usize = 5;

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
    plan: Scalar<'a>,
    #[serde(borrow)]
    authorizer_ms: Scalar<'a>,
}

impl<'a> AccessLine<'a> {
    /// Whether it is a line of the access log at all.
    pub(crate) fn is_one(&self) -> bool {
        self.route_key.is_some() && self.status.is_some()
    }

    /// Reads a line that is no JSON because API Gateway put a message with quotes into it as it was.
    ///
    /// A member is what stands between `"NAME":"` and the next `","` or the line's end; the first one of a name counts.
    pub(crate) fn salvage(line: &'a str) -> Option<Self> {
        let inner = line.trim().strip_prefix("{\"")?.strip_suffix("\"}")?;
        let mut read = Self::default();
        let mut known: [Option<&mut Scalar<'a>>; 7] = [
            Some(&mut read.time_ms),
            Some(&mut read.response_latency_ms),
            Some(&mut read.integration_latency_ms),
            Some(&mut read.route),
            Some(&mut read.decision),
            Some(&mut read.plan),
            Some(&mut read.authorizer_ms),
        ];
        let names =
            ["time_ms", "response_latency_ms", "integration_latency_ms", "route", "decision", "plan", "authorizer_ms"];
        let (mut route_key, mut status) = (None, None);
        for member in inner.split("\",\"").flat_map(|part| part.split("\", \"")) {
            let Some((name, value)) = member.split_once("\":").map(|(name, rest)| (name, rest.trim_start())) else {
                continue;
            };
            let Some(value) = value.strip_prefix('"').filter(|value| !value.contains(['"', '\\'])) else { continue };
            let value = Scalar::borrowed(value);
            match name {
                "route_key" => _ = route_key.get_or_insert(value),
                "status" => _ = status.get_or_insert(value),
                _ => {
                    let place = names.iter().position(|known| *known == name).and_then(|place| known[place].take());
                    place.into_iter().for_each(|place| *place = value.clone());
                }
            }
        }
        (read.route_key, read.status) = (route_key, status);
        read.is_one().then_some(read)
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
            let decision = DECISIONS.into_iter().find(|known| *known == decision).unwrap_or(OTHER);
            add(Series::new(Metric::Decisions, [plan.as_deref().unwrap_or(NONE), decision]), 1.0);
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
        let line: AccessLine<'_> = serde_json::from_str(line).unwrap_or_else(|_| AccessLine::salvage(line).unwrap());
        assert!(line.is_one());
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
        assert_eq!(WHOLE.len(), OBSERVATIONS);
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
