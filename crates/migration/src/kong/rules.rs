//! The rules of the policy, and the comparison of their precedence with Kong's.
//!
//! Kong selects a route by the number of its conditions first, then by regular expressions and the
//! length of prefixes. A policy selects the most specific path. Wherever Kong might select a
//! stricter route, the rule becomes as strict, or the difference is reported.

use std::collections::BTreeMap;

use routes::{Demands, PathOptions, PathRules, RouteKey};
use serde_json::Value;

use super::access::Access;
use super::document::KongError;
use super::entities::{Index, Route};
use super::paths::{Fit, MappedPath};
use crate::Findings;

/// The largest number of paths that are compared with each other.
const MAX_MATCHES: usize = 4_000;
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const ANY: &str = "ANY";
/// The number of rounds in which rules become stricter. Each round makes at least one rule
/// stricter, so that a higher bound is never needed for real files.
const MAX_ROUNDS: usize = 100;

/// One path of one route.
struct Match<'c> {
    route: &'c Route,
    index: Index,
    path: &'c MappedPath,
    text: &'c str,
    access: Access,
}

/// A rule, and the matches that it was made from.
#[derive(Clone, Debug)]
struct Rule {
    access: Access,
    owners: Vec<usize>,
}

/// The method and the path of a rule.
type Key = (String, String);

/// The precedence of a route in Kong.
#[derive(Debug, PartialEq, PartialOrd)]
struct Rank {
    conditions: usize,
    has_plain_hosts: bool,
    headers: usize,
    is_regex: bool,
    regex_priority: f64,
    length: usize,
}

/// A rule in the table of the policy.
struct Choice {
    key: Key,
    access: Access,
}

impl Demands for Choice {
    fn demands_more_than(&self, other: &Self) -> bool {
        !other.access.covers(&self.access)
    }
}

/// The rules of all routes.
pub(super) struct Rules<'c> {
    matches: Vec<Match<'c>>,
    rules: BTreeMap<Key, Rule>,
}

impl<'c> Rules<'c> {
    /// Makes the rules of routes. `routes` has the index, the paths and the access of each.
    ///
    /// # Errors
    /// [`KongError`] if there are too many paths to compare.
    pub(super) fn new(
        routes: impl Iterator<Item = (Index, &'c Route, &'c [MappedPath], Access)>,
        findings: &mut Findings,
    ) -> Result<Self, KongError> {
        let mut rules = Self {
            matches: Vec::new(),
            rules: BTreeMap::new(),
        };
        for (index, route, paths, access) in routes {
            for (position, path) in paths.iter().enumerate() {
                rules.matches.push(Match {
                    route,
                    index,
                    path,
                    text: route.paths.get(position).map_or("/", String::as_str),
                    access: access.clone(),
                });
            }
        }
        if rules.matches.len() > MAX_MATCHES {
            let problem = format!("more than {MAX_MATCHES} paths of routes");
            return Err(KongError::new("the configuration", problem));
        }

        for position in 0..rules.matches.len() {
            rules.add(position, findings);
        }
        rules.compare(findings);
        Ok(rules)
    }

