//! Changes, carried out: in batches, none of which fails for one bad target.

use aws::Deadline;

use crate::admissible::is_private;
use crate::error::SyncError;
use crate::reconcile::{Changes, Joining};
use crate::sync_targets::Zone;
use crate::target::Target;
use crate::target_groups::{Refusal, TargetGroups};

/// As many as AWS's own controllers send in one call.
const BATCH: usize = 200;
/// Looking for the bad targets of a batch takes calls that everybody in the account shares.
const MAX_CALLS: u32 = 64;

/// What has been done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// With the zones that they were registered with.
    pub(crate) registered: Vec<Target>,
    pub(crate) deregistered: Vec<Target>,
    /// Targets that cannot be, with the reason.
    pub(crate) refused: Vec<(Target, String)>,
    /// What kept the rest from being done.
    pub(crate) failure: Option<SyncError>,
}

/// A batch that is still to be registered.
struct Batch {
    targets: Vec<Target>,
    zone: Zone,
}

/// One group's changes on their way.
pub(crate) struct Application<'a> {
    groups: &'a TargetGroups,
    arn: &'a str,
    deadline: Deadline,
    calls: u32,
    applied: Applied,
}

impl<'a> Application<'a> {
    pub(crate) fn new(groups: &'a TargetGroups, arn: &'a str, deadline: Deadline) -> Self {
        Self {
            groups,
            arn,
            deadline,
            calls: 0,
            applied: Applied::default(),
        }
    }

    /// Registers, then deregisters; the other way round where the group is full. What could not be
    /// registered for a failure leaves everything in that is there.
    pub(crate) async fn run(mut self, changes: &Changes) -> Applied {
        let mut leaving = changes.deregister.clone();
        let mut waiting = batches(changes);
        while let Some(batch) = waiting.pop() {
            match self.register(&batch).await {
                Ok(()) => self.applied.registered.extend(batch.targets),
                Err(Refusal::Target(reason)) => self.divide(batch, reason, &mut waiting),
                Err(Refusal::Full(_)) if !leaving.is_empty() => {
                    self.deregister_all(std::mem::take(&mut leaving)).await;
                    waiting.push(batch);
                }
                Err(Refusal::Full(reason)) => self.fail(SyncError::Full(reason)),
                Err(Refusal::Failed(error)) => self.fail(error),
            }
            if self.applied.failure.is_some() {
                return self.applied;
            }
        }
        self.deregister_all(leaving).await;
        self.applied
    }

    async fn register(&mut self, batch: &Batch) -> Result<(), Refusal> {
        self.count()?;
        self.groups
            .register(self.arn, &batch.targets, self.deadline)
            .await
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.calls += 1;
        if self.calls <= MAX_CALLS {
            return Ok(());
        }
        let reason = format!(
            "more than {MAX_CALLS} calls would be needed; the rest is left to the next run"
        );
        Err(Refusal::Failed(SyncError::Call {
            operation: "RegisterTargets",
            reason,
        }))
    }

    fn fail(&mut self, error: SyncError) {
        self.applied.failure = Some(error);
    }

    /// Tries a refused batch for all zones where that is allowed, else its halves, down to the
    /// targets that cannot be.
    fn divide(&mut self, batch: Batch, reason: String, waiting: &mut Vec<Batch>) {
        let without = batch.targets.iter().all(|target| target.zone.is_none());
        if batch.zone == Zone::Auto && without {
            let all = |target: &Target| Target {
                zone: Some("all".to_owned()),
                ..target.clone()
            };
            waiting.push(Batch {
                targets: batch.targets.iter().map(all).collect(),
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
            waiting.push(Batch {
                targets,
                zone: batch.zone,
            });
        }
    }

    async fn deregister_all(&mut self, leaving: Vec<Target>) {
        let mut waiting: Vec<Vec<Target>> = leaving
            .chunks(BATCH)
            .rev()
            .map(<[Target]>::to_vec)
            .collect();
        while let Some(mut batch) = waiting.pop() {
            let counted = self.count();
            let outcome = match counted {
                Ok(()) => {
                    self.groups
                        .deregister(self.arn, &batch, self.deadline)
                        .await
                }
                Err(refusal) => Err(refusal),
            };
            match outcome {
                Ok(()) => self.applied.deregistered.extend(batch),
                Err(Refusal::Target(_)) if batch.len() > 1 => {
                    waiting.push(batch.split_off(batch.len() / 2));
                    waiting.push(batch);
                }
                Err(Refusal::Target(reason)) => {
                    self.applied
                        .refused
                        .extend(batch.into_iter().map(|target| (target, reason.clone())));
                }
                Err(Refusal::Full(reason)) => return self.fail(SyncError::Full(reason)),
                Err(Refusal::Failed(error)) => return self.fail(error),
            }
        }
    }
}

/// A public address is never registered for all zones unless the entry says so: without a zone,
/// Elastic Load Balancing refuses whatever is outside the VPC's CIDR blocks.
fn effective_zone(joining: &Joining) -> Zone {
    if joining.zone == Zone::Auto && !is_private(joining.at.ip()) {
        Zone::None
    } else {
        joining.zone
    }
}

/// The last first, because they are taken from the end.
fn batches(changes: &Changes) -> Vec<Batch> {
    let mut batches = Vec::new();
    for zone in [Zone::Auto, Zone::All, Zone::None] {
        let registered_with = (zone == Zone::All).then(|| "all".to_owned());
        let of_zone = changes
            .register
            .iter()
            .filter(|joining| effective_zone(joining) == zone);
        let targets: Vec<_> = of_zone
            .map(|joining| Target {
                at: joining.at,
                zone: registered_with.clone(),
            })
            .collect();
        batches.extend(targets.chunks(BATCH).map(|chunk| Batch {
            targets: chunk.to_vec(),
            zone,
        }));
    }
    batches.reverse();
    batches
}

#[cfg(test)]
mod tests;
