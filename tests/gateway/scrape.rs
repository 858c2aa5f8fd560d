//! Reads the metrics of a gateway.

use http::StatusCode;
use tests::{Answer, Gateway};

/// Returns the metrics in the text format.
pub(crate) async fn scrape(gateway: &Gateway) -> String {
    let answer = gateway.call("GET", "/_tollgate/metrics").send().await;
    assert_eq!(answer.status, StatusCode::OK);
    text(&answer)
}

/// Returns the body of a response.
pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Waits until so many requests have been logged, and therefore counted. The client may have a
/// response earlier.
pub(crate) async fn logged(gateway: &Gateway, requests: usize) {
    while gateway.log().len() < requests {
        tokio::task::yield_now().await;
    }
}

/// Returns the value of a series. `None` if it does not exist.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// Checks the values of series.
pub(crate) fn assert_values(text: &str, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        assert_eq!(value(text, series), Some(*expected), "{series}\n{text}");
    }
}
