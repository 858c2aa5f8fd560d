//! Usage plans and API keys of API Gateway, as the AWS CLI prints them.

mod account;
mod document;
mod keys;
mod limits;
mod plan_of_key;
mod plans;
mod throttle;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use declaration::Declaration;
use serde_json::Value;

use account::{ApiKey, UsagePlan, UsagePlanKey};
use document::{Document, Kind, item, values};
use keys::KeyConversion;
use plan_of_key::Plans;
use plans::ConvertedPlan;

use crate::names::Names;
use crate::{Findings, ImportError, Migration, Origin};

/// The most items of an import.
const MAX_ITEMS: usize = 200_000;

/// The usage plans and API keys of an account, from any number of documents.
///
/// ```
/// use migration::Account;
///
/// let plans = r#"{"items": [{"id": "c7y23b", "name": "Basic", "apiStages": [{"apiId": "a1", "stage": "prod"}],
///     "throttle": {"rateLimit": 5.0, "burstLimit": 10}, "quota": {"limit": 500, "offset": 0, "period": "MONTH"}}]}"#;
/// let mut account = Account::default();
/// account.add_text("usage-plans.json", plans.as_bytes(), None)?;
///
/// let migration = account.migrate(&[])?;
/// let plan = &migration.declaration.plans["basic"];
/// assert_eq!(plan["throttle"]["rate"], 5);
/// assert!(!migration.report.is_laxer());
/// # Ok::<(), migration::ImportError>(())
/// ```
#[derive(Default)]
pub struct Account {
    plans: BTreeMap<String, (String, UsagePlan)>,
    keys: BTreeMap<String, (String, ApiKey)>,
    /// The keys of each usage plan, by the id of the plan.
    plan_keys: BTreeMap<String, Vec<(String, UsagePlanKey)>>,
    items: usize,
    findings: Findings,
}

impl Account {
    /// Adds the documents of a file. `plan_id` is the usage plan of a list of keys, which does not
    /// name it. The file may be encoded in UTF-8, or in UTF-16 with a byte order mark.
    ///
    /// # Errors
    /// [`ImportError`] if the file is not JSON of a known kind, or contradicts an earlier one.
    pub fn add_text(
        &mut self,
        file: &str,
        bytes: &[u8],
        plan_id: Option<&str>,
    ) -> Result<(), ImportError> {
        let values = values(file, bytes)?;
        let is_single = values.len() == 1;
        for (index, value) in values.into_iter().enumerate() {
            let place = if is_single {
                file.to_owned()
            } else {
                format!("{file}, document {}", index + 1)
            };
            self.add(&place, value, plan_id)?;
        }
        Ok(())
    }

    /// Adds a document. `place` names it in the report.
    ///
    /// # Errors
    /// [`ImportError`] if its kind is unknown, or if it contradicts an earlier document.
    pub fn add(
        &mut self,
        place: &str,
        value: Value,
        plan_id: Option<&str>,
    ) -> Result<(), ImportError> {
        let document = Document::of(place, value)?;
        let origin = Origin::new(place, "the list");
        if document.is_incomplete {
            let text = "it is incomplete: it has a token for another page. Use the AWS CLI without `--no-paginate` \
                        and `--max-items`, or add the other pages";
            self.findings.warning(&origin, text);
        }
        self.items = self.items.saturating_add(document.items.len());
        if self.items > MAX_ITEMS {
            let problem = format!("there are more than {MAX_ITEMS} items");
            return Err(ImportError::new(place, problem));
        }
        let Some(kind) = document.kind(place, plan_id)? else {
            let text = "it is empty";
            self.findings.warning(&origin, text);
            return Ok(());
        };

        for (index, value) in document.items.into_iter().enumerate() {
            let place = format!("{place}: items[{index}]");
            match kind {
                Kind::UsagePlans => self.add_plan(place, value)?,
                Kind::ApiKeys => self.add_key(place, value)?,
                Kind::UsagePlanKeys => {
                    let key = item(&place, value)?;
                    let plan = plan_id.unwrap_or_default().to_owned();
                    self.plan_keys.entry(plan).or_default().push((place, key));
                }
            }
        }
        Ok(())
    }

    /// Returns the ids of the usage plans.
    pub fn plan_ids(&self) -> impl Iterator<Item = &str> {
        self.plans.keys().map(String::as_str)
    }

    /// Converts the usage plans and keys. `stages` selects stages such as `a1b2c3d4e5/prod`; without
    /// any, all stages count.
    ///
    /// # Errors
    /// [`ImportError`] if keys are given for a usage plan that is not, or a stage is unknown.
    pub fn migrate(mut self, stages: &[String]) -> Result<Migration, ImportError> {
        self.check_references(stages)?;

        let mut names = Names::default();
        let converted = self.plans.values().filter_map(|(place, plan)| {
            ConvertedPlan::of(place, plan, stages, &mut names, &mut self.findings)
        });
        let plans: BTreeMap<_, _> = converted.map(|plan| (plan.id.clone(), plan)).collect();
        self.add_keys_of_plans();

        let scopes = self.report_stages(&plans);
        let mut combined = Plans::new(plans, scopes, names);
        let declaration = self.declaration(&mut combined);
        self.report_periods(&combined);
        Ok(Migration {
            declaration,
            report: self.findings.into_report(),
        })
    }

