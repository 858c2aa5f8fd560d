//! One target group in one run: resolve, look, reconcile, apply, remember.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aws::Deadline;
use tokio::task::JoinSet;

use crate::AlbSync;
use crate::admissible::{self, Inadmissible};
use crate::answer::Outcome;
use crate::apply::{Application, Applied};
use crate::error::SyncError;
use crate::reconcile::{Changes, Seen, Sighting, reconcile};
use crate::resolver::{Family, Question, Resolutions, ResolveError};
use crate::sampling::{Evidence, Resolution};
use crate::state::{Record, State};
use crate::state_table::{Stored, Written};
use crate::sync_targets::{Answers, Group, Source};
use crate::target_groups::GroupDescription;

/// One run's part in one group.
pub(crate) struct Run<'r> {
    pub(crate) sync: &'r AlbSync,
    pub(crate) group: &'r Group,
    pub(crate) names: Arc<Resolutions>,
    pub(crate) deadline: Deadline,
    /// In milliseconds since 1970.
    pub(crate) now: i64,
    /// True if nothing may be changed.
    pub(crate) dry_run: bool,
}

type Resolved = Result<Resolution, ResolveError>;

impl Run<'_> {
    /// Makes the group equal to what its names show. Whatever goes wrong stands in the outcome.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            target_group_arn: self.group.arn.clone(),
            ..Outcome::default()
        };
        if let Err(error) = self.reconcile(&mut outcome).await {
            outcome.problem(error);
        }
        outcome
    }

    /// Resolves first: without an address nobody else is asked.
    async fn reconcile(&self, outcome: &mut Outcome) -> Result<(), SyncError> {
        let description = self.description(outcome).await?;
        let resolved = self.resolve(description.family).await;
        if resolved.iter().all(Result::is_err) {
            return Err(self.unresolved(&resolved, outcome));
        }
        let own = self.own_addresses(&description).await;
        let sightings = self.sightings(resolved, &own, outcome);
        let arn = &self.group.arn;
        let (reported, stored) = tokio::join!(
            self.sync.target_groups.reported(arn, self.deadline),
            self.sync.states.read(arn, self.deadline)
        );
        let (reported, stored) = (reported?, stored?);
        let changes = reconcile(
            &sightings,
            &reported,
            &stored.state,
            &self.sync.config.settings,
            self.now,
        );
        outcome.seen.size = Some(changes.size);
        outcome.seen.withheld = changes.withheld;
        outcome.seen.kept_healthy = changes.kept_healthy;
        outcome.pending = pending(&stored.state);
        if self.dry_run {
            self.tell(&changes, outcome);
            return Ok(());
        }
        self.carry_out(&changes, &stored, outcome).await
    }

    /// What does not change about the group. Asked for once in a function's life, and only when a
    /// name has addresses.
    async fn description(&self, outcome: &mut Outcome) -> Result<Arc<GroupDescription>, SyncError> {
        let arn = &self.group.arn;
        if let Some(description) = self.sync.description(arn) {
            return Ok(description);
        }

        let resolved = self.resolve(Family::V4).await;
        if resolved.iter().all(Result::is_err) {
            let might_have_others = resolved
                .iter()
                .any(|one| matches!(one, Err(ResolveError::NoAddress)));
            if !might_have_others || self.resolve(Family::V6).await.iter().all(Result::is_err) {
                return Err(self.unresolved(&resolved, outcome));
            }
        }
        let description = Arc::new(self.sync.target_groups.describe(arn, self.deadline).await?);
        self.sync.remember_description(arn, &description);
        Ok(description)
    }

    /// The addresses of the load balancer that the group belongs to. A name that leads back to it
    /// would have it send requests to itself. Not known if its name cannot be resolved.
    async fn own_addresses(&self, description: &GroupDescription) -> BTreeSet<IpAddr> {
        let mut own = BTreeSet::new();
        for name in description.load_balancers.iter().cloned() {
            let question = Question {
                name,
                family: description.family,
                answers: Answers::Auto,
            };
            own.extend(
                self.names
                    .of(question)
                    .await
                    .into_iter()
                    .flat_map(|resolution| resolution.addresses),
            );
        }
        own
    }

    /// Every name of the group, side by side.
    async fn resolve(&self, family: Family) -> Vec<Resolved> {
        let mut asking = JoinSet::new();
        for (index, source) in self.group.sources.iter().enumerate() {
            let names = Arc::clone(&self.names);
            let question = Question {
                name: source.name.clone(),
                family,
                answers: source.answers,
            };
            asking.spawn(async move { (index, names.of(question).await) });
        }
        let mut resolved = vec![Err(ResolveError::TimedOut); self.group.sources.len()];
        while let Some(asked) = asking.join_next().await {
            if let Ok((index, resolution)) = asked
                && let Some(place) = resolved.get_mut(index)
            {
                *place = resolution;
            }
        }
        resolved
    }

    fn unresolved(&self, resolved: &[Resolved], outcome: &mut Outcome) -> SyncError {
        for (source, resolution) in self.group.sources.iter().zip(resolved) {
            if let Err(error) = resolution {
                outcome.problem(format_args!("{} {error}", source.name));
            }
        }
        SyncError::Unresolved
    }

    /// What the names show, as far as it can be targets.
    fn sightings(
        &self,
        resolved: Vec<Resolved>,
        own: &BTreeSet<IpAddr>,
        outcome: &mut Outcome,
    ) -> Vec<Sighting> {
        outcome.complete = true;
        let with_source = self.group.sources.iter().zip(resolved);
        with_source
            .map(|(source, resolution)| sighting(source, resolution, own, outcome))
            .collect()
    }

    fn tell(&self, changes: &Changes, outcome: &mut Outcome) {
        outcome.registered = changes.register.iter().map(|joining| joining.at).collect();
        outcome.deregistered = changes.deregister.iter().map(|target| target.at).collect();
        outcome.pending = pending(&changes.state);
    }

    /// The state is written first with those who are about to come, then as it is afterwards. A run
    /// that finds it changed by another one leaves everything to that.
    async fn carry_out(
        &self,
        changes: &Changes,
        stored: &Stored,
        outcome: &mut Outcome,
    ) -> Result<(), SyncError> {
        let (arn, deadline) = (&self.group.arn, self.deadline);
        let acts = !changes.register.is_empty() || !changes.deregister.is_empty();
        if !acts && changes.state == stored.state && !stored.is_to_be_kept(self.now) {
            return Ok(());
        }

        let first = if acts { &changes.claim } else { &changes.state };
        let Written::As(version) = self
            .sync
            .states
            .write(arn, first, stored.version, self.now, deadline)
            .await?
        else {
            outcome.seen.left_to_another = true;
            outcome.complete = false;
            return Ok(());
        };
        if !acts {
            outcome.pending = pending(&changes.state);
            return Ok(());
        }
        let applied = Application::new(&self.sync.target_groups, arn, deadline)
            .run(changes)
            .await;
        note(&applied, outcome);
        if let Some(error) = applied
            .failure
            .clone()
            .filter(|_| applied.deregistered.is_empty())
        {
            return Err(error);
        }
        let state = after(changes, &applied);
        outcome.pending = pending(&state);
        match self
            .sync
            .states
            .write(arn, &state, version, self.now, deadline)
            .await?
        {
            Written::As(_) => applied.failure.map_or(Ok(()), Err),
            Written::Lost => Err(SyncError::Overtaken),
        }
    }
}

