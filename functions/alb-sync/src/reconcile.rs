//! What has to change so that a target group equals what its names resolve to. Pure.
//!
//! What a name shows and the group lacks is registered in the same run. What the group has and no name shows leaves
//! after `misses` intervals in which good evidence did not show it, in steps. Doubt changes nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::absence::Absence;
use crate::sampling::Evidence;
use crate::state::{Record, State};
use crate::sync_targets::Zone;
use crate::target::{Health, Reported, Target};

/// When a target that no name shows has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// After how many intervals without it.
    pub misses: u32,
    /// How long an interval is, in milliseconds.
    pub interval_ms: i64,
    /// How many of a group's targets leave in one interval at most, in percent; one may always.
    pub max_percent: u32,
    /// Whether targets leave too that neither have been registered here nor been shown by a name.
    pub remove_untracked: bool,
}

impl Settings {
    /// Whether an interval has passed since then. Nine tenths are one: schedules are not exact.
    pub(crate) fn interval_is_over(&self, since: Option<i64>, now: i64) -> bool {
        since.is_none_or(|since| now.saturating_sub(since) >= self.interval_ms / 10 * 9)
    }
}

/// What one name of a group shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The name.
    pub name: String,
    /// The port of its targets.
    pub port: u16,
    /// The zone of its targets.
    pub zone: Zone,
    /// `None` where it could not be resolved.
    pub seen: Option<Seen>,
}

/// The addresses of a name that can be targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// What they say about others.
    pub evidence: Evidence,
}

/// A target to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Its address and port.
    pub at: SocketAddr,
    /// Its zone.
    pub zone: Zone,
}

/// What has to be done, and what is known afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// To be registered.
    pub register: Vec<Joining>,
    /// To be deregistered.
    pub deregister: Vec<Target>,
    /// How many targets are registered on the names' ports now.
    pub size: usize,
    /// Due to leave, but in a later step.
    pub withheld: usize,
    /// What is to be remembered before anything is done: whom it is done to, so that nobody forgets.
    pub claim: State,
    /// What is to be remembered once it is done.
    pub state: State,
}

/// What a run knows before it changes anything.
pub(crate) struct Run<'r> {
    pub(crate) sightings: &'r [Sighting],
    /// What is registered on the ports of these names.
    pub(crate) group: BTreeMap<SocketAddr, &'r Reported>,
    pub(crate) state: &'r State,
    pub(crate) settings: &'r Settings,
    pub(crate) now: i64,
}

/// A target that may leave.
struct Due<'r> {
    reported: &'r Reported,
    misses: u32,
}

/// Compares what names show with what the group has, at `now` in milliseconds since 1970.
#[must_use]
pub fn reconcile(
    sightings: &[Sighting],
    reported: &[Reported],
    state: &State,
    settings: &Settings,
    now: i64,
) -> Changes {
    let of_ports = reported.iter().filter(|target| zone_of(sightings, target.at.port()).is_some());
    let registered = of_ports.filter(|target| target.health != Health::Leaving);
    let group = registered.map(|target| (target.at, target)).collect();
    let run = Run { sightings, group, state, settings, now };
    let wishes = wishes(sightings);
    let next = State { targets: BTreeMap::new(), ..state.clone() };
    let mut changes = Changes { size: run.group.len(), state: next, ..Changes::default() };
    for (at, wish) in &wishes {
        let record = state.targets.get(at);
        if !run.group.get(at).is_some_and(|target| is_there(target, record, wish.zone)) {
            changes.register.push(Joining { at: *at, zone: wish.zone });
        }
        changes.state.targets.insert(*at, wish.record(record));
    }
    let due = missing(&run, &wishes, &mut changes.state);
    take_step(due, &run, &mut changes);
    changes.claim = claim(state, &changes);
    changes
}

/// Notes the evidence about every target that no name shows; those that may leave.
fn missing<'r>(run: &Run<'r>, wishes: &BTreeMap<SocketAddr, Wish>, next: &mut State) -> Vec<Due<'r>> {
    let mut due = Vec::new();
    let any_healthy = run.group.values().any(|target| target.health == Health::Healthy);
    for target in run.group.values().filter(|target| !wishes.contains_key(&target.at)) {
        let known = run.state.targets.get(&target.at).cloned().unwrap_or_default();
        let absence = Absence::of(target.at, &known, run);
        let record = counted(absence, known, run, next);
        if absence.is_some() && is_due(&record, target, any_healthy, run.settings) {
            due.push(Due { reported: target, misses: record.misses });
        }
        if record != Record::default() {
            next.targets.insert(target.at, record);
        }
    }
    due
}

