//! The probe, on servers of its own.

use metrics_publisher::{Place, Prober};
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
    let services: Vec<_> = answer["probed"].as_array().unwrap().iter().map(|probed| &probed["service"]).collect();
    assert_eq!(services, ["dynamodb", "monitoring"]);
    let data = requests.lock().unwrap().remove(0).data;
    let told: Vec<_> = data.iter().map(|datum| (datum.name.as_str(), datum.dimensions[0].1.as_str())).collect();
    assert_eq!(
        told,
        [
            ("EndpointPrivate", "dynamodb"),
            ("EndpointPrivate", "monitoring"),
            ("EndpointConnect", "dynamodb"),
            ("EndpointConnect", "monitoring")
        ]
    );
    assert!(data[..2].iter().all(|datum| datum.values == [1.0]));
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_told_apart_from_its_address() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", &format!("http://{free}"))]));
    let probed = prober.probe(&["monitoring".to_owned()], patient()).await.remove(0);
    assert_eq!((probed.place, probed.connect_ms), (Some(Place::Private), None));
    assert!(probed.error.unwrap().starts_with("connecting: "));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_neither_private_nor_public() {
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", "http://nowhere.invalid")]));
    let probed = prober.probe(&["monitoring".to_owned()], patient()).await.remove(0);
    assert_eq!((probed.place, probed.connect_ms), (None, None));
    assert!(probed.error.is_some());
}

#[tokio::test]
async fn tls_is_measured_by_itself_and_whoever_does_not_speak_it_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read_u8().await;
        }
    });
    let prober = Prober::new(endpoints(&[("AWS_ENDPOINT_URL", &url)]));
    let probed = prober.probe(&["monitoring".to_owned()], patient()).await.remove(0);
    assert!(probed.connect_ms.is_some() && probed.tls_ms.is_none());
    assert!(probed.error.unwrap().starts_with("TLS: "));
}
