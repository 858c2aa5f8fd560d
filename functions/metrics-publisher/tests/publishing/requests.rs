//! What requests look like, byte by byte.

use metrics_publisher::testing::{
    MAX_DATUM_VALUES, MAX_REQUEST_BYTES, MAX_REQUEST_DATA, RELATIVE_ERROR,
};
use metrics_publisher::{Aggregator, Metric, Series};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Answer, Request, bare, handle, patient, publisher, record};

fn sums(series: usize, values: usize) -> Aggregator {
    let mut sums = Aggregator::default();
    for number in 0..series {
        let name = format!("{number:06}");
        for step in 0..values {
            let value = 0.1 * (step as f64 * 0.099).exp();
            sums.add(
                1_795_348_800,
                Series::new(Metric::CallDuration, [&name, "Op"]),
                value,
                1,
                0,
            );
        }
    }
    sums
}

async fn sent(sums: Aggregator) -> Vec<Request> {
    let (cloudwatch, requests) = bare(|_, _| Answer::Taken);
    let outcome = cloudwatch.publish(sums.into_data(), patient()).await;
    assert_eq!(
        (outcome.cause, outcome.unsent, outcome.refused),
        (None, 0, 0)
    );
    let requests = requests.lock().unwrap().clone();
    assert_eq!(outcome.requests as usize, requests.len());
    requests
}

fn check(request: &Request) {
    assert!(
        request.bytes <= MAX_REQUEST_BYTES && (1..=MAX_REQUEST_DATA).contains(&request.data.len())
    );
    for datum in &request.data {
        assert!(
            (1..=MAX_DATUM_VALUES).contains(&datum.values.len())
                && datum.values.len() == datum.counts.len()
        );
        assert!(
            datum
                .values
                .iter()
                .chain(&datum.counts)
                .all(|number| number.is_finite() && number.abs() < 2.0f64.powi(360))
        );
        assert!(datum.counts.iter().all(|count| *count >= 1.0));
        assert!(datum.dimensions.len() <= 30);
        for (name, value) in &datum.dimensions {
            assert!(
                !name.starts_with(':')
                    && (1..=1024).contains(&value.len())
                    && value.is_ascii()
                    && !value.trim().is_empty()
            );
        }
    }
}

#[tokio::test]
async fn requests_are_split_by_the_number_of_series() {
    for (series, expected) in [
        (1000, vec![1000]),
        (1001, vec![1000, 1]),
        (2500, vec![1000, 1000, 500]),
    ] {
        let requests = sent(sums(series, 1)).await;
        assert_eq!(
            requests
                .iter()
                .map(|request| request.data.len())
                .collect::<Vec<_>>(),
            expected
        );
        requests.iter().for_each(check);
    }
}

#[tokio::test]
async fn four_hundred_series_of_150_values_are_split_by_their_bytes() {
    let requests = sent(sums(400, 150)).await;
    assert_eq!(requests.len(), 2);
    requests.iter().for_each(check);
    let largest = requests.iter().map(|request| request.bytes).max().unwrap();
    assert!(
        largest > MAX_REQUEST_BYTES * 9 / 10,
        "requests are not split sooner than they have to be: {largest}"
    );
}

#[tokio::test]
async fn bodies_from_10240_bytes_on_are_compressed_and_smaller_ones_are_not() {
    let mut seen = [false; 2];
    for series in [1, 20, 60, 100, 200] {
        let request = sent(sums(series, 1)).await.remove(0);
        assert_eq!(
            request.compressed,
            request.bytes >= 10_240,
            "{}",
            request.bytes
        );
        assert!(!request.compressed || request.bytes_sent < request.bytes / 3);
        seen[usize::from(request.compressed)] = true;
    }
    assert_eq!(seen, [true; 2]);
}

#[tokio::test]
async fn five_thousand_operations_are_so_many_series_as_there_are_places_for_and_other() {
    let (client, requests) = crate::support::cloudwatch(|_, _| Answer::Taken);
    let prober = metrics_publisher::testing::Prober::new(crate::support::endpoints(&[]));
    let config = crate::support::config(&[("MAX_SERIES", "100")]);
    let publisher = metrics_publisher::Publisher::new(
        &config,
        client,
        crate::support::places_for_all(),
        prober,
    );
    let records: Vec<_> = (0..5_000)
        .map(|number| record(&format!("Op{number}"), 1.0))
        .collect();
    let answer = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    assert_eq!(
        (&answer["accepted"], &answer["requests"]),
        (&json!(5_000), &json!(1))
    );
    let data = requests.lock().unwrap().remove(0).data;
    let others = data
        .iter()
        .filter(|datum| datum.dimensions.iter().any(|(_, value)| value == "other"))
        .count();
    let overflowed = data
        .iter()
        .find(|datum| datum.name == "OverflowedSeries")
        .unwrap()
        .counts[0];
    assert_eq!((data.len(), others, overflowed), (100 + 2 + 1, 2, 9_900.0));
    let counted: f64 = data
        .iter()
        .filter(|datum| datum.name == "ApiCallCount")
        .map(|datum| datum.counts[0])
        .sum();
    assert_eq!(counted, 5_000.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_the_records_every_request_keeps_every_limit_and_counts_in_are_counts_out(
        records in prop::collection::vec(
            (any::<String>(), any::<String>(), prop_oneof![0.0..1e7f64, any::<f64>()], any::<bool>(), 0i64..3_000_000),
            0..300,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (publisher, requests) = publisher(|_, _| Answer::Taken);
        let records: Vec<_> = records.iter().map(|(service, operation, duration, success, ago)| json!({
            "service": service, "operation": operation, "duration_ms": duration, "success": success,
            "timestamp": crate::support::NOW_MS - ago * 1000,
        })).collect();
        let answer = runtime.block_on(handle(&publisher, &json!({ "records": records }))).unwrap();
        let requests = requests.lock().unwrap();
        requests.iter().for_each(check);
        let count = |name: &str| {
            let data = requests.iter().flat_map(|request| &request.data).filter(|datum| datum.name == name);
            data.flat_map(|datum| &datum.counts).sum::<f64>()
        };
        prop_assert_eq!(json!(count("ApiCallCount") as u64), answer["accepted"].clone());
        prop_assert_eq!(json!(count("ApiCallDuration") as u64), answer["accepted"].clone());
        prop_assert_eq!(count("ApiCallCount") + count("RejectedRecords"), records.len() as f64);
    }
}

#[tokio::test]
async fn percentiles_survive_the_way_to_cloudwatch() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let durations: Vec<f64> = (1..=1000)
        .map(|step| f64::from(step) * f64::from(step) / 100.0)
        .collect();
    let records: Vec<_> = durations
        .iter()
        .map(|duration| record("Op", *duration))
        .collect();
    handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    let data = requests.lock().unwrap().remove(0).data;
    let told = data
        .iter()
        .find(|datum| datum.name == "ApiCallDuration")
        .unwrap();
    assert_eq!(told.counts.iter().sum::<f64>(), 1000.0);
    for (part, is) in [
        (0.5, durations[499]),
        (0.95, durations[949]),
        (0.99, durations[989]),
        (0.999, durations[998]),
    ] {
        let mut seen = 0.0;
        let value = told.values.iter().zip(&told.counts).find(|(_, count)| {
            seen += **count;
            seen >= 1000.0 * part
        });
        let value = *value.unwrap().0;
        assert!(
            (value - is).abs() <= RELATIVE_ERROR * is,
            "p{part}: {value} for {is}"
        );
    }
}
