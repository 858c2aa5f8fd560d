//! The plans of consumers and of public routes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::entities::{Configuration, Index, PluginTable, Request};
use super::limiters::{CountedBy, Limiter, PLUGINS};
use super::names::Names;
use super::paths::MappedPath;
use super::windows::{ALL_ROUTES, Bucket, Window, bucket, bucket_note, plan_limits};
use crate::Findings;

/// The maximum number of buckets of a plan.
const MAX_ROUTES: usize = 16;
/// The widest window that becomes a bucket of a route, in seconds. The bucket of a wider one would
/// admit half of the limit only in half of a long time.
const MAX_BUCKET_WIDTH: u64 = 60;

/// Makes plans.
pub(super) struct Planner<'c> {
    configuration: &'c Configuration,
    table: &'c PluginTable<'c>,
    limiters: &'c [Limiter<'c>],
    /// The paths of each route.
    paths: &'c [Vec<MappedPath>],
    names: Names,
    pub(super) plans: BTreeMap<String, Value>,
    /// The names of plans by document.
    by_document: HashMap<String, String>,
    /// The limiters of consumers without limiters of their own, by consumer groups.
    by_groups: HashMap<BTreeSet<String>, Applied>,
    /// The plans with a count for all callers, by limiter.
    shared: HashMap<Index, BTreeSet<String>>,
}

/// The plan of a consumer, and the group that its keys share limits in.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) plan: String,
    pub(super) group: Option<String>,
}

/// The credentials of a consumer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'n> {
    /// The id of its first key, which names what belongs to the consumer only.
    pub(super) name: &'n str,
    pub(super) keys: usize,
    pub(super) issuers: usize,
}

/// The limiters of a caller, each with the routes that it applies to.
type Applied = BTreeMap<Index, BTreeSet<Index>>;

