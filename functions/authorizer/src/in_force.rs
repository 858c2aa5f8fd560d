//! The policy in force, and its renewal while requests are answered by it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws::{Deadline, HttpCalls};
use jiff::{SignedDuration, Timestamp};
use outcome::Reason;
use policy::{Environment, NamedPlan, Policy, PolicyName, PolicySource, PolicyTextError};
use usage::{Store, StoreError};

use crate::Stop;
use crate::introspection::{SecretError, SecretReader};
use crate::tokens::Tokens;

/// From this age on, the policy is read again while the old one serves.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// From this age on, a request waits for it: nobody called for long, or the store did not answer.
const AWAITED_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Between two readings of which the first failed.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(30);
/// The time for looking up all plans that a policy names.
const PLAN_CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// A policy, with what its tokens are checked by.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    pub(crate) tokens: Tokens,
}

/// Why there is no policy to start with.
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// Nobody has put it there.
    #[error("AUTH_POLICY: the registry has no policy `{0}`")]
    Missing(String),
    /// It cannot be.
    #[error("AUTH_POLICY: the registry's policy `{name}`: {error}")]
    Text {
        /// Which.
        name: String,
        /// What is wrong, and where.
        error: PolicyTextError,
    },
    /// A secret that it refers to cannot be read.
    #[error("AUTH_POLICY: introspection.client_secret: {0}")]
    Secret(String),
    /// The registry cannot be read.
    #[error("AUTH_POLICY: {0}")]
    Store(#[from] StoreError),
}

/// The policy in force.
pub(crate) struct Policies {
    /// None until the first has been read.
    current: RwLock<Option<Arc<InForce>>>,
    renewal: Option<Renewal>,
    store: Arc<Store>,
    calls: Arc<Calls>,
    secrets: Arc<SecretReader>,
}

/// A policy that is read from the registry.
struct Renewal {
    source: PolicyName,
    reading: Mutex<Reading>,
    under_way: tokio::sync::Mutex<()>,
}

/// What was read last, and when.
#[derive(Default)]
struct Reading {
    text: String,
    read: Option<Timestamp>,
    tried: Option<Timestamp>,
}

/// What to do about the policy's age.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Serve,
    Renew,
    Await,
}

/// How issuers are called; made when the first policy needs it.
struct Calls {
    make: Box<dyn Fn() -> HttpCalls + Send + Sync>,
    made: OnceLock<HttpCalls>,
}

impl Policies {
    pub(crate) fn new(
        source: PolicySource,
        store: &Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::new(Calls {
            make: Box::new(calls),
            made: OnceLock::new(),
        });
        let secrets = |environment: &Environment| {
            let calls = Arc::clone(&calls);
            SecretReader::new(Arc::clone(environment), move || {
                calls.get().records().clone()
            })
        };
        let store = Arc::clone(store);
        match source {
            PolicySource::Inline {
                policy,
                environment,
            } => {
                let secrets = secrets(&environment);
                let first = InForce::new(*policy, None, &calls, &secrets);
                Self {
                    current: RwLock::new(Some(Arc::new(first))),
                    renewal: None,
                    store,
                    calls,
                    secrets,
                }
            }
            PolicySource::Table(source) => {
                let secrets = secrets(&source.environment);
                let renewal = Renewal {
                    source,
                    reading: Mutex::default(),
                    under_way: tokio::sync::Mutex::default(),
                };
                Self {
                    current: RwLock::new(None),
                    renewal: Some(renewal),
                    store,
                    calls,
                    secrets,
                }
            }
        }
    }

