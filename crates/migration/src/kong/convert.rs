//! The conversion of a configuration as a whole.

use std::collections::{HashMap, HashSet};

use declaration::{Declaration, DeclaredKey};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::acl::GroupList;
use super::address_lists::AddressLists;
use super::catalog::{Effect, effect};
use super::document::KongError;
use super::entities::{Configuration, Index, PluginTable, Route};
use super::guards::Guards;
use super::issuers::Issuers;
use super::keys::{self, Owner};
use super::names::Names;
use super::paths::{Fit, MappedPath, Region, map_path};
use super::plans::{Assignment, Credentials, Planner};
use super::rules::Rules;
use super::{POLICY, key_header, limiters};
use crate::Findings;

/// Returns the declaration.
///
/// # Errors
/// [`KongError`] if the configuration exceeds a bound.
pub(super) fn declaration(
    configuration: &Configuration,
    findings: &mut Findings,
) -> Result<Declaration, KongError> {
    report_plugins(configuration, findings);
    report_services(configuration, findings);

    let table = PluginTable::new(&configuration.plugins);
    let refusals: Vec<Option<String>> = (0..configuration.consumers.len())
        .map(|consumer| keys::refusal(configuration, consumer, findings))
        .collect();
    let addresses = AddressLists::read(configuration, findings);
    let is_refused = |index: Index| refusals[index].is_some() || addresses.has_own_list(index);
    let issuers = Issuers::read(configuration, is_refused, findings);
    let limiters = limiters::read(configuration, findings);
    let paths: Vec<Vec<MappedPath>> = configuration.routes.iter().map(route_paths).collect();

    let mut planner = Planner::new(configuration, &table, &limiters, &paths);
    let guards = Guards::new(configuration, &table, &issuers, &addresses);
    let mut routes = Vec::new();
    for (index, route) in configuration.routes.iter().enumerate() {
        if !is_served(configuration, route, findings) {
            continue;
        }
        let access = match guards.access(index, findings) {
            Access::Open { .. } => Access::Open {
                plan: planner.public(index, findings),
            },
            other => other,
        };
        routes.push((index, route, paths[index].as_slice(), access));
    }

    let rules = Rules::new(routes.into_iter(), findings)?;
    rules.report(findings);
    let guarded = rules.guarded_routes();
    let consumers = Consumers {
        configuration,
        issuers: &issuers,
        addresses: &addresses,
        refusals: &refusals,
        groups: group_lists(configuration),
    };
    let (keys, plan_of) = consumers.declare(&mut planner, &guarded, findings);
    planner.report_shared(findings);

    let header = key_header::read(configuration, findings);
    let policy = policy(
        header,
        issuers.documents(|index| plan_of.get(&index).cloned()),
        &rules,
    );
    Ok(Declaration {
        plans: planner.plans,
        policies: policy
            .into_iter()
            .map(|policy| (POLICY.to_owned(), policy))
            .collect(),
        keys,
        ..Declaration::default()
    })
}

/// Returns the policy, unless there is no route.
fn policy(header: Option<&str>, issuers: Vec<Value>, rules: &Rules<'_>) -> Option<Value> {
    let rules = rules.documents();
    if rules.is_empty() {
        return None;
    }

    let mut policy = Map::new();
    if let Some(header) = header {
        policy.insert("api_keys".to_owned(), json!({"header": header}));
    }
    if !issuers.is_empty() {
        policy.insert("issuers".to_owned(), Value::Array(issuers));
    }
    policy.insert("rules".to_owned(), Value::Array(rules));
    Some(Value::Object(policy))
}

fn report_plugins(configuration: &Configuration, findings: &mut Findings) {
    for plugin in &configuration.plugins {
        match effect(&plugin.name) {
            Effect::Harmless(text) => findings.not_mapped(&plugin.origin, text),
            Effect::Filter(text) => {
                findings.laxer(&plugin.origin, format!("it refuses some requests; {text}"));
            }
            Effect::Converted | Effect::Guard => {}
        }
    }
}

fn report_services(configuration: &Configuration, findings: &mut Findings) {
    for (index, service) in configuration.services.iter().enumerate() {
        let routes = configuration.routes.iter();
        let paths: Vec<&str> = routes
            .filter(|route| route.service == Some(index))
            .flat_map(|route| route.paths.iter().map(String::as_str))
            .collect();
        let url = service.url.as_deref().unwrap_or("its address");
        let text = if paths.is_empty() {
            format!("point a listener rule of the load balancer to the targets of {url}")
        } else {
            format!(
                "point a listener rule of the load balancer for {} to the targets of {url}",
                paths.join(", ")
            )
        };
        findings.not_mapped(&service.origin, text);
    }
}

