//! A lane: one resolver per name server, with at most one query per name in flight.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::{sleep_until, timeout};

use super::{Family, ResolveError};
use crate::pace::Pace;
use crate::sampling::DnsResponse;

/// The time limit of one query to one server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often each server is asked the same question.
const ATTEMPTS_PER_SERVER: usize = 2;
/// The number of CNAME records that hickory follows for one name.
const MAX_ALIASES: usize = 8;
/// The number of CNAME records that are followed to explain an error.
const MAX_EXPLAINED_ALIASES: usize = 16;

pub(super) struct Lane {
    servers: Vec<TokioResolver>,
    shared: Arc<LaneState>,
}

/// The state that all lanes share.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// The index of the server that responded last.
    preferred: AtomicUsize,
    pace: Pace,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Lane of {} servers", self.servers.len())
    }
}

impl Lane {
    pub(super) fn new(
        servers: &[NameServerConfig],
        shared: Arc<LaneState>,
    ) -> Result<Self, String> {
        let resolver = |server: &NameServerConfig| {
            let config = ResolverConfig::from_name_servers(vec![server.clone()]);
            let builder =
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder
                .with_options(options())
                .build()
                .map_err(|error| error.to_string())
        };

        Ok(Self {
            servers: servers.iter().map(resolver).collect::<Result<_, _>>()?,
            shared,
        })
    }

    /// Returns one response, from the server that responded last or else from the next one.
    ///
    /// # Errors
    /// [`ResolveError`] of the last attempt, or of the first server that says that the name has no
    /// address.
    pub(super) async fn query(
        &self,
        name: &Name,
        family: Family,
        until: Instant,
    ) -> Result<DnsResponse, ResolveError> {
        let count = self.servers.len();
        let first = self.shared.preferred.load(Ordering::Relaxed);
        let mut failure = ResolveError::TimedOut;

        for attempt in 0..count * ATTEMPTS_PER_SERVER {
            let index = (first + attempt) % count;
            self.wait_for_turn(until).await;

            let remaining = until.saturating_duration_since(Instant::now());
            let servers_left = u32::try_from(count - attempt % count).unwrap_or(1);
            let Some(server) = self.servers.get(index).filter(|_| !remaining.is_zero()) else {
                break;
            };
            let lookup = timeout(
                QUERY_TIMEOUT.min(remaining / servers_left),
                server.lookup(name.clone(), record_type(family)),
            );
            failure = match lookup.await {
                Ok(Ok(lookup)) => {
                    self.shared.preferred.store(index, Ordering::Relaxed);
                    match dns_response(&lookup, family) {
                        Some(response) => return Ok(response),
                        None => ResolveError::NoAddress,
                    }
                }
                Ok(Err(error)) => ResolveError::from(&error),
                Err(_) => ResolveError::TimedOut,
            };

            match failure {
                ResolveError::NoAddress => {
                    return Err(self.explain_no_address(server, name, until).await);
                }
                ResolveError::NoSuchName => break,
                _ => {}
            }
        }
        Err(failure)
    }

    /// Waits until the rate limit allows a query, but not beyond `until`.
    async fn wait_for_turn(&self, until: Instant) {
        let now = Instant::now();
        let turn = self.shared.pace.take(now).min(until);
        if turn > now {
            sleep_until(turn.into()).await;
        }
    }

    /// Returns why a name that exists has no address: it has none, or its CNAME records are broken.
    async fn explain_no_address(
        &self,
        server: &TokioResolver,
        name: &Name,
        until: Instant,
    ) -> ResolveError {
        let mut chain = vec![name.clone()];
        while let Some(target) = self
            .alias(server, chain.last().unwrap_or(name), until)
            .await
        {
            if chain.contains(&target) {
                return ResolveError::AliasLoop(target.to_ascii().trim_end_matches('.').to_owned());
            }
            chain.push(target);
            if chain.len() > MAX_EXPLAINED_ALIASES {
                break;
            }
        }

        if chain.len() > MAX_ALIASES {
            ResolveError::AliasChain(MAX_ALIASES)
        } else {
            ResolveError::NoAddress
        }
    }

    /// Returns the target of a name's CNAME record.
    async fn alias(&self, server: &TokioResolver, name: &Name, until: Instant) -> Option<Name> {
        self.wait_for_turn(until).await;

        let remaining = until.saturating_duration_since(Instant::now());
        let lookup = timeout(
            QUERY_TIMEOUT.min(remaining),
            server.lookup(name.clone(), RecordType::CNAME),
        )
        .await
        .ok()?
        .ok()?;

        lookup
            .answers()
            .iter()
            .find_map(|record| match &record.data {
                RData::CNAME(alias) if record.name == *name => Some(alias.0.clone()),
                _ => None,
            })
    }
}

pub(super) fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// Disables hickory's cache and its own retries.
fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = QUERY_TIMEOUT;
    options.attempts = 0;
    options.cache_size = 0;
    options.num_concurrent_reqs = 1;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

const fn record_type(family: Family) -> RecordType {
    match family {
        Family::V4 => RecordType::A,
        Family::V6 => RecordType::AAAA,
    }
}

/// Returns the addresses of a response, or `None` if it has none of this family.
fn dns_response(lookup: &Lookup, family: Family) -> Option<DnsResponse> {
    let records = lookup.answers();
    let addresses: BTreeSet<_> = records
        .iter()
        .filter_map(|record| match (&record.data, family) {
            (RData::A(address), Family::V4) => Some(IpAddr::V4(address.0)),
            (RData::AAAA(address), Family::V6) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect();
    if addresses.is_empty() {
        return None;
    }

    let ttl = records.iter().map(|record| record.ttl).min();
    Some(DnsResponse {
        addresses,
        ttl: Duration::from_secs(ttl.unwrap_or_default().into()),
        authoritative: lookup.message().metadata.authoritative,
    })
}