    /// Reads the first policy, if it is in the registry, and the secrets that it refers to, and
    /// logs its warnings.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        match (&self.renewal, self.current()) {
            (Some(renewal), _) => self.read(renewal, now).await,
            (None, Some(in_force)) => {
                in_force.tokens.load_secrets(now).await?;
                self.log_warnings(&in_force.policy);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Logs what is doubtful about a policy. Its plans are looked up once, in the background:
    /// neither the start nor a reload waits for the store or fails because of it.
    fn log_warnings(&self, policy: &Policy) {
        for warning in policy.warnings() {
            tracing::warn!(place = warning.place, "policy warning: {warning}");
        }

        let (named, store) = (policy.named_plans().to_vec(), Arc::clone(&self.store));
        if !named.is_empty() {
            tokio::spawn(async move { warn_of_unknown_plans(&named, &store).await });
        }
    }

    /// The policy that requests at `now` are answered by.
    pub(crate) async fn at(self: &Arc<Self>, now: Timestamp) -> Result<Arc<InForce>, Stop> {
        if let Some(renewal) = &self.renewal {
            let step = renewal.reading().step(now);
            match step {
                Step::Serve => {}
                Step::Renew => self.renew_behind(now),
                Step::Await => Box::pin(self.renew(renewal, now)).await,
            }
        }
        self.current()
            .ok_or_else(|| Stop::Fault(Reason::Fault, "no policy has been read yet".to_owned()))
    }

    /// The policy, whatever its age.
    pub(crate) fn current(&self) -> Option<Arc<InForce>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// While the old one serves. In a sandbox that is frozen meanwhile it goes on with the next
    /// request.
    fn renew_behind(self: &Arc<Self>, now: Timestamp) {
        let policies = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(renewal) = &policies.renewal {
                policies.renew(renewal, now).await;
            }
        });
    }

    /// Whoever waited for another's reading has no need of one.
    async fn renew(&self, renewal: &Renewal, now: Timestamp) {
        let _turn = renewal.under_way.lock().await;
        if renewal.reading().step(now) == Step::Serve {
            return;
        }
        if let Err(problem) = self.read(renewal, now).await {
            tracing::warn!(%problem, "the policy could not be renewed; the last good one stays");
        }
    }

    async fn read(&self, renewal: &Renewal, now: Timestamp) -> Result<(), PolicyLoadError> {
        renewal.reading().tried = Some(now);
        let name = &renewal.source.name;
        let text = self.store.policy(name, self.store.deadline()).await?;
        let text = text.ok_or_else(|| PolicyLoadError::Missing(name.clone()))?;
        let unchanged = renewal.reading().text == text;
        if !unchanged {
            let PolicyName {
                key_header,
                environment,
                ..
            } = &renewal.source;
            let policy = Policy::parse_stored(&text, key_header, &**environment);
            let policy = policy.map_err(|error| PolicyLoadError::Text {
                name: name.clone(),
                error,
            })?;
            self.put_in_force(policy, now).await?;
        }
        *renewal.reading() = Reading {
            text,
            read: Some(now),
            tried: Some(now),
        };
        Ok(())
    }

    /// Once there are the keys that it needs, so that no request has to wait for them.
    async fn put_in_force(&self, policy: Policy, now: Timestamp) -> Result<(), PolicyLoadError> {
        let before = self.current();
        let next = Arc::new(InForce::new(
            policy,
            before.as_deref(),
            &self.calls,
            &self.secrets,
        ));
        next.tokens.load_secrets(now).await?;
        if before.is_some() {
            next.tokens.preload(now).await;
            tracing::info!("another policy is in force");
        }
        self.log_warnings(&next.policy);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(())
    }
}

impl Calls {
    fn get(&self) -> &HttpCalls {
        self.made.get_or_init(&self.make)
    }
}

impl From<SecretError> for PolicyLoadError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error.to_string())
    }
}

/// Logs each plan that a policy names and that does not exist. A store that cannot be read ends the
/// check; the decisions that need the plan report it.
async fn warn_of_unknown_plans(named: &[NamedPlan], store: &Store) {
    let deadline = Deadline::after(Instant::now(), PLAN_CHECK_TIMEOUT);
    for plan in named {
        match store.plan(&plan.plan, deadline).await {
            Ok(Some(_)) => {}
            Ok(None) => tracing::warn!(place = plan.place, "policy warning: {}", plan.unknown()),
            Err(error) => {
                tracing::debug!(%error, "the plans that the policy names were not checked");
                return;
            }
        }
    }
}

impl InForce {
    fn new(
        mut policy: Policy,
        before: Option<&Self>,
        calls: &Calls,
        secrets: &Arc<SecretReader>,
    ) -> Self {
        let (issuers, server) = (
            std::mem::take(&mut policy.issuers),
            policy.introspection.take(),
        );
        let calls = || calls.get().clone();
        let tokens = Tokens::new(
            issuers,
            server,
            before.map(|before| &before.tokens),
            secrets,
            calls,
        );
        Self { policy, tokens }
    }
}

impl Renewal {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// A clock that steps back makes a policy no younger.
    fn step(&self, now: Timestamp) -> Step {
        let since =
            |instant: Option<Timestamp>| instant.map(|instant| now.duration_since(instant).abs());
        if since(self.tried).is_some_and(|tried| tried < COOL_DOWN) {
            return Step::Serve;
        }
        match since(self.read) {
            Some(age) if age < RENEWED_AFTER => Step::Serve,
            Some(age) if age < AWAITED_AFTER => Step::Renew,
            _ => Step::Await,
        }
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Policies")
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_800 + seconds).unwrap()
    }

    fn reading(read: Option<i64>, tried: i64) -> Reading {
        Reading {
            text: String::new(),
            read: read.map(at),
            tried: Some(at(tried)),
        }
    }

    #[test]
    fn a_policy_serves_then_is_renewed_then_awaited() {
        for (now, expected) in [
            (0, Step::Serve),
            (299, Step::Serve),
            (300, Step::Renew),
            (899, Step::Renew),
            (900, Step::Await),
            (-400, Step::Renew),
        ] {
            assert_eq!(reading(Some(0), 0).step(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_reading_that_failed_is_tried_again_after_half_a_minute() {
        for (now, expected) in [(300, Step::Serve), (329, Step::Serve), (330, Step::Renew)] {
            assert_eq!(reading(Some(0), 300).step(at(now)), expected, "{now}");
        }
        assert_eq!(reading(None, 0).step(at(10)), Step::Serve);
        assert_eq!(reading(None, 0).step(at(30)), Step::Await);
        assert_eq!(Reading::default().step(at(0)), Step::Await);
    }
}