impl<'c> Planner<'c> {
    pub(super) fn new(
        configuration: &'c Configuration,
        table: &'c PluginTable<'c>,
        limiters: &'c [Limiter<'c>],
        paths: &'c [Vec<MappedPath>],
    ) -> Self {
        Self {
            configuration,
            table,
            limiters,
            paths,
            names: Names::default(),
            plans: BTreeMap::new(),
            by_document: HashMap::new(),
            by_groups: HashMap::new(),
            shared: HashMap::new(),
        }
    }

    /// Returns the plan of a consumer for the routes that it can call.
    pub(super) fn consumer(
        &mut self,
        consumer: Index,
        credentials: Credentials<'_>,
        routes: &[Index],
        findings: &mut Findings,
    ) -> Assignment {
        let declared = &self.configuration.consumers[consumer];
        let applied = self.applied(consumer, routes);

        let mut document = self.document(&applied, routes, findings);
        self.report_counted_by(&applied, findings);
        let counts: BTreeSet<_> = applied.keys().map(|index| self.by_name(*index)).collect();
        let shares_credentials = counts.iter().any(|by| *by != "credential");

        let group = if counts.contains("consumer-group") {
            declared.groups.first().cloned()
        } else {
            (credentials.keys > 1 && shares_credentials).then(|| credentials.name.to_owned())
        };
        // Keys and tokens, or tokens of several issuers, share a count only in a plan of their own.
        let is_mixed = credentials.issuers > 1 || credentials.issuers > 0 && credentials.keys > 0;
        let has_own_plan = is_mixed && shares_credentials && !applied.is_empty();
        if has_own_plan {
            document.insert("shared_by_plan".to_owned(), json!(true));
        }

        let base = if has_own_plan {
            credentials.name.to_owned()
        } else {
            self.base_name(&applied)
        };
        let plan = self.plan(&base, Value::Object(document), !has_own_plan);
        self.note_shared(&applied, &plan);
        for index in applied.keys() {
            findings.became(&self.limiters[*index].plugin.origin, format!("plan {plan}"));
        }
        Assignment { plan, group }
    }

    /// Returns the plan of the callers of a public route, each of which is an address.
    pub(super) fn public(&mut self, route: Index, findings: &mut Findings) -> Option<String> {
        let request = Request {
            route: Some(route),
            service: self.configuration.routes[route].service,
            ..Request::default()
        };
        let mut applied = Applied::new();
        self.add_applied(&mut applied, request);
        if applied.is_empty() {
            return None;
        }

        let document = self.document(&applied, &[route], findings);
        for index in applied.keys() {
            let limiter = &self.limiters[*index];
            if limiter.by == CountedBy::Header {
                let text = "public routes are limited per address, not per value of a header";
                findings.laxer(&limiter.plugin.origin, text);
            }
        }
        // A plan is one count per address, so that two plugins need two plans.
        let base = self.base_name(&applied);
        let key = format!("public {applied_keys:?}", applied_keys = applied.keys());
        let plan = match self.by_document.get(&key) {
            Some(plan) => plan.clone(),
            None => {
                let plan = self.plan(&format!("{base}-public"), Value::Object(document), false);
                self.by_document.insert(key, plan.clone());
                plan
            }
        };
        self.note_shared(&applied, &plan);
        for index in applied.keys() {
            let result = format!("plan {plan}, per address on public routes");
            findings.became(&self.limiters[*index].plugin.origin, result);
        }
        Some(plan)
    }

    /// Reports counts for all callers that became several counts.
    pub(super) fn report_shared(&self, findings: &mut Findings) {
        for (index, plans) in &self.shared {
            if plans.len() > 1 {
                let text = format!(
                    "one count for all callers became one for each of {} plans",
                    plans.len()
                );
                findings.laxer(&self.limiters[*index].plugin.origin, text);
            }
        }
    }

    /// Returns the limiters of a consumer. Most consumers have the limits of others with the same
    /// groups.
    fn applied(&mut self, consumer: Index, routes: &[Index]) -> Applied {
        let groups = &self.configuration.consumers[consumer].groups;
        let has_own = self
            .limiters
            .iter()
            .any(|limiter| limiter.plugin.scope.consumer == Some(consumer));
        if let Some(known) = self.by_groups.get(groups).filter(|_| !has_own) {
            return known.clone();
        }

        let mut applied = Applied::new();
        // Kong selects one of several groups. The limits of all of them are stricter.
        let single: Vec<BTreeSet<String>> =
            groups.iter().map(|group| [group.clone()].into()).collect();
        let none = [BTreeSet::new()];
        let choices: &[BTreeSet<String>] = if single.is_empty() { &none } else { &single };
        for (route, groups) in routes
            .iter()
            .flat_map(|route| choices.iter().map(move |groups| (route, groups)))
        {
            let request = Request {
                route: Some(*route),
                service: self.configuration.routes[*route].service,
                consumer: Some(consumer),
                groups: Some(groups),
            };
            self.add_applied(&mut applied, request);
        }
        if !has_own {
            self.by_groups.insert(groups.clone(), applied.clone());
        }
        applied
    }

    fn add_applied(&self, applied: &mut Applied, request: Request<'_>) {
        for name in PLUGINS {
            let Some(plugin) = self.table.effective(name, request) else {
                continue;
            };
            let mut limiters = self.limiters.iter();
            let index = limiters.position(|limiter| std::ptr::eq(limiter.plugin, plugin));
            if let (Some(index), Some(route)) = (index, request.route) {
                applied.entry(index).or_default().insert(route);
            }
        }
    }

    /// Returns the fields of a plan that never admits more than the limiters.
    fn document(
        &self,
        applied: &Applied,
        routes: &[Index],
        findings: &mut Findings,
    ) -> Map<String, Value> {
        let (mut windows, mut buckets) = (Vec::new(), BTreeMap::<String, Bucket>::new());
        for (index, limited) in applied {
            let limiter = &self.limiters[*index];
            let key = (limited.len() < routes.len() && buckets.len() + 1 < MAX_ROUTES)
                .then(|| self.route_key(limited, &limiter.windows))
                .flatten()
                .filter(|key| !buckets.contains_key(key));
            let Some(key) = key else {
                self.report_scope(*index, limited.len() < routes.len(), findings);
                windows.extend_from_slice(&limiter.windows);
                continue;
            };

            let limit = bucket(&limiter.windows, None);
            let note = bucket_note(&limiter.windows, limit);
            findings.became(&limiter.plugin.origin, format!("{note} on {key}"));
            buckets.insert(key, limit);
        }

        let limits = plan_limits(&windows);
        for limiter in applied.keys().map(|index| &self.limiters[*index]) {
            let notes = limits.notes.iter();
            for note in notes.filter(|note| limiter.windows.contains(&note.window)) {
                findings.became(&limiter.plugin.origin, note.text.clone());
            }
        }
        let mut fields = limits.fields;
        if let Some(all) = limits.bucket {
            // The most specific bucket applies alone.
            buckets
                .values_mut()
                .for_each(|limit| *limit = limit.stricter(all));
            buckets.insert(ALL_ROUTES.to_owned(), all);
        }
        if !buckets.is_empty() {
            let routes: Map<_, _> = buckets
                .into_iter()
                .map(|(key, limit)| (key, limit.json()))
                .collect();
            fields.insert("routes".to_owned(), Value::Object(routes));
        }

        let limiters = || applied.keys().map(|index| &self.limiters[*index]);
        if limiters().any(|limiter| limiter.denies_on_failure) {
            fields.insert("on_store_failure".to_owned(), json!("deny"));
        }
        if limiters().any(|limiter| matches!(limiter.by, CountedBy::Service | CountedBy::Path)) {
            fields.insert("shared_by_plan".to_owned(), json!(true));
        }
        fields
    }

    /// Returns the only route key of the limited routes, if their windows fit into a bucket.
    fn route_key(&self, limited: &BTreeSet<Index>, windows: &[Window]) -> Option<String> {
        let mut routes = limited.iter();
        let (Some(route), None) = (routes.next(), routes.next()) else {
            return None;
        };
        if windows
            .iter()
            .any(|window| window.width() > MAX_BUCKET_WIDTH)
        {
            return None;
        }

        let declared = &self.configuration.routes[*route];
        let method = match declared.methods.as_slice() {
            [] => "ANY",
            [method] => method.as_str(),
            _ => return None,
        };
        let [path] = self.paths[*route].as_slice() else {
            return None;
        };
        match path.region.paths().as_slice() {
            [path] => Some(format!("{method} {path}")),
            _ => None,
        }
    }

    fn report_scope(&self, index: Index, is_partial: bool, findings: &mut Findings) {
        if is_partial {
            let text = "the limit counts calls to all routes that need credentials, which is stricter; \
                        a plan has no limit of this kind for some of its routes";
            findings.stricter(&self.limiters[index].plugin.origin, text);
        }
    }

    /// Reports counts that are not those of a consumer.
    fn report_counted_by(&self, applied: &Applied, findings: &mut Findings) {
        for index in applied.keys() {
            let limiter = &self.limiters[*index];
            let text = match limiter.by {
                CountedBy::Consumer | CountedBy::Credential | CountedBy::ConsumerGroup => continue,
                CountedBy::Service | CountedBy::Path => {
                    let text = "all callers of the plan share one count";
                    findings.became(&limiter.plugin.origin, text);
                    continue;
                }
                CountedBy::Address => "keys and tokens are limited per caller, not per address",
                CountedBy::Header => {
                    "keys and tokens are limited per caller, not per value of a header"
                }
            };
            findings.laxer(&limiter.plugin.origin, text);
        }
    }

    fn by_name(&self, index: Index) -> &'static str {
        match self.limiters[index].by {
            CountedBy::Credential => "credential",
            CountedBy::ConsumerGroup => "consumer-group",
            _ => "consumer",
        }
    }

    /// Returns a name for the limits, after the entities that they belong to.
    fn base_name(&self, applied: &Applied) -> String {
        if applied.is_empty() {
            return "unlimited".to_owned();
        }
        let names = applied.keys().map(|index| {
            let scope = &self.limiters[*index].plugin.scope;
            let consumer = scope.consumer.and_then(|index| {
                let consumer = &self.configuration.consumers[index];
                consumer
                    .username
                    .clone()
                    .or_else(|| consumer.custom_id.clone())
            });
            let route = || self.configuration.routes[scope.route?].name.clone();
            let service = || self.configuration.services[scope.service?].name.clone();
            let name = consumer.or_else(|| scope.group.clone()).or_else(route);
            name.or_else(service)
                .unwrap_or_else(|| "default".to_owned())
        });
        let names: BTreeSet<String> = names.collect();
        names.into_iter().collect::<Vec<_>>().join("-")
    }

    /// Returns the name of a plan with this document. If `may_reuse`, it can be a plan that exists.
    fn plan(&mut self, base: &str, document: Value, may_reuse: bool) -> String {
        let text = document.to_string();
        if may_reuse && let Some(name) = self.by_document.get(&text) {
            return name.clone();
        }

        let name = self.names.new_name(base);
        if may_reuse {
            self.by_document.insert(text, name.clone());
        }
        self.plans.insert(name.clone(), document);
        name
    }

    fn note_shared(&mut self, applied: &Applied, plan: &str) {
        for index in applied.keys() {
            if matches!(
                self.limiters[*index].by,
                CountedBy::Service | CountedBy::Path
            ) {
                self.shared
                    .entry(*index)
                    .or_default()
                    .insert(plan.to_owned());
            }
        }
    }
}
