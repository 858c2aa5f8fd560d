//! One target group in one run: resolves, describes, reconciles, applies and stores.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aws::Deadline;
use sync_targets::{Group, ResponseScope};
use tokio::task::JoinSet;

use crate::apply::{AppliedChanges, Executor};
use crate::error::SyncError;
use crate::observe::observe;
use crate::outcome::Outcome;
use crate::reconcile::{Changes, NameObservation, Settings, reconcile};
use crate::resolver::{Family, Question, Resolutions, ResolveError, ResolveResult};
use crate::state::{Record, State};
use crate::state_table::{StateTable, StoredState, WriteOutcome};
use crate::target_groups::{GroupDescription, TargetGroups};

/// The run of one group.
pub(crate) struct GroupRun<'r> {
    pub(crate) group: &'r Group,
    pub(crate) settings: &'r Settings,
    pub(crate) target_groups: &'r TargetGroups,
    pub(crate) states: &'r StateTable,
    pub(crate) names: Arc<Resolutions>,
    pub(crate) deadline: Deadline,
    /// In milliseconds since 1970.
    pub(crate) now: i64,
    /// True if nothing may be changed.
    pub(crate) dry_run: bool,
}

impl GroupRun<'_> {
    /// Makes the group match its names. The outcome contains any error.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            target_group_arn: self.group.arn.clone(),
            ..Outcome::default()
        };
        if let Err(error) = self.reconcile(&mut outcome).await {
            outcome.add_problem(error);
        }
        outcome
    }

    /// Resolves the names first, and calls AWS only if a name has an address.
    async fn reconcile(&self, outcome: &mut Outcome) -> Result<(), SyncError> {
        let description = self.description(outcome).await?;
        let resolved = self.resolve(description.family).await;
        if resolved.iter().all(Result::is_err) {
            return Err(self.unresolved(&resolved, outcome));
        }
        let own = self.load_balancer_addresses(&description).await;
        let observations = self.observations(resolved, &own, outcome);

        let arn = &self.group.arn;
        let (reported, stored) = tokio::join!(
            self.target_groups.targets(arn, self.deadline),
            self.states.read(arn, self.deadline)
        );
        let (reported, stored) = (reported?, stored?);

        let changes = reconcile(
            &observations,
            &reported,
            &stored.state,
            self.settings,
            self.now,
        );
        outcome.metrics.size = Some(changes.size);
        outcome.metrics.withheld = changes.withheld;
        outcome.metrics.kept_healthy = changes.kept_healthy;
        outcome.pending = pending(&stored.state);

        if self.dry_run {
            report_changes(&changes, outcome);
            return Ok(());
        }
        self.apply(&changes, &stored, outcome).await
    }

    /// Returns the properties of the group that never change. They are requested once per process,
    /// and only if a name has an address.
    async fn description(&self, outcome: &mut Outcome) -> Result<Arc<GroupDescription>, SyncError> {
        let arn = &self.group.arn;
        if let Some(description) = self.target_groups.known_description(arn) {
            return Ok(description);
        }

        let resolved = self.resolve(Family::V4).await;
        if resolved.iter().all(Result::is_err) {
            let may_have_ipv6 = resolved
                .iter()
                .any(|result| matches!(result, Err(ResolveError::NoAddress)));
            if !may_have_ipv6 || self.resolve(Family::V6).await.iter().all(Result::is_err) {
                return Err(self.unresolved(&resolved, outcome));
            }
        }

        self.target_groups.describe(arn, self.deadline).await
    }

    /// Returns the addresses of the group's own load balancers. A load balancer with a target among
    /// them would send requests to itself. Empty if their names cannot be resolved.
    async fn load_balancer_addresses(&self, description: &GroupDescription) -> BTreeSet<IpAddr> {
        let mut addresses = BTreeSet::new();
        for name in description.load_balancers.iter().cloned() {
            let question = Question {
                name,
                family: description.family,
                scope: ResponseScope::Auto,
            };
            if let Ok(resolution) = self.names.resolve(question).await {
                addresses.extend(resolution.addresses);
            }
        }
        addresses
    }

    /// Resolves all names of the group in parallel. The results are in the order of the names.
    async fn resolve(&self, family: Family) -> Vec<ResolveResult> {
        let mut tasks = JoinSet::new();
        for (index, source) in self.group.sources.iter().enumerate() {
            let names = Arc::clone(&self.names);
            let question = Question {
                name: source.name.clone(),
                family,
                scope: source.scope,
            };
            tasks.spawn(async move { (index, names.resolve(question).await) });
        }

        let mut results = vec![Err(ResolveError::TimedOut); self.group.sources.len()];
        while let Some(finished) = tasks.join_next().await {
            if let Ok((index, result)) = finished
                && let Some(slot) = results.get_mut(index)
            {
                *slot = result;
            }
        }
        results
    }

    fn unresolved(&self, results: &[ResolveResult], outcome: &mut Outcome) -> SyncError {
        for (source, result) in self.group.sources.iter().zip(results) {
            if let Err(error) = result {
                outcome.add_problem(format_args!("{} {error}", source.name));
            }
        }
        SyncError::Unresolved
    }

    fn observations(
        &self,
        results: Vec<ResolveResult>,
        own: &BTreeSet<IpAddr>,
        outcome: &mut Outcome,
    ) -> Vec<NameObservation> {
        outcome.complete = true;
        let with_source = self.group.sources.iter().zip(results);

        with_source
            .map(|(source, result)| observe(source, result, own, outcome))
            .collect()
    }

    /// Applies the changes between two writes of the state: one before them, which claims the
    /// targets to register, and one with their results. If another run has changed the state, this
    /// run leaves all changes to it.
    async fn apply(
        &self,
        changes: &Changes,
        stored: &StoredState,
        outcome: &mut Outcome,
    ) -> Result<(), SyncError> {
        let arn = &self.group.arn;
        let has_changes = !changes.register.is_empty() || !changes.deregister.is_empty();
        let is_state_current = changes.state == stored.state && !stored.needs_renewal(self.now);
        if !has_changes && is_state_current {
            return Ok(());
        }

        let state = if has_changes {
            &changes.claim
        } else {
            &changes.state
        };
        let WriteOutcome::Written(version) = self.write(state, stored.version).await? else {
            outcome.metrics.left_to_another = true;
            outcome.complete = false;
            return Ok(());
        };
        if !has_changes {
            outcome.pending = pending(&changes.state);
            return Ok(());
        }

        let applied = Executor::new(self.target_groups, arn, self.deadline)
            .run(changes)
            .await;
        report_applied(&applied, outcome);
        if applied.deregistered.is_empty()
            && let Some(error) = applied.failure
        {
            return Err(error);
        }

        let state = state_after(changes, &applied);
        outcome.pending = pending(&state);
        match self.write(&state, version).await? {
            WriteOutcome::Written(_) => applied.failure.map_or(Ok(()), Err),
            WriteOutcome::Conflict => Err(SyncError::Conflict),
        }
    }

    async fn write(&self, state: &State, read_version: u64) -> Result<WriteOutcome, SyncError> {
        self.states
            .write(
                &self.group.arn,
                state,
                read_version,
                self.now,
                self.deadline,
            )
            .await
    }
}

