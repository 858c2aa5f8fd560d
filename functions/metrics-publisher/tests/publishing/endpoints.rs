//! The probe, on servers of its own.

use metrics_publisher::testing::Prober;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::support::{Answer, cloudwatch, config, endpoints, handle, patient, places_for_all};

fn schedule() -> serde_json::Value {
    serde_json::json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}})
}

#[tokio::test]
async fn a_schedule_probes_each_service_and_publishes_what_it_finds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (client, requests) = cloudwatch(|_, _| Answer::Taken);
    let config = config(&[("PROBE_SERVICES", "monitoring,dynamodb")]);
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", &url)]));
    let publisher = metrics_publisher::Publisher::new(&config, client, places_for_all(), prober);
    let answer = handle(&publisher, &schedule()).await.unwrap();
    let services: Vec<_> = answer["probed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|probed| &probed["service"])
        .collect();
    assert_eq!(services, ["dynamodb", "monitoring"]);
    let data = requests.lock().unwrap().remove(0).data;
    let told: Vec<_> = data
        .iter()
        .map(|datum| (datum.name.as_str(), datum.dimensions[0].1.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("EndpointReachable", "dynamodb"),
            ("EndpointReachable", "monitoring"),
            ("EndpointPrivate", "dynamodb"),
            ("EndpointPrivate", "monitoring"),
            ("EndpointConnect", "dynamodb"),
            ("EndpointConnect", "monitoring")
        ]
    );
    assert!(data[..4].iter().all(|datum| datum.values == [1.0]));
}

/// Probes `monitoring` at `url` by a schedule. Returns the answer's entry and the values that are
/// published.
async fn probed(url: &str) -> (serde_json::Value, Vec<(String, f64)>) {
    let (client, requests) = cloudwatch(|_, _| Answer::Taken);
    let config = config(&[("PROBE_SERVICES", "monitoring")]);
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", url)]));
    let publisher = metrics_publisher::Publisher::new(&config, client, places_for_all(), prober);
    let answer = handle(&publisher, &schedule()).await.unwrap();
    let data = requests.lock().unwrap().remove(0).data;
    (
        answer["probed"][0].clone(),
        data.into_iter()
            .map(|datum| (datum.name, datum.values[0]))
            .collect(),
    )
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_is_published_as_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (answer, published) = probed(&format!("http://{free}")).await;
    assert_eq!(
        (&answer["reachable"], &answer["place"]),
        (&false.into(), &"private".into())
    );
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .starts_with("connecting: "),
        "{answer}"
    );
    assert_eq!(
        published,
        [
            ("EndpointReachable".to_owned(), 0.0),
            ("EndpointPrivate".to_owned(), 1.0)
        ]
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_published_as_unreachable_alone() {
    let (answer, published) = probed("http://nowhere.invalid").await;
    assert_eq!(
        (&answer["reachable"], answer.get("place")),
        (&false.into(), None)
    );
    assert!(
        answer["error"].as_str().unwrap().starts_with("resolving: "),
        "{answer}"
    );
    assert_eq!(published, [("EndpointReachable".to_owned(), 0.0)]);
}

#[tokio::test]
async fn an_endpoint_without_tls_is_unreachable_over_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read_u8().await;
        }
    });
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", &url)]));
    let probed = prober
        .probe(&["monitoring".to_owned()], patient())
        .await
        .remove(0);
    assert!(!probed.reachable && probed.connect_ms.is_some() && probed.tls_ms.is_none());
    assert!(probed.error.unwrap().starts_with("TLS: "));
}
