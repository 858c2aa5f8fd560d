//! Which plan an imported key gets.
//!
//! In order of precedence: the entry of `plans` for an id in the row; `plan`; the id itself, as the
//! name of a plan here. A row without an id gets `plan`, and without that, a key that exists stays
//! on its plan.

use std::collections::{BTreeSet, HashMap};

use usage::Admin;

use crate::keys::WHAT;
use crate::problem::{Mistake, Problem, refused};
use crate::request::query::Query;

/// The most entries of `plans`.
const MAX_ENTRIES: usize = 300;
/// The most plans whose existence is remembered while a file is read.
const MAX_KNOWN: usize = 300;
/// From this length on, a text may be a secret in the wrong column, and is not repeated.
const SECRET_LENGTH: usize = 20;

/// The parameters `plan` and `plans`.
#[derive(Debug, Default)]
pub(crate) struct ImportPlans {
    plan: Option<String>,
    plans: HashMap<String, String>,
    known: HashMap<String, bool>,
}

impl ImportPlans {
    /// Reads the parameters.
    pub(crate) fn of(query: &mut Query) -> Self {
        let plan = query.text("plan").filter(|plan| !plan.is_empty());
        let mut plans = HashMap::new();
        for entry in query.list("plans") {
            match entry
                .split_once(':')
                .map(|(id, plan)| (id.trim(), plan.trim()))
            {
                Some((id, plan)) if !id.is_empty() && !plan.is_empty() => {
                    if plans
                        .insert(id.to_owned(), plan.to_owned())
                        .is_some_and(|earlier| earlier != plan)
                    {
                        query.mistake("plans", "one id has two plans");
                    }
                }
                _ => query.mistake(
                    "plans",
                    "expected entries such as `c7y23b:team`, separated by commas",
                ),
            }
        }
        if plans.len() > MAX_ENTRIES {
            query.mistake("plans", &format!("expected at most {MAX_ENTRIES} entries"));
        }
        Self {
            plan,
            plans,
            known: HashMap::new(),
        }
    }

    /// Checks that the plans of the parameters exist.
    ///
    /// # Errors
    /// 400 with every plan that does not, or the store's failure.
    pub(crate) async fn check(&mut self, admin: &Admin<'_>) -> Result<(), Problem> {
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
            Err(Problem::parameters(mistakes))
        }
    }

    /// The plan of a row with these ids; `None` if neither the row nor the request names one.
    ///
    /// # Errors
    /// Says what is wrong with the row.
    pub(crate) async fn of_row(
        &mut self,
        ids: &[String],
        admin: &Admin<'_>,
    ) -> Result<Result<Option<String>, String>, Problem> {
        let plan = |id: &String| {
            self.plans
                .get(id)
                .or(self.plan.as_ref())
                .unwrap_or(id)
                .clone()
        };
        let named: BTreeSet<String> = ids.iter().map(plan).collect();
        let mut named = named.into_iter();
        let Some(plan) = named.next() else {
            return Ok(Ok(self.plan.clone()));
        };
        if named.next().is_some() {
            let detail = "`UsagePlanIds` names several plans, and a key has one plan; choose it with `?plan=`";
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
        if let Some(known) = self.known.get(plan) {
            return Ok(*known);
        }
        let exists = is_name(plan)
            && admin
                .has_plan(plan)
                .await
                .map_err(|error| refused(error, WHAT))?;
        if self.known.len() < MAX_KNOWN {
            self.known.insert(plan.to_owned(), exists);
        }
        Ok(exists)
    }
}

/// True for a text that may be sent to the store as the name of a plan.
fn is_name(plan: &str) -> bool {
    (1..=64).contains(&plan.len())
        && plan
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn unknown(plan: &str) -> String {
    if is_name(plan) && plan.len() < SECRET_LENGTH {
        format!("there is no plan `{plan}`")
    } else {
        "there is no plan of this name".to_owned()
    }
}
