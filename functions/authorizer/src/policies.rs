//! The active policy, and how a policy of the registry replaces it while requests are served.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws::{Deadline, HttpCalls};
use jiff::Timestamp;
use outcome::Reason;
use policy::{Environment, NamedPlan, Policy, PolicyName, PolicySource};
use registry::ReloadStep;
use store::Store;

use crate::active_policy::{ActivePolicy, IssuerCalls};
use crate::candidate::Candidate;
use crate::policy_load_error::PolicyLoadError;
use crate::policy_reload::{LoadedText, PolicyReload};
use crate::rejection::Rejection;
use crate::secrets::SecretReader;

/// The time for looking up all plans that a policy names.
const PLAN_CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The active policy, with everything that is needed to load another one.
pub(crate) struct Policies {
    /// `None` until the first policy is loaded.
    current: RwLock<Option<Arc<ActivePolicy>>>,
    /// `None` for a policy in the settings, which never changes.
    reload: Option<PolicyReload>,
    store: Arc<Store>,
    calls: Arc<IssuerCalls>,
    secrets: Arc<SecretReader>,
}

impl Policies {
    pub(crate) fn new(
        source: PolicySource,
        store: &Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::new(IssuerCalls::new(calls));
        let (policy, reload, environment) = match source {
            PolicySource::Inline {
                policy,
                environment,
            } => (Some(*policy), None, environment),
            PolicySource::Table(source) => {
                let environment = Arc::clone(&source.environment);
                (None, Some(PolicyReload::new(source)), environment)
            }
        };

        let secrets = secret_reader(&environment, &calls);
        let active = policy.map(|policy| ActivePolicy::new(policy, None, &calls, &secrets));
        Self {
            current: RwLock::new(active.map(Arc::new)),
            reload,
            store: Arc::clone(store),
            calls,
            secrets,
        }
    }

    /// Loads the policy, if it is in the registry, and the secrets that it refers to. Logs its
    /// warnings.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        if let Some(reload) = &self.reload {
            return self.load_stored(reload, now).await;
        }

        if let Some(active) = self.current() {
            active.load_secrets(now).await?;
            self.log_warnings(&active.policy);
        }
        Ok(())
    }

    /// Returns the policy for requests at `now`.
    pub(crate) async fn at(
        self: &Arc<Self>,
        now: Timestamp,
    ) -> Result<Arc<ActivePolicy>, Rejection> {
        if let Some(reload) = &self.reload {
            match reload.schedule.step(now) {
                ReloadStep::Use => {}
                ReloadStep::ReloadInBackground => self.reload_in_background(now),
                ReloadStep::Wait => Box::pin(self.reload(reload, now)).await,
            }
        }

        self.current()
            .ok_or_else(|| Rejection::fault(Reason::Fault, "no policy is loaded yet"))
    }

    /// Returns the active policy, whatever its age.
    pub(crate) fn current(&self) -> Option<Arc<ActivePolicy>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reloads the policy while the active one serves. If the sandbox is frozen meanwhile, the
    /// reload continues with the next request.
    fn reload_in_background(self: &Arc<Self>, now: Timestamp) {
        let policies = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(reload) = &policies.reload {
                policies.reload(reload, now).await;
            }
        });
    }

    /// Reloads the policy, unless another request did so while this one waited for its turn.
    async fn reload(&self, reload: &PolicyReload, now: Timestamp) {
        let _turn = reload.schedule.turn().await;
        if reload.schedule.step(now) == ReloadStep::Use {
            return;
        }

        if let Err(problem) = self.load_stored(reload, now).await {
            tracing::warn!(%problem, "the policy could not be reloaded; the previous one stays active");
        }
    }

    async fn load_stored(
        &self,
        reload: &PolicyReload,
        now: Timestamp,
    ) -> Result<(), PolicyLoadError> {
        reload.schedule.begin(now);
        let name = &reload.source.name;
        // Startup waits for one read instead of two.
        let deadline = self.store.deadline();
        let (text, candidate) = tokio::join!(
            self.store.policy(name, deadline),
            self.store.policy_candidate(name, deadline)
        );
        let text = text?.ok_or_else(|| PolicyLoadError::Missing(name.clone()))?;

        let is_unchanged = reload.loaded().text == text;
        if !is_unchanged {
            let policy = parse(&text, &reload.source)?;
            self.activate(policy, now).await?;
        }

        let candidate = candidate.unwrap_or_else(|problem| {
            tracing::warn!(%problem, "the candidate could not be read; the previous one stays");
            reload.loaded().candidate.clone()
        });
        if !is_unchanged || reload.loaded().candidate != candidate {
            self.set_candidate(candidate.as_deref(), &text, &reload.source);
        }

        *reload.loaded() = LoadedText { text, candidate };
        reload.schedule.finish(now);
        Ok(())
    }

    /// Replaces the candidate of the active policy, whose text is `active_text`. An invalid
    /// candidate is not evaluated, and affects nothing else.
    fn set_candidate(&self, text: Option<&str>, active_text: &str, source: &PolicyName) {
        let Some(active) = self.current() else {
            return;
        };
        let load = |text| {
            Candidate::load(
                text,
                active_text,
                source,
                &active,
                &self.calls,
                &self.secrets,
            )
        };

        let candidate = match text.map(load).transpose() {
            Ok(candidate) => candidate,
            Err(problem) => {
                tracing::warn!(%problem, "the candidate is invalid and is not evaluated");
                None
            }
        };
        if let Some(candidate) = &candidate {
            tracing::info!("a candidate is evaluated in addition to the policy");
            self.log_warnings(candidate.policy());
        }
        self.set_current(active.with_candidate(candidate));
    }

    fn set_current(&self, active: ActivePolicy) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(active));
    }

    /// Makes a policy the active one. A policy that replaces another one first fetches its signing
    /// keys, so that no request waits for them.
    async fn activate(&self, policy: Policy, now: Timestamp) -> Result<(), PolicyLoadError> {
        let previous = self.current();
        let next = ActivePolicy::new(policy, previous.as_deref(), &self.calls, &self.secrets);

        next.load_secrets(now).await?;
        if previous.is_some() {
            next.tokens.preload(now).await;
            tracing::info!("a changed policy is active");
        }

        self.log_warnings(&next.policy);
        self.set_current(next);
        Ok(())
    }

    /// Logs the warnings of a policy. Its plans are looked up once, in the background: neither
    /// startup nor a reload waits for the store or fails because of it.
    fn log_warnings(&self, policy: &Policy) {
        for warning in policy.warnings() {
            tracing::warn!(place = warning.place, "policy warning: {warning}");
        }

        let (named, store) = (policy.named_plans().to_vec(), Arc::clone(&self.store));
        if !named.is_empty() {
            tokio::spawn(async move { warn_of_unknown_plans(&named, &store).await });
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

fn secret_reader(environment: &Environment, calls: &Arc<IssuerCalls>) -> Arc<SecretReader> {
    let calls = Arc::clone(calls);
    SecretReader::new(Arc::clone(environment), move || {
        calls.get().records().clone()
    })
}

fn parse(text: &str, source: &PolicyName) -> Result<Policy, PolicyLoadError> {
    Policy::parse_stored(text, &source.key_header, &*source.environment).map_err(|error| {
        PolicyLoadError::Text {
            name: source.name.clone(),
            error,
        }
    })
}

/// Logs each plan that a policy names and that does not exist. If the store cannot be read, the
/// check ends; the decisions that need the plan report the failure.
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
