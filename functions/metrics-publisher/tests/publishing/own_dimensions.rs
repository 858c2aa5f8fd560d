//! Dimensions of the sender's own, from the record to the request.

use metrics_publisher::Publisher;
use metrics_publisher::testing::Prober;
use serde_json::{Value, json};

use crate::support::{
    Answer, Requests, Sent, cloudwatch, config, endpoints, handle, places_for_all, publisher,
    record,
};

fn capped_publisher(max_series: &str) -> (Publisher, Requests) {
    let (client, requests) = cloudwatch(|_, _| Answer::Taken);
    let config = config(&[("MAX_SERIES", max_series)]);
    let prober = Prober::new(endpoints(&[]));
    let publisher = Publisher::new(&config, client, places_for_all(), prober);
    (publisher, requests)
}

fn tenant(name: &str) -> Value {
    let mut record = record("Charge", 12.5);
    record["dimensions"] = json!({ "tenant": name });
    record
}

fn counts(data: &[Sent], name: &str, dimension: &str) -> Vec<(String, f64)> {
    let of_metric = data.iter().filter(|datum| datum.name == name);
    let counts = of_metric.filter_map(|datum| {
        let (_, value) = datum.dimensions.iter().find(|(key, _)| key == dimension)?;
        Some((value.clone(), datum.counts.iter().sum()))
    });
    counts.collect()
}

#[tokio::test]
async fn records_are_published_by_their_own_dimensions_and_in_total() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let records = [tenant("a"), tenant("b"), tenant("a"), record("Charge", 1.0)];
    let response = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    assert_eq!(response["accepted"], 4);

    let data = requests.lock().unwrap().remove(0).data;
    let tenants = [("a".to_owned(), 2.0), ("b".to_owned(), 1.0)];
    for name in ["ApiCallDuration", "ApiCallCount"] {
        assert_eq!(counts(&data, name, "tenant"), tenants, "{name}");
        let total = counts(&data, name, "Service");
        assert_eq!(total.iter().map(|(_, count)| count).sum::<f64>(), 7.0);
    }
}

#[tokio::test]
async fn own_dimensions_beyond_the_maximum_of_series_are_one_other_series() {
    let (publisher, requests) = capped_publisher("10");
    let records: Vec<_> = (0..500).map(|number| tenant(&number.to_string())).collect();
    let response = handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();
    assert_eq!(response["accepted"], 500);

    let data = requests.lock().unwrap().remove(0).data;
    assert!(data.len() <= 13, "{} series", data.len());
    let named: f64 = counts(&data, "ApiCallCount", "tenant")
        .iter()
        .map(|(_, count)| count)
        .sum();
    let other = counts(&data, "ApiCallCount", "Dimensions");
    assert_eq!(other, [("other".to_owned(), 500.0 - named)]);
}

#[tokio::test]
async fn names_of_dimensions_cannot_exceed_the_maximum_of_series() {
    let (publisher, requests) = capped_publisher("10");
    let records: Vec<_> = (0..500)
        .map(|number| {
            let mut record = record("Charge", 1.0);
            record["dimensions"] = json!({format!("name {number}"): "a"});
            record
        })
        .collect();
    handle(&publisher, &json!({ "records": records }))
        .await
        .unwrap();

    let data = requests.lock().unwrap().remove(0).data;
    assert!(data.len() <= 13, "{} series", data.len());
}

#[tokio::test]
async fn a_record_with_invalid_dimensions_does_not_affect_its_neighbours() {
    let (publisher, _) = publisher(|_, _| Answer::Taken);
    let mut invalid = tenant("a");
    invalid["dimensions"]["Operation"] = "x".into();
    let response = handle(
        &publisher,
        &json!({"records": [tenant("a"), invalid, tenant("b")]}),
    )
    .await
    .unwrap();

    assert_eq!(response["accepted"], 2);
    let reason = "`dimensions`: the name `Operation` is reserved";
    assert_eq!(
        response["rejected"],
        json!([{"index": 1, "reason": reason}])
    );
}