fn sighting(
    source: &Source,
    resolution: Resolved,
    own: &BTreeSet<IpAddr>,
    outcome: &mut Outcome,
) -> Sighting {
    let seen = match resolution {
        Ok(resolution) => seen(source, resolution, own, outcome),
        Err(error) => {
            outcome.problem(format_args!("{} {error}", source.name));
            None
        }
    };
    outcome.complete &= seen
        .as_ref()
        .is_some_and(|seen| seen.evidence == Evidence::Whole);
    Sighting {
        name: source.name.clone(),
        port: source.port,
        zone: source.zone,
        seen,
    }
}

/// A name with an address that cannot be a target says nothing about those that it does not show.
fn seen(
    source: &Source,
    resolution: Resolution,
    own: &BTreeSet<IpAddr>,
    outcome: &mut Outcome,
) -> Option<Seen> {
    outcome.seen.lookups += resolution.lookups;
    let ttl = resolution.ttl.as_secs();
    outcome.seen.ttl_s = Some(outcome.seen.ttl_s.map_or(ttl, |least| least.min(ttl)));

    let (mut addresses, mut refused) = (BTreeSet::new(), Vec::new());
    for address in resolution.addresses {
        match admissible::check(address, source) {
            Ok(()) if own.contains(&address) => {
                refused.push((address, Inadmissible::OwnLoadBalancer))
            }
            Ok(()) => drop(addresses.insert(address)),
            Err(reason) => refused.push((address, reason)),
        }
    }
    outcome.resolved.extend(&addresses);
    if refused.is_empty() {
        return Some(Seen {
            addresses,
            evidence: resolution.evidence,
        });
    }

    outcome.problem(refusal(&source.name, &refused));
    Some(Seen {
        addresses,
        evidence: Evidence::Doubtful,
    })
}