    /// Adds a usage plan. The same plan may be in several documents, such as those of several keys.
    fn add_plan(&mut self, place: String, value: Value) -> Result<(), ImportError> {
        let plan: UsagePlan = item(&place, value)?;
        match self.plans.get(&plan.id) {
            Some((earlier, other)) if *other != plan => {
                let text = format!(
                    "the usage plan {} differs from the one at {earlier}",
                    plan.id
                );
                Err(ImportError::new(place, text))
            }
            Some(_) => Ok(()),
            None => {
                self.plans.insert(plan.id.clone(), (place, plan));
                Ok(())
            }
        }
    }

    /// Adds a key. The same key may be in several documents, also with and without its value.
    fn add_key(&mut self, place: String, value: Value) -> Result<(), ImportError> {
        let key: ApiKey = item(&place, value)?;
        let Some((earlier, known)) = self.keys.get_mut(&key.id) else {
            self.keys.insert(key.id.clone(), (place, key));
            return Ok(());
        };

        let mut compared = key.clone();
        if compared.value.is_none() || known.value.is_none() {
            compared.value.clone_from(&known.value);
        }
        if compared != *known {
            let text = format!("the key {} differs from the one at {earlier}", key.id);
            return Err(ImportError::new(place, text));
        }
        known.value = known.value.take().or(key.value);
        Ok(())
    }

    fn check_references(&self, stages: &[String]) -> Result<(), ImportError> {
        let known = || self.plans.keys().cloned().collect::<Vec<_>>().join(", ");
        if let Some(plan) = self
            .plan_keys
            .keys()
            .find(|id| !self.plans.contains_key(*id))
        {
            let problem = format!("unknown usage plan, expected one of: {}", known());
            return Err(ImportError::new(plan, problem));
        }

        let plans = self.plans.values().map(|(_, plan)| plan);
        let all: BTreeSet<_> = plans
            .flat_map(|plan| plan.api_stages.iter().flatten())
            .map(account::ApiStage::name)
            .collect();
        if let Some(stage) = stages.iter().find(|stage| !all.contains(*stage)) {
            let all: Vec<_> = all.into_iter().collect();
            let problem = format!(
                "no usage plan has this stage, expected one of: {}",
                all.join(", ")
            );
            return Err(ImportError::new(stage, problem));
        }
        Ok(())
    }

    /// Adds what usage plans know of their keys: keys that are not listed otherwise, and values.
    fn add_keys_of_plans(&mut self) {
        for (place, found) in self.plan_keys.values().flatten() {
            let key = self.keys.entry(found.id.clone());
            let (_, key) = key.or_insert_with(|| (place.clone(), found.api_key()));
            if key.value.is_none() {
                key.value.clone_from(&found.value);
            }
        }
    }

    /// Reports plans whose keys may call only some of the stages. Returns true if there are any.
    fn report_stages(&mut self, plans: &BTreeMap<String, ConvertedPlan>) -> bool {
        let all: BTreeSet<_> = plans.values().flat_map(|plan| &plan.stages).collect();
        let is_limited =
            |plan: &&ConvertedPlan| !plan.stages.is_empty() && plan.stages.len() < all.len();
        let limited: Vec<_> = plans.values().filter(is_limited).collect();
        for plan in &limited {
            let stages: Vec<_> = plan.stages.iter().map(String::as_str).collect();
            let text = format!(
                "its keys may call the stages {} only; in Tollgate, keys may call every route. Keys get scopes such \
                 as `stage:{}`: require them in the rules of the policy, or import each stage with `--stage`",
                stages.join(", "),
                stages.first().unwrap_or(&"")
            );
            self.findings.laxer(&plan.origin, text);
        }
        !limited.is_empty()
    }

    fn declaration(&mut self, plans: &mut Plans) -> Declaration {
        let mut plans_of_keys: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (plan, keys) in &self.plan_keys {
            for (_, key) in keys {
                plans_of_keys.entry(&key.id).or_default().insert(plan);
            }
        }
        if plans_of_keys.is_empty() && !self.keys.is_empty() {
            let text = "no keys of usage plans are given, so that no key has a plan. Add the output of `aws apigateway \
                        get-usage-plan-keys --usage-plan-id PLAN_ID` as PLAN_ID=FILE";
            self.findings
                .closed(&Origin::new("all files", "the import"), text);
        }

        let mut conversion = KeyConversion::default();
        let mut keys = Vec::new();
        for (place, key) in self.keys.values() {
            let name = key.name.as_deref().unwrap_or_default();
            let origin = Origin::new(place, format!("key `{name}` ({})", key.id));
            let ids = plans_of_keys.remove(key.id.as_str()).unwrap_or_default();
            let Some(plan) = plans.of_key(&ids, &origin, &mut self.findings) else {
                let text = "it is in no usage plan of the import, so that API Gateway refuses it or other stages accept it";
                self.findings.not_mapped(&origin, text);
                continue;
            };
            keys.extend(conversion.convert(key, plan, &origin, &mut self.findings));
        }
        Declaration {
            plans: plans.documents(),
            keys,
            ..Declaration::default()
        }
    }

    /// Reports that the usage of the running periods is not known.
    fn report_periods(&mut self, plans: &Plans) {
        if plans
            .by_id
            .values()
            .any(|plan| !plan.limits.quotas.is_empty())
        {
            let text = "counting starts at 0. Remove the calls that keys have used in the running period with \
                        `tollgate usage grant` and a negative number, or move at the start of a period";
            self.findings
                .warning(&Origin::new("all files", "quotas"), text);
        }
    }
}

#[cfg(test)]
mod tests;
