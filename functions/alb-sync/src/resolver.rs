//! Addresses of a name, straight from the wire.
//!
//! hickory caches, joins identical queries, and gives a dead server the whole of its time-out. So
//! nothing is cached, queries that have to be different ones go through different resolvers
//! (lanes), and each server has one of its own.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use telemetry::excerpt;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::pace::Pace;
use crate::sampling::{Answer, Resolution, Sampling};
use crate::sync_targets::Answers;

/// Queries for one name at once.
const LANES: usize = 4;
/// For one server's answer.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How often each server is asked the same.
const ROUNDS: usize = 2;
/// Aliases that hickory follows for one name. More are followed only to say what is wrong.
const MAX_ALIASES: usize = 8;
/// Aliases that are followed to say what is wrong.
const MAX_EXPLAINED_ALIASES: usize = 16;

/// The addresses that a target group takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// Why a name has no addresses. None of these says that they are gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// NXDOMAIN.
    #[error("does not exist (NXDOMAIN)")]
    NoSuchName,
    /// NOERROR without an answer.
    #[error("exists, but has no address of this type (NODATA)")]
    NoAddress,
    /// CNAME records that lead back to a name on their way.
    #[error("cannot be resolved: its CNAME records form a loop through {0}")]
    AliasLoop(String),
    /// More CNAME records than are followed.
    #[error("cannot be resolved: its CNAME records form a chain of more than {0} names")]
    AliasChain(usize),
    /// A server that ends the connection, or has no complete response over either protocol.
    #[error(
        "cannot be resolved: the server closed the connection, or truncates its response over TCP as well"
    )]
    Closed,
    /// SERVFAIL, REFUSED and the like, from every server.
    #[error("cannot be resolved: the servers answer {0}")]
    Server(String),
    /// No server answered in time.
    #[error("cannot be resolved in time")]
    TimedOut,
    /// No server can be reached, or none makes sense.
    #[error("cannot be resolved: {0}")]
    Network(String),
}

/// Asks name servers.
#[derive(Debug)]
pub struct Resolver {
    lanes: Vec<Arc<Lane>>,
    max_lookups: u32,
}

/// One name, and what is asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) answers: Answers,
}

/// A resolver for each server, in which at most one query for a name is under way.
struct Lane {
    servers: Vec<TokioResolver>,
    shared: Arc<Shared>,
}

/// What all lanes have in common.
#[derive(Debug, Default)]
struct Shared {
    /// The server that answered last.
    preferred: AtomicUsize,
    pace: Pace,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Lane of {} servers", self.servers.len())
    }
}

impl Resolver {
    /// A resolver that asks `servers`, or the system's where there are none.
    ///
    /// # Errors
    /// What is wrong where the system names no servers.
    pub fn new(servers: &[SocketAddr], max_lookups: u32) -> Result<Self, String> {
        let servers = match servers {
            [] => read_system_conf()
                .map_err(|error| error.to_string())?
                .0
                .name_servers()
                .to_vec(),
            given => given.iter().map(|server| name_server(*server)).collect(),
        };
        let shared = Arc::default();
        let lanes = (0..LANES).map(|_| Lane::new(&servers, Arc::clone(&shared)).map(Arc::new));
        Ok(Self {
            lanes: lanes.collect::<Result<_, _>>()?,
            max_lookups,
        })
    }

    /// Every address of a name that up to `max_lookups` queries show until then. `answers` is what
    /// one answer shows.
    ///
    /// # Errors
    /// [`ResolveError`] where the first of them fails on every server. Later failures end the
    /// sampling.
    pub async fn resolve(
        &self,
        name: &str,
        family: Family,
        answers: Answers,
        until: Instant,
    ) -> Result<Resolution, ResolveError> {
        let name = Name::from_ascii(format!("{name}."))
            .map_err(|error| ResolveError::Network(error.to_string()))?;
        let mut sampling = Sampling::new(answers, self.max_lookups);
        let Some(first) = self.lanes.first() else {
            return Err(ResolveError::TimedOut);
        };
        sampling.add(first.ask(&name, family, until).await?);
        loop {
            let at_once = usize::try_from(sampling.wanted(LANES as u32)).unwrap_or(0);
            if at_once == 0 {
                return Ok(sampling.finish());
            }
            let mut asking = JoinSet::new();
            for lane in self.lanes.iter().take(at_once) {
                let (lane, name) = (Arc::clone(lane), name.clone());
                asking.spawn(async move { lane.ask(&name, family, until).await });
            }
            while let Some(asked) = asking.join_next().await {
                match asked {
                    Ok(Ok(answer)) => sampling.add(answer),
                    Ok(Err(_)) | Err(_) => sampling.end(),
                }
            }
        }
    }
}

