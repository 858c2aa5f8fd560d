//! Recorded responses, in the form that AWS documents.

use std::sync::{Arc, Mutex};

use admin_client::{AwsError, AwsService};
use bytes::Bytes;
use checks::aws::{Account, Transport};
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::stack::StackSettings;

pub(super) const NOW: &str = "2026-11-28T12:00:30Z";

/// Recorded responses. The first one whose service and texts a request has is sent.
#[derive(Default)]
pub(super) struct Recorded {
    answers: Vec<(&'static str, &'static [&'static str], StatusCode, String)>,
    pub(super) requests: Mutex<Vec<String>>,
}

impl Recorded {
    pub(super) fn with(
        mut self,
        service: &'static str,
        texts: &'static [&'static str],
        body: String,
    ) -> Self {
        self.answers.push((service, texts, StatusCode::OK, body));
        self
    }

    pub(super) fn denied(mut self, service: &'static str, texts: &'static [&'static str]) -> Self {
        let body = r#"{"__type":"AccessDeniedException","message":"denied"}"#.to_owned();
        self.answers
            .push((service, texts, StatusCode::FORBIDDEN, body));
        self
    }

    pub(super) fn account(self) -> (Account, Arc<Self>) {
        let recorded = Arc::new(self);
        let transport: Arc<dyn Transport> = Arc::clone(&recorded) as _;
        (Account::over(transport, "eu-west-1".to_owned()), recorded)
    }

    pub(super) fn count(&self, text: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.contains(text))
            .count()
    }
}

impl Transport for Recorded {
    fn send<'a>(
        &'a self,
        service: AwsService,
        request: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>> {
        let target = request.headers().get("x-amz-target");
        let target = target.map_or("", |value| value.to_str().unwrap());
        let body = String::from_utf8_lossy(request.body());
        let text = format!("{} {target} {body}", service.name).replace("%2E", ".");
        self.requests.lock().unwrap().push(text.clone());

        let found = self.answers.iter().find(|(name, texts, ..)| {
            *name == service.name && texts.iter().all(|part| text.contains(part))
        });
        let (_, _, status, body) = found.unwrap_or_else(|| panic!("no answer for {text}"));
        let mut response = Response::new(Bytes::from(body.clone()));
        *response.status_mut() = *status;
        Box::pin(std::future::ready(if status.is_success() {
            Ok(response)
        } else {
            Err(AwsError::of_response(service.name, &response))
        }))
    }
}

pub(super) fn stack(publishes: &str) -> StackSettings {
    StackSettings::of(
        &[("PublishMetrics", publishes)],
        &[
            ("ApiId", "a1b2c3d4e5"),
            ("AccessLogGroup", "/aws/vendedlogs/shop/access-1"),
            ("AuthorizerLogGroupName", "/aws/lambda/shop-authorizer"),
        ],
    )
}

/// Returns the response of `ListMetrics` for metrics with these dimensions.
pub(super) fn listed(name: &str, metrics: &[&[(&str, &str)]]) -> String {
    let metrics: String = metrics
        .iter()
        .map(|dimensions| {
            let dimensions: String = dimensions
                .iter()
                .map(|(name, value)| {
                    format!("<member><Name>{name}</Name><Value>{value}</Value></member>")
                })
                .collect();
            format!(
                "<member><Dimensions>{dimensions}</Dimensions><MetricName>{name}</MetricName>\
                 <Namespace>Tollgate/shop</Namespace></member>"
            )
        })
        .collect();
    format!(
        "<ListMetricsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <ListMetricsResult><Metrics>{metrics}</Metrics></ListMetricsResult>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ListMetricsResponse>"
    )
}

/// Returns the response of `GetMetricData` with data points by the index of their query.
pub(super) fn data(results: &[(usize, &[(&str, &str)])]) -> String {
    let results: String = results
        .iter()
        .map(|(index, points)| {
            let element = |text: &str| format!("<member>{text}</member>");
            let times: String = points.iter().map(|(at, _)| element(at)).collect();
            let values: String = points.iter().map(|(_, value)| element(value)).collect();
            format!(
                "<member><Id>m{index}</Id><Label>x</Label><Timestamps>{times}</Timestamps>\
                 <Values>{values}</Values><StatusCode>Complete</StatusCode></member>"
            )
        })
        .collect();
    format!(
        "<GetMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <GetMetricDataResult><MetricDataResults>{results}</MetricDataResults></GetMetricDataResult>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetMetricDataResponse>"
    )
}

/// Returns the response of `FilterLogEvents` with JSON lines.
pub(super) fn events(lines: &[(&str, Value)], next: Option<&str>) -> String {
    let events = lines.iter().map(|(at, line)| {
        let at: Timestamp = at.parse().unwrap();
        let at = at.as_millisecond();
        json!({"logStreamName": "s", "timestamp": at, "message": line.to_string(),
               "ingestionTime": at + 5, "eventId": "1"})
    });
    let mut response = json!({"events": events.collect::<Vec<_>>(), "searchedLogStreams": []});
    if let Some(next) = next {
        response["nextToken"] = next.into();
    }
    response.to_string()
}

pub(super) fn access(request_id: &str, status: &str, route_key: &str) -> Value {
    json!({"request_id": request_id, "status": status, "method": "GET", "source_ip": "192.0.2.7",
           "route_key": route_key, "response_latency_ms": "4"})
}

/// Returns the reasons why something is missing in a document.
pub(super) fn reasons(document: &Value) -> String {
    document["missing"].to_string()
}
