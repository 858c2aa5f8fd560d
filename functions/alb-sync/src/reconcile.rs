//! What has to change so that a target group equals what its names resolve to. Pure.
//!
//! What a name shows and the group lacks is registered in the same run. What the group has and no
//! name shows leaves after `misses` intervals in which good evidence did not show it, in steps.
//! Doubt changes nothing, and healthy targets stay until a target that a name shows is healthy.

mod departure;

use std::collections::btree_map::Entry;
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
    /// True if an interval has passed since then. Nine tenths are one: schedules are not exact. An
    /// instant that is more than an interval ahead was written by a clock that was ahead, and is
    /// over as well.
    pub(crate) fn interval_is_over(&self, since: Option<i64>, now: i64) -> bool {
        let Some(since) = since else { return true };
        let elapsed = now.saturating_sub(since);
        elapsed >= self.interval_ms / 10 * 9 || elapsed < -self.interval_ms
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

impl Sighting {
    /// True if the name was resolved, and nothing that it shows is in doubt.
    pub(crate) fn is_certain(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| seen.evidence != Evidence::Doubtful)
    }
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
    /// The number of targets that are registered now, on the names' ports or by this function.
    pub size: usize,
    /// The number of targets that are due to leave, but in a later step.
    pub withheld: usize,
    /// How many of these stay because they are healthy, and no target that the names show is.
    pub kept_healthy: usize,
    /// What is to be remembered before anything is done: whom it is done to, so that nobody
    /// forgets.
    pub claim: State,
    /// What is to be remembered once it is done.
    pub state: State,
}

/// What a run knows before it changes anything.
pub(crate) struct Run<'r> {
    pub(crate) sightings: &'r [Sighting],
    /// What is registered on the ports of these names, or on others by this function.
    pub(crate) group: BTreeMap<SocketAddr, &'r Reported>,
    /// What is registered a second time, in another zone.
    pub(crate) twins: Vec<&'r Reported>,
    pub(crate) state: &'r State,
    pub(crate) settings: &'r Settings,
    pub(crate) now: i64,
}

impl Run<'_> {
    /// Where no target is healthy, a load balancer sends to all of them.
    pub(crate) fn any_healthy(&self) -> bool {
        self.group
            .values()
            .chain(&self.twins)
            .any(|target| target.health == Health::Healthy)
    }

    /// From when on answers count again; forgotten if the clock was ahead when it was written.
    fn copies_until(&self) -> Option<i64> {
        let instants = self
            .state
            .targets
            .values()
            .filter_map(|record| record.counted_at)
            .chain(self.state.stepped_at);
        let mut ahead =
            instants.filter(|instant| instant.saturating_sub(self.now) > self.settings.interval_ms);
        self.state.copies_until.filter(|_| ahead.next().is_none())
    }
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
    let (group, twins) = registered(sightings, reported, state);
    let run = Run {
        sightings,
        group,
        twins,
        state,
        settings,
        now,
    };
    let wishes = wishes(sightings);

    let next = State {
        targets: BTreeMap::new(),
        copies_until: run.copies_until(),
        ..state.clone()
    };
    let size = run.group.len() + run.twins.len();
    let mut changes = Changes {
        size,
        state: next,
        ..Changes::default()
    };
    for (at, wish) in &wishes {
        let record = state.targets.get(at);
        if !run
            .group
            .get(at)
            .is_some_and(|target| is_there(target, record, wish.zone))
        {
            changes.register.push(Joining {
                at: *at,
                zone: wish.zone,
            });
        }
        changes.state.targets.insert(*at, wish.record(record));
    }

    let due = missing(&run, &wishes, &mut changes.state);
    departure::take_step(due, &run, &wishes, &mut changes);
    changes.claim = claim(state, &changes);
    changes
}

