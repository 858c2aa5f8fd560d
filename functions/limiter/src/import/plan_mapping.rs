//! The plan of an imported key.
//!
//! In order of precedence, the plan is the entry of `plans` for an id in the row, `plan`, or the
//! plan that has the id as its name. A row without an id gets `plan`. Without `plan`, an existing
//! key keeps its plan.

use std::collections::{BTreeSet, HashMap};

use registry::Admin;

use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};
use crate::request::query::Parameters;

/// The most entries of `plans`.
const MAX_ENTRIES: usize = 300;
/// The most plans whose existence is cached during an import.
const MAX_CACHED_PLANS: usize = 300;
/// The length from which a text may be a secret in the wrong column, and is not repeated.
const MIN_SECRET_CHARS: usize = 20;

/// The parameters `plan` and `plans`, and a cache of existing plans.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanMapping {
    plan: Option<String>,
    plans: HashMap<String, String>,
    existence: HashMap<String, bool>,
}

impl PlanMapping {
    /// Reads the parameters.
    pub(super) fn read(parameters: &mut Parameters) -> Self {
        let plan = parameters.nonempty("plan");

        let mut plans = HashMap::new();
        for entry in parameters.list("plans") {
            let entry = entry
                .split_once(':')
                .map(|(id, plan)| (id.trim(), plan.trim()));
            match entry {
                Some((id, plan)) if !id.is_empty() && !plan.is_empty() => {
                    let earlier = plans.insert(id.to_owned(), plan.to_owned());
                    if earlier.is_some_and(|earlier| earlier != plan) {
                        parameters.report("plans", "one id has two plans");
                    }
                }
                _ => parameters.report(
                    "plans",
                    "expected entries such as `c7y23b:team`, separated by commas",
                ),
            }
        }
        if plans.len() > MAX_ENTRIES {
            parameters.report("plans", &format!("expected at most {MAX_ENTRIES} entries"));
        }

        Self {
            plan,
            plans,
            existence: HashMap::new(),
        }
    }

    /// Checks that the plans of the parameters exist.
    ///
    /// # Errors
    /// 400 with every plan that does not exist, or the store's failure.
    pub(super) async fn check(&mut self, admin: &Admin<'_>) -> Result<(), Problem> {
        let plan = self.plan.iter().map(|plan| ("plan", plan.clone()));
        let plans: BTreeSet<_> = plan
            .chain(self.plans.values().map(|plan| ("plans", plan.clone())))
            .collect();

        let mut mistakes = Vec::new();
        for (parameter, plan) in plans {
            if !self.exists(&plan, admin).await? {
                mistakes.push(Mistake::in_parameter(parameter, unknown(&plan)));
            }
        }

        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_parameters(mistakes))
        }
    }

    /// Returns the plan of a row with these ids, or what is wrong with the row. `None` if neither
    /// the row nor the request names a plan.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn plan_of(
        &mut self,
        ids: &[String],
        admin: &Admin<'_>,
    ) -> Result<Result<Option<String>, String>, Problem> {
        let mapped = |id: &String| {
            let plan = self.plans.get(id).or(self.plan.as_ref());
            plan.unwrap_or(id).clone()
        };
        let names: BTreeSet<String> = ids.iter().map(mapped).collect();
        let mut names = names.into_iter();

        let Some(plan) = names.next() else {
            return Ok(Ok(self.plan.clone()));
        };
        if names.next().is_some() {
            let detail = "`UsagePlanIds` names several plans, but a key has one plan; choose it with `?plan=`";
            return Ok(Err(detail.to_owned()));
        }
        if self.exists(&plan, admin).await? {
            return Ok(Ok(Some(plan)));
        }
        Ok(Err(format!(
            "{}; choose one with `?plan=` or `?plans=ID:PLAN`",
            unknown(&plan)
        )))
    }

    async fn exists(&mut self, plan: &str, admin: &Admin<'_>) -> Result<bool, Problem> {
        if let Some(exists) = self.existence.get(plan) {
            return Ok(*exists);
        }

        let exists = is_name(plan)
            && admin
                .has_plan(plan)
                .await
                .map_err(|error| Problem::of_read(error, RESOURCE))?;
        if self.existence.len() < MAX_CACHED_PLANS {
            self.existence.insert(plan.to_owned(), exists);
        }
        Ok(exists)
    }
}

/// Returns true for a text that may be sent to the store as the name of a plan.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn unknown(plan: &str) -> String {
    if is_name(plan) && plan.len() < MIN_SECRET_CHARS {
        format!("the plan `{plan}` does not exist")
    } else {
        "there is no plan with this name".to_owned()
    }
}
