//! Probes endpoints: resolves their names, connects and performs a TLS handshake.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use aws::{Deadline, Endpoints, ExtraAuthorities, tls_config};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use crate::endpoint_probe::EndpointProbe;
use crate::place::Place;

/// The time limit of one service, from its name to the TLS handshake.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of addresses of a name that are considered.
const MAX_ADDRESSES: usize = 64;

/// Probes the endpoints that AWS clients of this process call.
#[derive(Clone, Debug)]
pub struct Prober {
    endpoints: Endpoints,
}

impl Prober {
    /// Creates a prober that trusts the same authorities as the clients.
    #[must_use]
    pub const fn new(endpoints: Endpoints) -> Self {
        Self { endpoints }
    }

    /// Probes services in parallel, each for at most five seconds. The results are sorted by name.
    pub async fn probe(&self, services: &[String], deadline: Deadline) -> Vec<EndpointProbe> {
        let mut probes = JoinSet::new();
        for service in services {
            let (prober, service) = (self.clone(), service.clone());
            let deadline = deadline.at_most(Instant::now(), PROBE_TIMEOUT);
            probes.spawn(async move { prober.probe_one(service, deadline).await });
        }
        let mut probed = probes.join_all().await;
        probed.sort_unstable_by(|a, b| a.service.cmp(&b.service));
        probed
    }

    async fn probe_one(&self, service: String, deadline: Deadline) -> EndpointProbe {
        let url = self.endpoints.first(&service);
        let mut probed = EndpointProbe {
            service,
            reachable: false,
            place: None,
            connect_ms: None,
            tls_ms: None,
            error: None,
        };
        let Some(url) = url else {
            probed.error = Some("unknown service".to_owned());
            return probed;
        };
        let measured = timeout_at(deadline.instant().into(), self.measure(&url, &mut probed)).await;
        let outcome = measured.unwrap_or_else(|_| Err("timeout".to_owned()));
        probed.reachable = outcome.is_ok();
        probed.error = outcome.err();
        probed
    }

    async fn measure(&self, url: &Uri, probed: &mut EndpointProbe) -> Result<(), String> {
        let encrypted = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let found = lookup_host((host, port))
            .await
            .map_err(|error| format!("resolving: {error}"))?;
        let addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
        let ips: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        probed.place = Place::from_addresses(&probed.service, &ips);
        let began = Instant::now();
        let stream = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(|error| format!("connecting: {error}"))?;
        probed.connect_ms = Some(milliseconds(began.elapsed()));
        if encrypted {
            probed.tls_ms = Some(shake_hands(host, stream).await?);
        }
        Ok(())
    }
}

/// Performs a TLS handshake. Returns its duration in milliseconds.
async fn shake_hands(host: &str, stream: TcpStream) -> Result<f64, String> {
    let failed = |error: &dyn fmt::Display| format!("TLS: {error}");
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    let config = tls_config(&ExtraAuthorities::default()).map_err(|error| failed(&error))?;

    let began = Instant::now();
    let handshake = TlsConnector::from(config).connect(name, stream).await;
    handshake.map_err(|error| failed(&error))?;
    Ok(milliseconds(began.elapsed()))
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