/// Says which addresses cannot be targets and why, and what to do if they should be.
fn refusal(name: &str, refused: &[(IpAddr, Inadmissible)]) -> String {
    const LISTED: usize = 8;
    let listed = refused
        .iter()
        .take(LISTED)
        .map(|(address, reason)| format!("{address} ({reason})"));
    let mut listed = listed.collect::<Vec<_>>().join(", ");
    if let Some(more) = refused.len().checked_sub(LISTED).filter(|more| *more > 0) {
        listed.push_str(&format!(" and {more} more"));
    }

    let has = |wanted: Inadmissible| refused.iter().any(|(_, reason)| *reason == wanted);
    let hint = if has(Inadmissible::OutsideAmazon) {
        "; set \"availability_zone\" to \"all\" for targets outside the VPC, or list its CIDR blocks in \"networks\""
    } else if has(Inadmissible::Public) || has(Inadmissible::OutsideNetworks) {
        "; list the VPC's CIDR blocks in \"networks\" if these addresses are its own"
    } else {
        ""
    };
    format!("{name} resolves to addresses that cannot be targets: {listed}{hint}")
}

fn pending(state: &State) -> BTreeMap<SocketAddr, u32> {
    let pending = state
        .targets
        .iter()
        .filter(|(_, record)| record.is_pending());
    pending.map(|(at, record)| (*at, record.misses)).collect()
}

fn note(applied: &Applied, outcome: &mut Outcome) {
    outcome.registered = applied.registered.iter().map(|target| target.at).collect();
    outcome.deregistered = applied
        .deregistered
        .iter()
        .map(|target| target.at)
        .collect();
    outcome.registered.sort_unstable();
    for (target, reason) in &applied.refused {
        outcome.problem(format_args!("{}: {reason}", target.at));
    }
    let size = outcome.seen.size.unwrap_or_default() + applied.registered.len();
    outcome.seen.size = Some(size.saturating_sub(applied.deregistered.len()));
}

/// The state that was aimed at, without what could not be registered and with what could not be
/// deregistered.
fn after(changes: &Changes, applied: &Applied) -> State {
    let mut state = changes.state.clone();
    for joining in &changes.register {
        match applied
            .registered
            .iter()
            .find(|target| target.at == joining.at)
        {
            Some(target) => state
                .targets
                .entry(joining.at)
                .or_default()
                .zone
                .clone_from(&target.zone),
            None => drop(state.targets.remove(&joining.at)),
        }
    }
    for target in changes
        .deregister
        .iter()
        .filter(|target| !applied.deregistered.contains(target))
    {
        let record: Record = changes
            .claim
            .targets
            .get(&target.at)
            .cloned()
            .unwrap_or_default();
        state.targets.entry(target.at).or_insert(record);
    }
    state
}
