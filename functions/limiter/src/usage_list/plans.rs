//! What a report needs to know of plans.

use std::collections::HashMap;

use aws::Deadline;
use http::StatusCode;
use limits::Caller;
use store::ReportedCaller;

use super::ReportedKey;
use crate::Shared;
use crate::problem::{Mistake, Problem};

/// The plans of reported keys. Each is read once.
pub(super) struct ReportedPlans<'s> {
    pub(super) shared: &'s Shared,
    pub(super) deadline: Deadline,
    /// The time zone that every plan must have.
    required_zone: Option<&'s str>,
    /// `None` for a plan that was deleted.
    plans: HashMap<String, Option<ReportedPlan>>,
}

#[derive(Clone)]
struct ReportedPlan {
    zone: String,
    is_shared: bool,
}

impl<'s> ReportedPlans<'s> {
    pub(super) fn new(
        shared: &'s Shared,
        required_zone: Option<&'s str>,
        deadline: Deadline,
    ) -> Self {
        Self {
            shared,
            deadline,
            required_zone,
            plans: HashMap::new(),
        }
    }

    /// Reads the plans of these keys.
    ///
    /// # Errors
    /// 422 if a plan has another time zone than the report requires, or the store's failure.
    pub(super) async fn read(&mut self, keys: &[ReportedKey]) -> Result<(), Problem> {
        for key in keys {
            if self.plans.contains_key(&key.plan) {
                continue;
            }

            let plan = self.shared.store.plan(&key.plan, self.deadline).await?;
            let plan = plan.map(|plan| ReportedPlan {
                zone: plan.report_days.zone_name().to_owned(),
                is_shared: plan.shared.is_some(),
            });
            if let (Some(plan), Some(required)) = (&plan, self.required_zone)
                && plan.zone != required
            {
                return Err(other_zone(&key.plan, &plan.zone, required));
            }
            self.plans.insert(key.plan.clone(), plan);
        }
        Ok(())
    }

    /// Returns the time zone of the days of a key. `None` if its plan was deleted.
    pub(super) fn zone(&self, key: &ReportedKey) -> Option<&str> {
        self.plan(key).map(|plan| plan.zone.as_str())
    }

    /// Returns the key as the store counts it.
    pub(super) fn caller(&self, key: &ReportedKey) -> ReportedCaller {
        let is_shared = self.plan(key).is_some_and(|plan| plan.is_shared);
        ReportedCaller {
            caller: Caller::Key(key.key_id.clone()),
            has_figures: is_shared || key.group.is_some(),
        }
    }

    fn plan(&self, key: &ReportedKey) -> Option<&ReportedPlan> {
        self.plans.get(&key.plan)?.as_ref()
    }
}

fn other_zone(plan: &str, zone: &str, required: &str) -> Problem {
    let detail = format!(
        "the plan `{plan}` counts days in `{zone}`, not in `{required}`. Select one plan with \
         `plan`, or set its `time_zone` to `{required}`"
    );
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The usage is not counted in this time zone.",
    );
    problem.with_errors(vec![Mistake::in_parameter("time_zone", detail)])
}