/// The group's targets on the ports of its names, and those on other ports that are ours. Of
/// targets that differ in their zone alone, the one in the zone that is asked for comes first, and
/// the others are its twins.
fn registered<'r>(
    sightings: &[Sighting],
    reported: &'r [Reported],
    state: &State,
) -> (BTreeMap<SocketAddr, &'r Reported>, Vec<&'r Reported>) {
    let is_ours = |at: &SocketAddr| state.targets.get(at).is_some_and(|record| record.ours);
    let (mut group, mut twins) = (BTreeMap::<_, &Reported>::new(), Vec::new());
    for target in reported
        .iter()
        .filter(|target| target.health != Health::Leaving)
    {
        let zone = zone_of(sightings, target.at.port());
        if zone.is_none() && !is_ours(&target.at) {
            continue;
        }

        let wanted = |target: &Reported| zone.is_none_or(|zone| is_there(target, None, zone));
        match group.entry(target.at) {
            Entry::Vacant(place) => drop(place.insert(target)),
            Entry::Occupied(mut place) if wanted(target) && !wanted(place.get()) => {
                twins.push(place.insert(target))
            }
            Entry::Occupied(_) => twins.push(target),
        }
    }
    (group, twins)
}

/// Notes the evidence about every target that no name shows; those that may leave.
fn missing<'r>(
    run: &Run<'r>,
    wishes: &BTreeMap<SocketAddr, Wish>,
    next: &mut State,
) -> Vec<Due<'r>> {
    let mut due = Vec::new();
    for target in run
        .group
        .values()
        .filter(|target| !wishes.contains_key(&target.at))
    {
        let known = run
            .state
            .targets
            .get(&target.at)
            .cloned()
            .unwrap_or_default();
        let absence = Absence::of(target, &known, run);
        let record = counted(absence, known, run, next);
        if absence.is_some() && departure::is_due(&record, target, run) {
            due.push(Due {
                reported: target,
                misses: record.misses,
            });
        }
        if record != Record::default() {
            next.targets.insert(target.at, record);
        }
    }
    due
}

/// The zone of a port's targets; `None` for a port that is not ours.
fn zone_of(sightings: &[Sighting], port: u16) -> Option<Zone> {
    sightings
        .iter()
        .find(|sighting| sighting.port == port)
        .map(|sighting| sighting.zone)
}

/// What a name wants: its addresses on its port.
struct Wish {
    zone: Zone,
    names: BTreeSet<String>,
}

impl Wish {
    fn record(&self, known: Option<&Record>) -> Record {
        let registered_with = known.and_then(|record| record.zone.clone());
        let zone = if self.zone == Zone::All {
            Some("all".to_owned())
        } else {
            registered_with
        };
        Record {
            ours: true,
            zone,
            names: self.names.clone(),
            ..Record::default()
        }
    }
}

fn wishes(sightings: &[Sighting]) -> BTreeMap<SocketAddr, Wish> {
    let mut wishes: BTreeMap<SocketAddr, Wish> = BTreeMap::new();
    for sighting in sightings {
        let shared = sightings
            .iter()
            .filter(|other| other.port == sighting.port)
            .count()
            > 1;
        for address in sighting.seen.iter().flat_map(|seen| &seen.addresses) {
            let at = SocketAddr::new(*address, sighting.port);
            let wish = wishes.entry(at).or_insert(Wish {
                zone: sighting.zone,
                names: BTreeSet::new(),
            });
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
    let Some(absence) = absence.filter(|_| counts) else {
        return known;
    };
    let record = absence.count(&known, run);
    if let Absence::Likely { copies_until, .. } = absence
        && copies_until != 0
        && record != known
    {
        next.copies_until = next.copies_until.max(Some(copies_until));
    }
    record
}

/// The state as it was, with those added that are about to be registered, and the step.
fn claim(state: &State, changes: &Changes) -> State {
    let mut claim = State {
        stepped_at: changes.state.stepped_at,
        ..state.clone()
    };
    for joining in &changes.register {
        claim.targets.entry(joining.at).or_default().ours = true;
    }
    claim
}

#[cfg(test)]
mod departure_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod zones;