impl Lane {
    fn new(servers: &[NameServerConfig], shared: Arc<Shared>) -> Result<Self, String> {
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

    /// One answer: from the server that answered last, else from the next.
    async fn ask(
        &self,
        name: &Name,
        family: Family,
        until: Instant,
    ) -> Result<Answer, ResolveError> {
        let (count, begin) = (
            self.servers.len(),
            self.shared.preferred.load(Ordering::Relaxed),
        );
        let mut failure = ResolveError::TimedOut;
        for attempt in 0..count * ROUNDS {
            let index = (begin + attempt) % count;
            self.wait_for_turn(until).await;
            let left = until.saturating_duration_since(Instant::now());
            let waiting = u32::try_from(count - attempt % count).unwrap_or(1);
            let Some(server) = self.servers.get(index).filter(|_| !left.is_zero()) else {
                break;
            };
            let asked = timeout(
                ATTEMPT.min(left / waiting),
                server.lookup(name.clone(), record_type(family)),
            );
            failure = match asked.await {
                Ok(Ok(lookup)) => {
                    self.shared.preferred.store(index, Ordering::Relaxed);
                    match answer(&lookup, family) {
                        Some(answer) => return Ok(answer),
                        None => ResolveError::NoAddress,
                    }
                }
                Ok(Err(error)) => ResolveError::of(&error),
                Err(_) => ResolveError::TimedOut,
            };
            match failure {
                ResolveError::NoAddress => return Err(self.explained(server, name, until).await),
                ResolveError::NoSuchName => break,
                _ => {}
            }
        }
        Err(failure)
    }

    /// Waits until a query may be sent, but not beyond `until`.
    async fn wait_for_turn(&self, until: Instant) {
        let now = Instant::now();
        let turn = self.shared.pace.take(now).min(until);
        if turn > now {
            sleep_until(turn.into()).await;
        }
    }

    /// Why a name that exists has no address: there is none, or its CNAME records lead nowhere.
    async fn explained(&self, server: &TokioResolver, name: &Name, until: Instant) -> ResolveError {
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

    /// What a name is an alias of.
    async fn alias(&self, server: &TokioResolver, name: &Name, until: Instant) -> Option<Name> {
        self.wait_for_turn(until).await;
        let left = until.saturating_duration_since(Instant::now());
        let lookup = timeout(
            ATTEMPT.min(left),
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

impl ResolveError {
    fn of(error: &NetError) -> Self {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(nothing)) => match nothing.response_code {
                ResponseCode::NXDomain => Self::NoSuchName,
                ResponseCode::NoError => Self::NoAddress,
                code => Self::Server(code.to_string()),
            },
            NetError::Dns(DnsError::ResponseCode(code)) => Self::Server(code.to_string()),
            NetError::Timeout => Self::TimedOut,
            other => {
                let reason = other.to_string();
                if reason.contains("cancel") {
                    Self::Closed
                } else {
                    Self::Network(excerpt(reason))
                }
            }
        }
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = ATTEMPT;
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

fn answer(lookup: &Lookup, family: Family) -> Option<Answer> {
    let of_family = |data: &RData| match (data, family) {
        (RData::A(address), Family::V4) => Some(IpAddr::V4(address.0)),
        (RData::AAAA(address), Family::V6) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    let addresses: BTreeSet<_> = lookup
        .answers()
        .iter()
        .filter_map(|record| of_family(&record.data))
        .collect();
    let ttl = lookup
        .answers()
        .iter()
        .map(|record| record.ttl)
        .min()
        .unwrap_or_default();
    let authoritative = lookup.message().metadata.authoritative;
    (!addresses.is_empty()).then(|| Answer {
        addresses,
        ttl: Duration::from_secs(ttl.into()),
        authoritative,
    })
}

type Cell = Arc<OnceCell<Result<Resolution, ResolveError>>>;

/// What names resolve to in one run: each is asked for once, however many groups follow it.
#[derive(Debug)]
pub(crate) struct Resolutions {
    resolver: Arc<Resolver>,
    until: Instant,
    known: Mutex<HashMap<Question, Cell>>,
}

impl Resolutions {
    pub(crate) fn new(resolver: Arc<Resolver>, until: Instant) -> Self {
        Self {
            resolver,
            until,
            known: Mutex::default(),
        }
    }

    pub(crate) async fn of(&self, question: Question) -> Result<Resolution, ResolveError> {
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(question.clone()).or_default())
        };
        let Question {
            name,
            family,
            answers,
        } = question;
        cell.get_or_init(|| self.resolver.resolve(&name, family, answers, self.until))
            .await
            .clone()
    }
}
