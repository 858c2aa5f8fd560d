//! The calls with the temporary key, and how many of them were admitted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use admin_client::ClientError;
use futures_util::future::join_all;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::context::Requests;
use super::fields::BURST;
use super::reply::{Admission, Reply};
use super::temporary::Temporary;
use crate::verdict::Verdict;

/// The pause after which the temporary plan, with one call per second, admits another call.
const REFILL: Duration = Duration::from_millis(1_100);
/// The pause before a refused call is repeated.
const SECOND_ATTEMPT: Duration = Duration::from_secs(2);
/// The number of calls that are made at once. One more than the plan admits.
const CALLS_AT_ONCE: usize = 3;
/// The most repetitions of calls at once. Slow first calls, such as those that start a function, can
/// be so far apart that all of them are admitted.
const MAX_ROUNDS: usize = 3;
/// The greatest difference between the clocks of two functions, each of which decides on a call.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(250);
/// The time for another read of a log.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// The description of calls with the key in messages.
const WITH_KEY: &str = "with the temporary key";
/// The header with an id that the client chose.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The responses to calls that were made at the same time.
#[derive(Clone, Debug)]
pub(super) struct CallsAtOnce {
    pub(super) replies: Vec<Reply>,
    /// The time from the first of these calls to the last response.
    pub(super) elapsed: Duration,
    /// The time from the first call of the session, which was admitted too, to the last response.
    pub(super) since_first_call: Duration,
}

impl CallsAtOnce {
    /// Returns the number of calls that the limit did not stop.
    pub(super) fn served(&self) -> usize {
        let served = self.replies.iter().filter(|reply| !reply.is_over_limit());
        served.count()
    }

    /// Returns the most calls that the temporary plan admits within [`Self::elapsed`].
    pub(super) fn most(&self) -> u64 {
        let with_first_call = most_within(self.since_first_call).saturating_sub(1);
        most_within(self.elapsed).min(with_first_call)
    }

    /// True if more calls were served than the temporary plan admits. Slow calls leave time for
    /// others to be admitted, so that the number depends on the time that all calls took.
    pub(super) fn exceeds_limit(&self) -> bool {
        u64::try_from(self.served()).is_ok_and(|served| served > self.most())
    }

    fn is_over_limit(&self) -> bool {
        self.replies.iter().any(Reply::is_over_limit)
    }
}

/// Returns the most calls that the temporary plan, with one call per second, admits within a time.
fn most_within(time: Duration) -> u64 {
    BURST + (time + CLOCK_TOLERANCE).as_secs()
}

/// A temporary key in use.
pub(super) struct Session<'r> {
    pub(super) requests: &'r Requests,
    pub(super) temporary: Temporary,
    /// The request id that the client sends.
    pub(super) client_id: String,
    first: OnceCell<Result<Reply, Verdict>>,
    first_start: OnceCell<Instant>,
    at_once: OnceCell<Result<CallsAtOnce, Verdict>>,
    charged: AtomicU64,
    lost: AtomicU64,
    /// The time at which the checks end.
    end: Instant,
}

impl<'r> Session<'r> {
    pub(super) fn new(requests: &'r Requests, temporary: Temporary, end: Instant) -> Self {
        Self {
            requests,
            client_id: format!("client-{}", temporary.name),
            temporary,
            first: OnceCell::new(),
            first_start: OnceCell::new(),
            at_once: OnceCell::new(),
            charged: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            end,
        }
    }

    /// Calls a route with the key.
    ///
    /// # Errors
    /// [`ClientError`] if there is no response.
    pub(super) async fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, ClientError> {
        let key_header = self.requests.key_header();
        let mut all = vec![(key_header.as_str(), self.temporary.secret.expose())];
        all.extend(headers);
        let outcome = self.requests.call("GET", path, &all, WITH_KEY).await;
        self.count(&outcome);
        outcome
    }

