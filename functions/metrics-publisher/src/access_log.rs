//! Turns a line of the API's access log into metrics of requests, errors and durations.

use outcome::Decision;

use crate::access_fields::{AccessFields, Field};
use crate::aggregate::Aggregator;
use crate::duration;
use crate::name::dimension_value;
use crate::rejection::Reason;
use crate::series::{Metric, OTHER, Series};
use crate::time::{Window, parse_ms};

/// The maximum number of series that a line adds to.
pub(crate) const MAX_LINE_SERIES: usize = 8;

/// The route of a request that matches no route.
const UNMATCHED: &str = "unmatched";
/// The plan of a request without one (a public route, an unauthorized caller), and the status class
/// of a request whose client disconnected before the response.
const NONE: &str = "none";
const LATENCIES: [(Metric, Field); 3] = [
    (Metric::Latency, Field::ResponseLatency),
    (Metric::IntegrationLatency, Field::IntegrationLatency),
    (Metric::AuthorizerLatency, Field::AuthorizerLatency),
];

/// One request in the access log.
#[derive(Debug)]
pub(crate) struct AccessLine<'a>(AccessFields<'a>);

impl<'a> AccessLine<'a> {
    /// Reads a line. Returns `None` if it is not an access-log line.
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        AccessFields::read(line).map(Self)
    }

    /// Counts the request as the record with this number. `logged_ms` is the time if the line has
    /// none.
    ///
    /// An invalid latency is omitted, and the reason is returned. The request still counts.
    ///
    /// # Errors
    /// [`Reason`] if the time is invalid or outside CloudWatch's window.
    pub(crate) fn observe(
        &self,
        window: Window,
        logged_ms: Option<i64>,
        sums: &mut Aggregator,
        number: u32,
    ) -> Result<Option<Reason>, Reason> {
        let at_ms = self
            .0
            .get(Field::TimeMs)
            .map(|text| parse_ms(text).ok_or(Reason::Time("time_ms")))
            .transpose()?;
        let minute = window.minute(at_ms.or(logged_ms))?;
        let mut add = |series: Series<&str>, value| sums.add(minute, series, value, 1, number);

        let named = self
            .0
            .get(Field::Route)
            .or(self.0.get(Field::RouteKey))
            .and_then(dimension_value);
        let route = named.as_deref().unwrap_or(UNMATCHED);
        add(
            Series::new(Metric::Requests, [route, self.status_class()]),
            1.0,
        );

        let mut omission = None;
        for (metric, field) in LATENCIES {
            match self
                .0
                .get(field)
                .map(|text| duration::parse(field.name(), text))
            {
                Some(Ok(latency_ms)) => add(Series::new(metric, [route]), latency_ms),
                Some(Err(reason)) => omission = omission.or(Some(reason)),
                None => {}
            }
        }

        self.observe_decision(add);
        Ok(omission)
    }

    fn observe_decision(&self, mut add: impl FnMut(Series<&str>, f64)) {
        let Some(decision) = self.0.get(Field::Decision) else {
            return;
        };
        let decision = Decision::BY_AUTHORIZER
            .into_iter()
            .map(Decision::as_str)
            .find(|known| *known == decision)
            .unwrap_or(OTHER);
        let plan = self.0.get(Field::Plan).and_then(dimension_value);
        let plan = plan.as_deref().unwrap_or(NONE);

        add(Series::new(Metric::Decisions, [plan, decision]), 1.0);
        if self.0.get(Field::NearLimit) == Some("true") {
            add(Series::new(Metric::NearLimit, [plan]), 1.0);
        }
        if self.0.get(Field::OverQuota) == Some("true") {
            add(Series::new(Metric::OverQuota, [plan]), 1.0);
        }
        if self.0.get(Field::Reason) == Some(outcome::Reason::ShadowDenied.as_str()) {
            add(Series::new(Metric::ShadowDenied, [plan]), 1.0);
        }
    }

    fn status_class(&self) -> &'static str {
        match self.0.get(Field::Status).map(str::as_bytes) {
            Some([b'1', _, _]) => "1xx",
            Some([b'2', _, _]) => "2xx",
            Some([b'3', _, _]) => "3xx",
            Some([b'4', _, _]) => "4xx",
            Some([b'5', _, _]) => "5xx",
            _ => NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    const LINE: &str = r#"{"request_id":"r1","time_ms":"1795348800123","source_ip":"192.0.2.1","method":"GET","route_key":"ANY /{proxy+}","protocol":"HTTP/1.1","status":"200","response_bytes":"12","response_latency_ms":"31","integration_latency_ms":"25","integration_status":"200","route":"GET /orders","decision":"allowed","reason":"ok","auth":"api_key","plan":"pro","key_id":"k","near_limit":"false","authorizer_ms":"3","error":"-","integration_error":"-","authorizer_error":"-"}"#;

    fn observed(line: &str) -> Vec<String> {
        let line = AccessLine::read(line).unwrap();
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        line.observe(window, None, &mut sums, 0).unwrap();
        sums.into_data()
            .iter()
            .map(|datum| {
                let names: Vec<_> = datum
                    .series
                    .dimensions()
                    .map(|(_, value)| value.to_owned())
                    .collect();
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
    fn a_plan_whose_limits_are_near_exceeded_or_in_shadow_is_counted() {
        let line = LINE.replace(
            r#""near_limit":"false""#,
            r#""near_limit":"true","over_quota":"true""#,
        );
        let found = observed(&line.replace(r#""reason":"ok""#, r#""reason":"shadow_denied""#));
        assert_eq!(found[..WHOLE.len()], WHOLE);
        assert_eq!(
            found[WHOLE.len()..],
            ["NearLimit pro 1", "OverQuota pro 1", "ShadowDenied pro 1"]
        );
        assert_eq!(found.len(), MAX_LINE_SERIES);
    }

    #[test]
    fn without_a_route_of_the_authorizers_it_is_the_route_key_and_never_the_path() {
        let line = LINE.replace("GET /orders", "-");
        assert_eq!(observed(&line)[1], "Latency ANY /{proxy+} 31");
        assert_eq!(
            observed(&line.replace("ANY /{proxy+}", "$default"))[1],
            "Latency $default 31"
        );
        assert_eq!(
            observed(&line.replace("ANY /{proxy+}", "-"))[1],
            "Latency unmatched 31"
        );
    }

    #[test]
    fn a_hyphen_is_a_value_that_is_not_there() {
        let line = LINE
            .replace(
                r#""integration_latency_ms":"25""#,
                r#""integration_latency_ms":"-""#,
            )
            .replace(
                r#""integration_status":"200""#,
                r#""integration_status":"-""#,
            )
            .replace(r#""decision":"allowed""#, r#""decision":"-""#)
            .replace(r#""authorizer_ms":"3""#, r#""authorizer_ms":"-""#);
        assert_eq!(observed(&line), WHOLE[..2]);
        assert_eq!(
            observed(&line.replace(r#""status":"200""#, r#""status":"-""#))[0],
            "Requests GET /orders none 1"
        );
    }

    #[test]
    fn the_order_of_members_their_quotes_and_others_beside_them_make_no_difference() {
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(LINE).unwrap();
        let mut members: Vec<_> = value
            .iter()
            .map(|(name, value)| format!(r#""{name}" : {value}"#))
            .collect();
        members.reverse();
        members.push(r#""stage":{"name":"$default"}"#.to_owned());
        assert_eq!(observed(&format!("{{{}}}", members.join(" , "))), WHOLE);
        assert_eq!(
            observed(
                &LINE
                    .replace(r#":"31""#, ":31")
                    .replace(r#""status":"200""#, r#""status":200"#)
            ),
            WHOLE
        );
    }

    #[test]
    fn a_message_with_quotes_in_it_does_not_lose_the_line() {
        for message in [r#"no "such" host"#, r#"a ","b"#, r#"\"#, r#"{"a":"b"}"#] {
            let line = LINE.replace(
                r#""integration_error":"-""#,
                &format!(r#""integration_error":"{message}""#),
            );
            assert_eq!(observed(&line), WHOLE, "{message}");
        }
    }

    #[test]
    fn a_message_cannot_set_fields_of_its_request() {
        let message = r#""integration_error":"x","plan":"evil","decision":"throttled","route":"GET /evil","status":"500","response_latency_ms":"9","y":"""#;
        assert_eq!(
            observed(&LINE.replace(r#""integration_error":"-""#, message)),
            WHOLE
        );
    }

    #[test]
    fn an_impossible_latency_is_omitted_and_the_request_counts() {
        for (field, value, reason) in [
            (
                "response_latency_ms",
                "7200000",
                Reason::TooLong("response_latency_ms"),
            ),
            (
                "integration_latency_ms",
                "1e100",
                Reason::TooLong("integration_latency_ms"),
            ),
            ("authorizer_ms", "-1", Reason::Negative("authorizer_ms")),
            ("authorizer_ms", "NaN", Reason::Number("authorizer_ms")),
        ] {
            let mut members: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(LINE).unwrap();
            members.insert(field.to_owned(), value.into());
            let line = serde_json::Value::Object(members).to_string();
            let mut sums = Aggregator::default();
            let left_out = AccessLine::read(&line).unwrap().observe(
                Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap()),
                None,
                &mut sums,
                0,
            );
            assert_eq!(
                (left_out, sums.len()),
                (Ok(Some(reason)), WHOLE.len() - 1),
                "{field} {value}"
            );
        }
    }

    #[test]
    fn a_line_from_another_time_is_rejected() {
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        for (time, reason) in [
            ("1794048800000", Reason::TooOld),
            ("-9e300", Reason::TooOld),
            ("1795448800000", Reason::TooNew),
            // Microseconds and nanoseconds.
            ("1795348800123000", Reason::TooNew),
            ("1795348800123000000", Reason::TooNew),
            ("soon", Reason::Time("time_ms")),
        ] {
            let line = LINE.replace("1795348800123", time);
            let mut sums = Aggregator::default();
            assert_eq!(
                AccessLine::read(&line)
                    .unwrap()
                    .observe(window, None, &mut sums, 0),
                Err(reason),
                "{time}"
            );
            assert!(sums.is_empty(), "{time}");
        }
    }

    #[test]
    fn a_decision_that_nobody_makes_is_other_and_a_plan_that_is_none_is_none() {
        let line = LINE
            .replace(r#""decision":"allowed""#, r#""decision":"maybe""#)
            .replace("\"pro\"", "\"-\"");
        assert_eq!(observed(&line)[4], "Decisions none other 1");
    }
}