    /// Returns the documents of the rules.
    pub(super) fn documents(&self) -> Vec<Value> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|((method, path), _)| (path.clone(), method.clone()));
        let rules = rules.into_iter();
        rules
            .map(|((method, path), rule)| rule.access.rule(&format!("{method} {path}")))
            .collect()
    }

    /// Reports what each route became.
    pub(super) fn report(&self, findings: &mut Findings) {
        for ((method, path), rule) in &self.rules {
            for owner in &rule.owners {
                let result = format!("rule {method} {path}: {}", rule.access.text());
                findings.became(&self.matches[*owner].route.origin, result);
            }
        }
    }

    /// Returns the routes with a rule that accepts credentials.
    pub(super) fn guarded_routes(&self) -> Vec<Index> {
        let rules = self.rules.values();
        let guarded = rules.filter(|rule| matches!(rule.access, Access::Guarded(_)));
        let owners = guarded.flat_map(|rule| &rule.owners);
        let mut routes: Vec<Index> = owners.map(|owner| self.matches[*owner].index).collect();
        routes.sort_unstable();
        routes.dedup();
        routes
    }

    /// Adds the rules of one path.
    fn add(&mut self, position: usize, findings: &mut Findings) {
        let Match {
            route,
            path,
            text,
            access,
            ..
        } = &self.matches[position];
        let is_open = matches!(access, Access::Open { .. });
        if path.fit != Fit::Exact && is_open {
            let reason =
                "the path has no exact equivalent, and the route is public, so it has no rule";
            findings.closed(&route.origin, format!("{text}: {reason}"));
            return;
        }
        if path.fit != Fit::Exact {
            let keys = path.region.paths().join(", ");
            let reason =
                format!("the path has no exact equivalent, so its rule applies to all of {keys}");
            findings.stricter(&route.origin, format!("{text}: {reason}"));
        }

        let (access, paths) = (access.clone(), path.region.paths());
        for method in methods(route, findings) {
            for path in &paths {
                self.insert((method.clone(), path.clone()), &access, position, findings);
            }
        }
    }

    /// Adds a rule, or makes an existing one as strict.
    fn insert(&mut self, key: Key, access: &Access, owner: usize, findings: &mut Findings) {
        let Some(rule) = self.rules.get_mut(&key) else {
            let rule = Rule {
                access: access.clone(),
                owners: vec![owner],
            };
            self.rules.insert(key, rule);
            return;
        };

        if !rule.owners.contains(&owner) {
            rule.owners.push(owner);
        }
        if rule.access == *access {
            return;
        }
        let origin = &self.matches[owner].route.origin;
        if let (Access::Open { plan: Some(known) }, Access::Open { plan: Some(added) }) =
            (&rule.access, access)
        {
            let text = format!(
                "{} {}: limited by plan {known}, not also by plan {added}",
                key.0, key.1
            );
            findings.laxer(origin, text);
            return;
        }

        let combined = match (&rule.access, access) {
            // A limit makes a public route stricter.
            (Access::Open { plan: None }, Access::Open { plan: Some(_) }) => access.clone(),
            _ => rule.access.combined(access),
        };
        let others = rule.owners.iter().filter(|known| **known != owner);
        let others: Vec<&str> = others
            .map(|known| self.matches[*known].route.origin.what.as_str())
            .collect();
        let text = format!(
            "{} {}: Kong distinguishes it from {} by other conditions; one rule applies to all, and {}",
            key.0,
            key.1,
            others.join(", "),
            combined.text()
        );
        if combined == Access::Closed && *access != Access::Closed {
            findings.closed(origin, text);
        } else {
            findings.stricter(origin, text);
        }
        rule.access = combined;
    }

    /// Makes rules stricter until none admits what Kong might refuse.
    fn compare(&mut self, findings: &mut Findings) {
        for _ in 0..MAX_ROUNDS {
            let table = self.table();
            let changes = self.stricter_rules(&table);
            if changes.is_empty() {
                break;
            }
            for (key, winner) in changes {
                let access = self.matches[winner].access.clone();
                self.insert_stricter(key, &access, winner, findings);
            }
        }

        let table = self.table();
        for (key, winner) in self.stricter_rules(&table) {
            let text = format!("rule {} {} admits requests that Kong refuses", key.0, key.1);
            findings.laxer(&self.matches[winner].route.origin, text);
        }
        self.report_siblings(&table, findings);
    }

    fn insert_stricter(
        &mut self,
        key: Key,
        access: &Access,
        winner: usize,
        findings: &mut Findings,
    ) {
        let any = (ANY.to_owned(), key.1.clone());
        if !self.rules.contains_key(&key)
            && let Some(rule) = self.rules.get(&any)
        {
            // A rule for one method keeps the others as they are.
            let rule = rule.clone();
            self.rules.insert(key.clone(), rule);
        }
        self.insert(key, access, winner, findings);
    }

    fn table(&self) -> PathRules<Choice> {
        let mut table = PathRules::new(PathOptions::default());
        for (key, rule) in &self.rules {
            let choice = Choice {
                key: key.clone(),
                access: rule.access.clone(),
            };
            // Keys are distinct apart from the names of variables. The first of two equal ones is the
            // one that is found, and the other one is compared with it by its owners.
            if let Ok(parsed) = format!("{} {}", key.0, key.1).parse::<RouteKey>() {
                let _ = table.insert(parsed, choice);
            }
        }
        table
    }

    /// Returns the rules that must become stricter, each with the match that Kong might select.
    fn stricter_rules(&self, table: &PathRules<Choice>) -> Vec<(Key, usize)> {
        let mut changes = Vec::new();
        for (winner, strict) in self.matches.iter().enumerate() {
            if matches!(strict.access, Access::Open { .. }) {
                continue;
            }
            let others = self.matches.iter().filter(|other| may_lose(strict, other));
            for path in others.flat_map(|other| strict.path.region.common_paths(&other.path.region))
            {
                changes.extend(
                    self.weaker_rules(table, strict, &path)
                        .map(|key| (key, winner)),
                );
            }
        }
        changes.sort();
        changes.dedup();
        changes
    }

    /// Returns the rules that admit requests of `strict` to this path with less access.
    fn weaker_rules<'t>(
        &'t self,
        table: &'t PathRules<Choice>,
        strict: &'t Match<'c>,
        path: &'t str,
    ) -> impl Iterator<Item = Key> + 't {
        let declared = &strict.route.methods;
        let methods = METHODS
            .iter()
            .filter(|method| declared.is_empty() || declared.iter().any(|known| known == *method));
        methods.filter_map(move |method| {
            let choice = table.choose(method, path).ok().flatten()?;
            if choice.access.covers(&strict.access) {
                return None;
            }

            let rule = self.rules.get(&choice.key)?;
            let mut owners = rule.owners.iter().map(|owner| &self.matches[*owner]);
            if !owners.any(|owner| may_win(strict, owner)) {
                return None;
            }
            let method = if declared.is_empty() {
                choice.key.0.clone()
            } else {
                (*method).to_owned()
            };
            Some((method, choice.key.1.clone()))
        })
    }

    /// Reports weaker rules for paths that only Kong's comparison of text assigns to a route.
    fn report_siblings(&self, table: &PathRules<Choice>, findings: &mut Findings) {
        for strict in &self.matches {
            if !strict.path.has_siblings || matches!(strict.access, Access::Open { .. }) {
                continue;
            }
            for path in sibling_paths(strict) {
                if let Some((method, rule)) = self.weaker_rules(table, strict, &path).next() {
                    let text = format!(
                        "{}: Kong also selects paths such as {path}, which the rule {method} {rule} admits with less",
                        strict.text
                    );
                    findings.laxer(&strict.route.origin, text);
                }
            }
        }
    }
}