    /// Counts a call with the key.
    fn count(&self, outcome: &Result<Reply, ClientError>) {
        match outcome {
            Ok(reply) if reply.is_charged() => self.charged.fetch_add(1, Ordering::Relaxed),
            Ok(_) => 0,
            Err(_) => self.lost.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Calls a route when the plan admits another call, and repeats a call that was throttled.
    ///
    /// # Errors
    /// [`ClientError`] if there is no response.
    pub(super) async fn call_later(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, ClientError> {
        self.requests.pause(REFILL).await;
        let reply = self.call(path, headers).await?;
        if reply.admission() != Admission::Throttled {
            return Ok(reply);
        }
        self.requests.pause(SECOND_ATTEMPT).await;
        self.call(path, headers).await
    }

    /// Calls a route when the plan admits another call, with the names of headers in upper case.
    ///
    /// # Errors
    /// [`ClientError`] if there is no response.
    pub(super) async fn call_in_upper_case(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, ClientError> {
        let key_header = self.requests.key_header();
        let mut all = vec![(key_header.as_str(), self.temporary.secret.expose())];
        all.extend(headers);
        self.requests.pause(SECOND_ATTEMPT).await;
        let calling = self.requests.call_in_upper_case(path, &all, WITH_KEY);
        let outcome = calling.await;
        self.count(&outcome);
        outcome
    }

    /// Returns the response to the first call with the key.
    ///
    /// # Errors
    /// A verdict if there is no response.
    pub(super) async fn first_call(&self) -> Result<&Reply, Verdict> {
        let path = &self.requests.options.path;
        let first = || async {
            let _ = self.first_start.set(Instant::now());
            let sent = [(REQUEST_ID, self.client_id.as_str())];
            self.call(path, &sent).await.map_err(Verdict::from)
        };
        self.first
            .get_or_init(first)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Returns the response to the first call, if the key was admitted.
    ///
    /// # Errors
    /// "Not proven" if it was not.
    pub(super) async fn admitted_call(&self) -> Result<&Reply, Verdict> {
        let not_admitted = |detail: String| Verdict::not_proven(detail).with_fix(SEE_ADMITTED);
        match self.first_call().await {
            Ok(reply) if reply.admission() == Admission::Admitted => Ok(reply),
            Ok(reply) => Err(not_admitted(format!(
                "the temporary key was not admitted: {}",
                reply.summary()
            ))),
            Err(_) => Err(not_admitted("the temporary key got no response".to_owned())),
        }
    }

    /// Returns the responses to calls that were made at the same time, until one was not admitted or
    /// more were admitted than the plan allows.
    ///
    /// # Errors
    /// A verdict if the key is not admitted, or a call has no response.
    pub(super) async fn calls_at_once(&self) -> Result<&CallsAtOnce, Verdict> {
        self.admitted_call().await?;
        let calls = || async {
            let start = Instant::now();
            let first_start = self.first_start.get().copied().unwrap_or(start);
            let mut calls = CallsAtOnce {
                replies: Vec::new(),
                elapsed: Duration::ZERO,
                since_first_call: Duration::ZERO,
            };
            for _ in 0..MAX_ROUNDS {
                let round = (0..CALLS_AT_ONCE).map(|_| self.call(&self.requests.options.path, &[]));
                for reply in join_all(round).await {
                    calls.replies.push(reply?);
                }

                calls.elapsed = start.elapsed();
                calls.since_first_call = first_start.elapsed();
                if calls.is_over_limit() || calls.exceeds_limit() {
                    break;
                }
            }
            Ok(calls)
        };
        let calls = self.at_once.get_or_init(calls).await;
        calls.as_ref().map_err(Clone::clone)
    }

    /// True if a check that still waits cannot finish.
    pub(super) fn is_nearly_over(&self) -> bool {
        Instant::now() + LAST_WAIT > self.end
    }

    /// Returns the number of calls that were charged to the key.
    ///
    /// # Errors
    /// The number of calls whose responses were lost.
    pub(super) fn charged(&self) -> Result<u64, u64> {
        match self.lost.load(Ordering::Relaxed) {
            0 => Ok(self.charged.load(Ordering::Relaxed)),
            lost => Err(lost),
        }
    }
}

const SEE_ADMITTED: &str = "See the check key-admitted.";
