//! Applies changes in batches, so that an invalid target does not block the others.

use addresses::is_private;
use aws::Deadline;
use sync_targets::Zone;

use crate::error::SyncError;
use crate::reconcile::{Changes, Registration};
use crate::target::Target;
use crate::target_groups::{Refusal, TargetGroups};

/// The batch size of AWS's own controllers.
const MAX_BATCH_TARGETS: usize = 200;
/// Searching a batch for invalid targets uses a quota of calls that the whole account shares.
const MAX_CALLS: u32 = 64;

/// The changes that were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppliedChanges {
    /// The targets with the zones that they were registered with.
    pub(crate) registered: Vec<Target>,
    pub(crate) deregistered: Vec<Target>,
    /// The invalid targets and the reasons.
    pub(crate) refused: Vec<(Target, String)>,
    /// The reason why the remaining changes were not made.
    pub(crate) failure: Option<SyncError>,
}

/// A batch to register.
struct Batch {
    targets: Vec<Target>,
    zone: Zone,
}

/// Applies the changes of one group.
pub(crate) struct Executor<'a> {
    groups: &'a TargetGroups,
    arn: &'a str,
    deadline: Deadline,
    calls: u32,
    applied: AppliedChanges,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(groups: &'a TargetGroups, arn: &'a str, deadline: Deadline) -> Self {
        Self {
            groups,
            arn,
            deadline,
            calls: 0,
            applied: AppliedChanges::default(),
        }
    }

    /// Registers targets, then deregisters targets; in reverse order if the group is full. If a
    /// registration fails, nothing is deregistered after it.
    pub(crate) async fn run(mut self, changes: &Changes) -> AppliedChanges {
        let mut to_deregister = changes.deregister.clone();
        let mut batches = batches(changes);

        while let Some(batch) = batches.pop() {
            match self.register(&batch).await {
                Ok(()) => self.applied.registered.extend(batch.targets),
                Err(Refusal::InvalidTarget(reason)) => self.split(batch, reason, &mut batches),
                Err(Refusal::GroupFull(_)) if !to_deregister.is_empty() => {
                    self.deregister_all(std::mem::take(&mut to_deregister))
                        .await;
                    batches.push(batch);
                }
                Err(Refusal::GroupFull(reason)) => self.fail(SyncError::GroupFull(reason)),
                Err(Refusal::Failure(error)) => self.fail(error),
            }
            if self.applied.failure.is_some() {
                return self.applied;
            }
        }

        self.deregister_all(to_deregister).await;
        self.applied
    }

    async fn register(&mut self, batch: &Batch) -> Result<(), Refusal> {
        self.count_call()?;
        self.groups
            .register(self.arn, &batch.targets, self.deadline)
            .await
    }

    async fn deregister(&mut self, batch: &[Target]) -> Result<(), Refusal> {
        self.count_call()?;
        self.groups.deregister(self.arn, batch, self.deadline).await
    }

    fn count_call(&mut self) -> Result<(), Refusal> {
        self.calls += 1;
        if self.calls <= MAX_CALLS {
            return Ok(());
        }

        Err(Refusal::Failure(SyncError::Call {
            operation: "RegisterTargets",
            reason: format!("reached the limit of {MAX_CALLS} calls; the next run continues"),
        }))
    }

    fn fail(&mut self, error: SyncError) {
        self.applied.failure = Some(error);
    }

    /// Retries a refused batch for all zones if that is allowed, or else in halves, down to the
    /// invalid targets.
    fn split(&mut self, batch: Batch, reason: String, batches: &mut Vec<Batch>) {
        let has_no_zone = batch.targets.iter().all(|target| target.zone.is_none());
        if batch.zone == Zone::Auto && has_no_zone {
            let for_all_zones = |target: &Target| Target {
                zone: Some("all".to_owned()),
                ..target.clone()
            };
            batches.push(Batch {
                targets: batch.targets.iter().map(for_all_zones).collect(),
                zone: Zone::Auto,
            });
            return;
        }

        if let [target] = &batch.targets[..] {
            self.applied.refused.push((target.clone(), reason));
            return;
        }

        let middle = batch.targets.len() / 2;
        for half in [&batch.targets[middle..], &batch.targets[..middle]] {
            let mut targets = half.to_vec();
            if batch.zone == Zone::Auto {
                targets.iter_mut().for_each(|target| target.zone = None);
            }
            batches.push(Batch {
                targets,
                zone: batch.zone,
            });
        }
    }

    async fn deregister_all(&mut self, targets: Vec<Target>) {
        let mut batches: Vec<Vec<Target>> = targets
            .chunks(MAX_BATCH_TARGETS)
            .rev()
            .map(<[Target]>::to_vec)
            .collect();

        while let Some(mut batch) = batches.pop() {
            match self.deregister(&batch).await {
                Ok(()) => self.applied.deregistered.extend(batch),
                Err(Refusal::InvalidTarget(_)) if batch.len() > 1 => {
                    batches.push(batch.split_off(batch.len() / 2));
                    batches.push(batch);
                }
                Err(Refusal::InvalidTarget(reason)) => {
                    self.applied
                        .refused
                        .extend(batch.into_iter().map(|target| (target, reason.clone())));
                }
                Err(Refusal::GroupFull(reason)) => return self.fail(SyncError::GroupFull(reason)),
                Err(Refusal::Failure(error)) => return self.fail(error),
            }
        }
    }
}

/// Returns the batches of a group's registrations, last one first.
fn batches(changes: &Changes) -> Vec<Batch> {
    let mut batches = Vec::new();
    for zone in [Zone::Auto, Zone::All, Zone::None] {
        let zone_name = (zone == Zone::All).then(|| "all".to_owned());
        let targets: Vec<_> = changes
            .register
            .iter()
            .filter(|registration| effective_zone(registration) == zone)
            .map(|registration| Target {
                address: registration.address,
                zone: zone_name.clone(),
            })
            .collect();

        batches.extend(targets.chunks(MAX_BATCH_TARGETS).map(|chunk| Batch {
            targets: chunk.to_vec(),
            zone,
        }));
    }
    batches.reverse();
    batches
}

/// Returns the zone to register a target with. A public address is registered for all zones only if
/// the entry says so: without a zone, Elastic Load Balancing rejects addresses outside the VPC.
fn effective_zone(registration: &Registration) -> Zone {
    if registration.zone == Zone::Auto && !is_private(registration.address.ip()) {
        Zone::None
    } else {
        registration.zone
    }
}

#[cfg(test)]
mod tests;
