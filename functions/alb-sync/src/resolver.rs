//! Resolves names with uncached queries.
//!
//! hickory caches, joins identical queries, and gives an unreachable server the whole of its
//! timeout. Therefore its cache is off, queries for the same name go through different resolvers
//! (lanes), and each name server has a resolver of its own.

mod error;
mod lane;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;
use sync_targets::ResponseScope;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use crate::sampling::{Resolution, Sampler};

use lane::{Lane, name_server};

pub use error::ResolveError;

/// The number of parallel queries for one name.
const LANES: usize = 4;

pub(crate) type ResolveResult = Result<Resolution, ResolveError>;

/// The address family of a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4, from A records.
    V4,
    /// IPv6, from AAAA records.
    V6,
}

/// Resolves names with repeated queries to the name servers.
#[derive(Debug)]
pub struct Resolver {
    lanes: Vec<Arc<Lane>>,
    max_lookups: u32,
}

impl Resolver {
    /// Creates a resolver that queries `servers`, or the system's name servers if there are none.
    /// Each name takes at most `max_lookups` queries.
    ///
    /// # Errors
    /// A message if the system's name servers are needed and unknown.
    pub fn new(servers: &[SocketAddr], max_lookups: u32) -> Result<Self, String> {
        let servers = match servers {
            [] => read_system_conf()
                .map_err(|error| error.to_string())?
                .0
                .name_servers()
                .to_vec(),
            servers => servers.iter().map(|server| name_server(*server)).collect(),
        };
        let shared = Arc::default();
        let lanes = (0..LANES).map(|_| Lane::new(&servers, Arc::clone(&shared)).map(Arc::new));

        Ok(Self {
            lanes: lanes.collect::<Result<_, _>>()?,
            max_lookups,
        })
    }

    /// Returns the addresses in the responses to up to `max_lookups` queries before `until`.
    ///
    /// # Errors
    /// [`ResolveError`] if the first query fails on every server. Later failures only end the
    /// sampling.
    pub async fn resolve(
        &self,
        name: &str,
        family: Family,
        scope: ResponseScope,
        until: Instant,
    ) -> Result<Resolution, ResolveError> {
        let name = Name::from_ascii(format!("{name}."))
            .map_err(|error| ResolveError::Network(error.to_string()))?;
        let Some(first) = self.lanes.first() else {
            return Err(ResolveError::TimedOut);
        };

        let mut sampler = Sampler::new(scope, self.max_lookups);
        sampler.add(first.query(&name, family, until).await?);

        loop {
            let queries = usize::try_from(sampler.next_queries(LANES as u32)).unwrap_or(0);
            if queries == 0 {
                return Ok(sampler.finish());
            }

            let mut tasks = JoinSet::new();
            for lane in self.lanes.iter().take(queries) {
                let (lane, name) = (Arc::clone(lane), name.clone());
                tasks.spawn(async move { lane.query(&name, family, until).await });
            }
            while let Some(finished) = tasks.join_next().await {
                match finished {
                    Ok(Ok(response)) => sampler.add(response),
                    Ok(Err(_)) | Err(_) => sampler.end(),
                }
            }
        }
    }
}

/// A name to resolve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) scope: ResponseScope,
}

type ResolutionCell = Arc<OnceCell<ResolveResult>>;

/// The resolutions of one run. Each name is resolved once, even if several groups follow it.
#[derive(Debug)]
pub(crate) struct Resolutions {
    resolver: Arc<Resolver>,
    until: Instant,
    cells: Mutex<HashMap<Question, ResolutionCell>>,
}

impl Resolutions {
    pub(crate) fn new(resolver: Arc<Resolver>, until: Instant) -> Self {
        Self {
            resolver,
            until,
            cells: Mutex::default(),
        }
    }

    pub(crate) async fn resolve(&self, question: Question) -> ResolveResult {
        let cell = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(question.clone()).or_default())
        };
        let Question {
            name,
            family,
            scope,
        } = question;

        cell.get_or_init(|| self.resolver.resolve(&name, family, scope, self.until))
            .await
            .clone()
    }
}