/// The zone of a port's targets; `None` for a port that is not ours.
fn zone_of(sightings: &[Sighting], port: u16) -> Option<Zone> {
    sightings.iter().find(|sighting| sighting.port == port).map(|sighting| sighting.zone)
}

/// What a name wants: its addresses on its port.
struct Wish {
    zone: Zone,
    names: BTreeSet<String>,
}

impl Wish {
    fn record(&self, known: Option<&Record>) -> Record {
        let registered_with = known.and_then(|record| record.zone.clone());
        let zone = if self.zone == Zone::All { Some("all".to_owned()) } else { registered_with };
        Record { ours: true, zone, names: self.names.clone(), ..Record::default() }
    }
}

fn wishes(sightings: &[Sighting]) -> BTreeMap<SocketAddr, Wish> {
    let mut wishes: BTreeMap<SocketAddr, Wish> = BTreeMap::new();
    for sighting in sightings {
        let shared = sightings.iter().filter(|other| other.port == sighting.port).count() > 1;
        for address in sighting.seen.iter().flat_map(|seen| &seen.addresses) {
            let at = SocketAddr::new(*address, sighting.port);
            let wish = wishes.entry(at).or_insert(Wish { zone: sighting.zone, names: BTreeSet::new() });
            wish.names.extend(shared.then(|| sighting.name.clone()));
        }
    }
    wishes
}

/// A report may leave the zone out; then what it was registered with counts.
fn is_there(target: &Reported, record: Option<&Record>, zone: Zone) -> bool {
    let reported_for_all = target.zone.as_deref() == Some("all");
    let registered_for_all = record.is_some_and(|record| record.zone.as_deref() == Some("all"));
    match zone {
        Zone::Auto => true,
        Zone::All => reported_for_all || registered_for_all,
        Zone::None => !reported_for_all,
    }
}

/// What nobody tracks is counted up to the threshold, for the answer, and then left alone.
fn counted(absence: Option<Absence>, known: Record, run: &Run<'_>, next: &mut State) -> Record {
    let tracked = known.ours || run.settings.remove_untracked;
    let counts = tracked || known.misses < run.settings.misses;
    let Some(absence) = absence.filter(|_| counts) else { return known };
    let record = absence.count(&known, run);
    if let Absence::Likely { copies_until, .. } = absence
        && copies_until != 0
        && record != known
    {
        next.copies_until = next.copies_until.max(Some(copies_until));
    }
    record
}

/// An unhealthy target leaves a little earlier: nothing is sent to it. Where no target is healthy its load balancer
/// sends to all of them, so that health says nothing.
fn is_due(record: &Record, target: &Reported, any_healthy: bool, settings: &Settings) -> bool {
    let idle = any_healthy && target.health == Health::Unhealthy;
    let misses = if idle { settings.misses.min(2) } else { settings.misses };
    (record.ours || settings.remove_untracked) && record.misses >= misses
}

/// One step an interval. One target at least leaves in each, so that it ends.
fn take_step(mut due: Vec<Due<'_>>, run: &Run<'_>, changes: &mut Changes) {
    let percent = usize::try_from(run.settings.max_percent).unwrap_or(100);
    let may_step = run.settings.interval_is_over(run.state.stepped_at, run.now);
    let step = if may_step { (run.group.len() * percent / 100).max(1).min(due.len()) } else { 0 };
    let serves = |due: &Due<'_>| due.reported.health != Health::Unhealthy;
    due.sort_by_key(|due| (serves(due), Reverse(due.misses), due.reported.at));
    changes.withheld = due.len() - step;
    for Due { reported, .. } in due.into_iter().take(step) {
        let record = changes.state.targets.remove(&reported.at).unwrap_or_default();
        let zone = zone_to_leave(zone_of(run.sightings, reported.at.port()), &record, reported);
        changes.deregister.push(Target { at: reported.at, zone });
        changes.state.stepped_at = Some(run.now);
    }
}

/// As it was registered: a target of another zone is another target.
fn zone_to_leave(zone: Option<Zone>, record: &Record, reported: &Reported) -> Option<String> {
    let reported_for_all = reported.zone.as_deref() == Some("all");
    match zone {
        Some(Zone::None) if !reported_for_all => None,
        _ => record.zone.clone().or_else(|| reported.zone.clone()),
    }
}

/// The state as it was, with those added that are about to be registered, and the step.
fn claim(state: &State, changes: &Changes) -> State {
    let mut claim = State { stepped_at: changes.state.stepped_at, ..state.clone() };
    for joining in &changes.register {
        claim.targets.entry(joining.at).or_default().ours = true;
    }
    claim
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod zones;