fn pending(state: &State) -> BTreeMap<SocketAddr, u32> {
    state
        .targets
        .iter()
        .filter(|(_, record)| record.is_pending())
        .map(|(address, record)| (*address, record.misses))
        .collect()
}

/// Reports the changes of a dry run.
fn report_changes(changes: &Changes, outcome: &mut Outcome) {
    outcome.registered = changes
        .register
        .iter()
        .map(|registration| registration.address)
        .collect();
    outcome.deregistered = changes
        .deregister
        .iter()
        .map(|target| target.address)
        .collect();
    outcome.pending = pending(&changes.state);
}

fn report_applied(applied: &AppliedChanges, outcome: &mut Outcome) {
    outcome.registered = applied
        .registered
        .iter()
        .map(|target| target.address)
        .collect();
    outcome.registered.sort_unstable();
    outcome.deregistered = applied
        .deregistered
        .iter()
        .map(|target| target.address)
        .collect();
    for (target, reason) in &applied.refused {
        outcome.add_problem(format_args!("{}: {reason}", target.address));
    }

    let size = outcome.metrics.size.unwrap_or_default() + applied.registered.len();
    outcome.metrics.size = Some(size.saturating_sub(applied.deregistered.len()));
}

/// Returns the intended state, without targets that could not be registered and with targets that
/// could not be deregistered.
fn state_after(changes: &Changes, applied: &AppliedChanges) -> State {
    let mut state = changes.state.clone();

    for registration in &changes.register {
        let registered = applied
            .registered
            .iter()
            .find(|target| target.address == registration.address);
        match registered {
            Some(target) => state
                .targets
                .entry(registration.address)
                .or_default()
                .zone
                .clone_from(&target.zone),
            None => drop(state.targets.remove(&registration.address)),
        }
    }

    let still_registered = changes
        .deregister
        .iter()
        .filter(|target| !applied.deregistered.contains(target));
    for target in still_registered {
        let record: Record = changes
            .claim
            .targets
            .get(&target.address)
            .cloned()
            .unwrap_or_default();
        state.targets.entry(target.address).or_insert(record);
    }
    state
}