/// True if Kong serves a route. Reports the parts that the load balancer has to do.
fn is_served(configuration: &Configuration, route: &Route, findings: &mut Findings) -> bool {
    let service = route.service.map(|index| &configuration.services[index]);
    if service.is_some_and(|service| !service.is_enabled) {
        findings.not_mapped(&route.origin, "its service is disabled, so it has no rule");
        return false;
    }
    if !route.is_http {
        findings.not_mapped(&route.origin, "it is not for HTTP, so it has no rule");
        return false;
    }
    if route.unknown.is_some() && route.paths.is_empty() {
        let text = "it is not known which requests it selects, so that other rules may admit them";
        findings.laxer(&route.origin, text);
        return false;
    }

    if !route.hosts.is_empty() || route.headers > 0 || route.snis > 0 {
        let text =
            "rules do not distinguish hosts, headers and server names, so its rules apply to all";
        findings.warning(&route.origin, text);
    }
    let has_prefix = route.paths.iter().any(|path| path != "/");
    if route.strips_path && has_prefix && service.is_some() {
        let text = "Kong removes the path of the route (`strip_path`); the service now receives the whole path, \
                    unless the listener rule rewrites it";
        findings.warning(&route.origin, text);
    }
    true
}

fn route_paths(route: &Route) -> Vec<MappedPath> {
    if route.paths.is_empty() {
        return vec![MappedPath {
            region: Region {
                segments: Vec::new(),
                is_open_ended: true,
            },
            fit: Fit::Exact,
            has_siblings: false,
            is_regex: false,
        }];
    }
    let paths = route.paths.iter();
    paths
        .map(|path| map_path(path, route.has_unmarked_regex))
        .collect()
}

/// Returns the lists of all instances of `acl`. Invalid ones close their routes.
fn group_lists(configuration: &Configuration) -> Vec<GroupList> {
    let plugins = configuration.plugins.iter();
    let lists = plugins.filter(|plugin| plugin.name == "acl");
    lists
        .filter_map(|plugin| GroupList::read(plugin).ok())
        .collect()
}

/// Converts consumers.
struct Consumers<'c> {
    configuration: &'c Configuration,
    issuers: &'c Issuers,
    addresses: &'c AddressLists,
    /// The reason why a consumer is refused, by consumer.
    refusals: &'c [Option<String>],
    groups: Vec<GroupList>,
}

impl Consumers<'_> {
    /// Returns the keys, and the plans of consumers.
    fn declare(
        &self,
        planner: &mut Planner<'_>,
        guarded: &[Index],
        findings: &mut Findings,
    ) -> (Vec<DeclaredKey>, HashMap<Index, String>) {
        let (mut declared, mut plans) = (Vec::new(), HashMap::new());
        let (mut names, mut known_hashes) = (Names::default(), HashSet::new());
        for (index, consumer) in self.configuration.consumers.iter().enumerate() {
            let key_ids = keys::key_ids(consumer, &mut names);
            let issuers = self.issuers.count(index);
            if key_ids.is_empty() && issuers == 0 {
                let text = "it has neither a key nor a token that can be converted";
                findings.not_mapped(&consumer.origin, text);
                continue;
            }

            let base = consumer
                .username
                .as_deref()
                .or(consumer.custom_id.as_deref());
            let credentials = Credentials {
                name: key_ids
                    .first()
                    .map(String::as_str)
                    .or(base)
                    .unwrap_or("consumer"),
                keys: key_ids.len(),
                issuers,
            };
            let assignment = planner.consumer(index, credentials, guarded, findings);
            plans.insert(index, assignment.plan.clone());
            let owner = self.owner(index, &assignment, findings);
            for (credential, key_id) in consumer.keys.iter().zip(&key_ids) {
                declared.push(owner.key(credential, key_id, &mut known_hashes, findings));
            }
        }
        (declared, plans)
    }

    fn owner<'o>(
        &'o self,
        index: Index,
        assignment: &'o Assignment,
        findings: &mut Findings,
    ) -> Owner<'o> {
        let consumer = &self.configuration.consumers[index];
        let (allowed_ips, has_problem) = match self.addresses.of_consumer(index) {
            Ok(addresses) => (addresses, false),
            Err(problem) => {
                let text = format!("{problem}, so its keys are disabled");
                findings.closed(&consumer.origin, text);
                (None, true)
            }
        };

        Owner {
            consumer,
            assignment,
            is_refused: has_problem || self.refusals[index].is_some(),
            allowed_ips,
            groups: &self.groups,
        }
    }
}
