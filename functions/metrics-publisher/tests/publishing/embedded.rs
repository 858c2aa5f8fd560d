//! Metrics in the embedded metric format, from the event to the request.

use metrics_publisher::Publisher;
use metrics_publisher::testing::Prober;
use serde_json::{Value, json};

use crate::support::{
    Answer, cloudwatch, config, endpoints, handle, messages, places_for_all, publisher, record,
    subscription,
};

const POWERTOOLS: &str = include_str!("powertools.json");

fn powertools() -> Value {
    serde_json::from_str(POWERTOOLS).unwrap()
}

#[tokio::test]
async fn embedded_metrics_are_published_with_their_unit_in_the_own_namespace() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let response = handle(&publisher, &json!([powertools(), record("Charge", 1.0)]))
        .await
        .unwrap();
    assert_eq!(
        (&response["accepted"], &response["rejected_count"]),
        (&json!(2), &json!(0))
    );

    let request = requests.lock().unwrap().remove(0);
    assert_eq!(request.namespace, "CustomApp/NetworkMetrics");
    let bookings = "ServerlessAirline/SuccessfulBooking";
    let datum = request
        .data
        .iter()
        .find(|datum| datum.name == bookings)
        .unwrap();
    assert_eq!(datum.unit, "Count");
    assert_eq!(
        datum.dimensions,
        [("service".to_owned(), "payment".to_owned())]
    );
    assert_eq!(
        (datum.values.as_slice(), datum.counts.as_slice()),
        (&[1.0][..], &[2.0][..])
    );
}

#[tokio::test]
async fn embedded_metrics_in_logs_are_neither_published_nor_rejected() {
    let (publisher, requests) = publisher(|_, _| Answer::Taken);
    let call = json!({"api_call": record("Charge", 1.0)}).to_string();
    let delivery = subscription(&[POWERTOOLS.trim().to_owned(), call, POWERTOOLS.to_owned()]);
    let response = handle(&publisher, &delivery).await.unwrap();

    assert_eq!(
        (
            &response["accepted"],
            &response["skipped"],
            &response["rejected_count"]
        ),
        (&json!(1), &json!(2), &json!(0))
    );
    let data = requests.lock().unwrap().remove(0).data;
    assert!(
        data.iter().all(|datum| datum.name.starts_with("ApiCall")),
        "{data:?}"
    );
}

#[tokio::test]
async fn an_invalid_object_does_not_affect_its_neighbours() {
    let (publisher, _) = publisher(|_, _| Answer::Taken);
    let mut invalid = powertools();
    invalid["SuccessfulBooking"] = "many".into();
    invalid["ColdStart"] = Value::Null;
    let bodies = [
        json!([powertools(), invalid.clone()]),
        invalid,
        powertools(),
    ];
    let response = handle(&publisher, &messages(&bodies)).await.unwrap();
    assert_eq!(
        response,
        json!({"batchItemFailures": [{"itemIdentifier": "m1"}]})
    );
}

#[tokio::test]
async fn values_beyond_the_maximum_of_series_are_counted() {
    let (client, requests) = cloudwatch(|_, _| Answer::Taken);
    let config = config(&[("MAX_SERIES", "3")]);
    let publisher = Publisher::new(
        &config,
        client,
        places_for_all(),
        Prober::new(endpoints(&[])),
    );
    let objects: Vec<_> = (0..50)
        .map(|number| {
            let mut object = powertools();
            object["service"] = number.to_string().into();
            object
        })
        .collect();
    handle(&publisher, &json!(objects)).await.unwrap();

    let data = requests.lock().unwrap().remove(0).data;
    let count = |name: &str| -> f64 {
        let data = data.iter().filter(|datum| datum.name == name);
        data.flat_map(|datum| &datum.counts).sum()
    };
    let published =
        count("ServerlessAirline/SuccessfulBooking") + count("ServerlessAirline/ColdStart");
    assert_eq!(published + count("OverflowedValues"), 150.0);
    assert_eq!((count("OverflowedSeries"), data.len()), (97.0, 5));
    assert!(data.iter().all(|datum| {
        datum
            .dimensions
            .iter()
            .all(|(name, _)| name != "Dimensions")
    }));
}