/// Returns a path whose last segment continues the one of the route.
fn sibling_paths(strict: &Match<'_>) -> Vec<String> {
    let closed = super::paths::Region {
        is_open_ended: false,
        ..strict.path.region.clone()
    };
    let paths = closed.common_paths(&closed).into_iter();
    paths.map(|path| format!("{path}-x")).collect()
}

/// True if `other` requires less, and Kong might select `strict` for a request that both match.
fn may_lose(strict: &Match<'_>, other: &Match<'_>) -> bool {
    !other.access.covers(&strict.access) && may_win(strict, other)
}

/// True if Kong might select `one` for a request that both match.
fn may_win(one: &Match<'_>, other: &Match<'_>) -> bool {
    // A condition on the host or a header may fail, so that the other route does not match.
    let is_conditional =
        !other.route.hosts.is_empty() || other.route.headers > 0 || other.route.snis > 0;
    let is_unknown = other.path.fit != Fit::Exact || one.route.unknown.is_some();
    is_conditional || is_unknown || rank(one) >= rank(other)
}

fn rank(found: &Match<'_>) -> Rank {
    let route = found.route;
    let conditions = [
        !route.methods.is_empty(),
        !route.hosts.is_empty(),
        route.headers > 0,
        route.snis > 0,
        !route.paths.is_empty(),
    ];
    let is_regex = found.path.is_regex;
    Rank {
        conditions: conditions.iter().filter(|is_set| **is_set).count(),
        has_plain_hosts: !route.hosts.is_empty()
            && !route.hosts.iter().any(|host| host.contains('*')),
        headers: route.headers,
        is_regex,
        regex_priority: if is_regex { route.regex_priority } else { 0.0 },
        length: if is_regex { 0 } else { found.text.len() },
    }
}

/// Returns the methods of a route's rules.
fn methods(route: &Route, findings: &mut Findings) -> Vec<String> {
    if route.methods.is_empty() {
        return vec![ANY.to_owned()];
    }
    let (known, other): (Vec<_>, Vec<_>) = route
        .methods
        .iter()
        .cloned()
        .partition(|method| METHODS.contains(&method.as_str()));
    for method in other {
        let text = format!("HTTP APIs have no route for the method {method}, so it is refused");
        findings.not_mapped(&route.origin, text);
    }
    known
}
