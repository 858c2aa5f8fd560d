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
use super::paths::{Fit, MappedPath, Region, Segment};
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
    path: String,
    region: Region,
}

/// The method of a rule, and the identity of its region.
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

/// One of two rules that are compared.
struct Choice<'r> {
    /// True for the rule that may have to become stricter.
    is_weaker: bool,
    access: &'r Access,
}

impl Demands for Choice<'_> {
    fn demands_more_than(&self, other: &Self) -> bool {
        self.access.demands_more_than(other.access)
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
        rules.sort_by_key(|((method, _), rule)| (rule.path.clone(), method.clone()));
        let rules = rules.into_iter();
        rules
            .map(|((method, _), rule)| rule.access.rule(&format!("{method} {}", rule.path)))
            .collect()
    }

    /// Reports what each route became.
    pub(super) fn report(&self, findings: &mut Findings) {
        for ((method, _), rule) in &self.rules {
            for owner in &rule.owners {
                let result = format!("rule {method} {}: {}", rule.path, rule.access.text());
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

        let (access, keys) = (access.clone(), path.region.keys());
        for method in methods(route, findings) {
            for (path, region) in &keys {
                let rule = Rule {
                    access: access.clone(),
                    owners: vec![position],
                    path: path.clone(),
                    region: region.clone(),
                };
                self.insert(&method, rule, position, findings);
            }
        }
    }

    /// Adds a rule, or makes an existing one as strict.
    fn insert(&mut self, method: &str, added: Rule, owner: usize, findings: &mut Findings) {
        let key = (method.to_owned(), added.region.identity());
        let Some(rule) = self.rules.get_mut(&key) else {
            self.rules.insert(key, added);
            return;
        };

        if !rule.owners.contains(&owner) {
            rule.owners.push(owner);
        }
        let access = &added.access;
        if rule.access == *access {
            return;
        }
        let origin = &self.matches[owner].route.origin;
        if let (Access::Open { plan: Some(known) }, Access::Open { plan: Some(other) }) =
            (&rule.access, access)
        {
            let text = format!(
                "{method} {}: limited by plan {known}, not also by plan {other}",
                rule.path
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
            "{method} {}: Kong distinguishes it from {} by other conditions; one rule applies to all, and {}",
            rule.path,
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
            let changes = self.weaker_rules();
            if changes.is_empty() {
                break;
            }
            for (key, winner) in changes {
                self.tighten(&key, winner, findings);
            }
        }

        for (key, winner) in self.weaker_rules() {
            let text = format!("rule {} {} admits requests that Kong refuses", key.0, key.1);
            findings.laxer(&self.matches[winner].route.origin, text);
        }
        self.report_siblings(findings);
    }

    /// Makes a rule as strict as a route. If the route has methods, other methods keep their access.
    fn tighten(&mut self, key: &Key, winner: usize, findings: &mut Findings) {
        let strict = &self.matches[winner];
        let Some(rule) = self.rules.get(key).cloned() else {
            return;
        };
        let added = Rule {
            access: strict.access.clone(),
            ..rule.clone()
        };
        if key.0 != ANY || strict.route.methods.is_empty() {
            return self.insert(&key.0, added, winner, findings);
        }

        for method in methods(strict.route, &mut Findings::default()) {
            self.rules
                .entry((method.clone(), key.1.clone()))
                .or_insert_with(|| rule.clone());
            self.insert(&method, added.clone(), winner, findings);
        }
    }

    /// Returns the rules that admit what Kong might refuse, each with the match that Kong might
    /// select.
    fn weaker_rules(&self) -> Vec<(Key, usize)> {
        let mut weaker = Vec::new();
        for (winner, strict) in self.matches.iter().enumerate() {
            if matches!(strict.access, Access::Open { .. }) {
                continue;
            }
            let rules = self
                .rules
                .iter()
                .filter(|(key, rule)| self.is_weaker(strict, key, rule));
            weaker.extend(rules.map(|(key, _)| (key.clone(), winner)));
        }
        weaker
    }

    /// True if a rule applies to requests for which Kong might select `strict`, and requires less.
    fn is_weaker(&self, strict: &Match<'_>, (method, identity): &Key, rule: &Rule) -> bool {
        if rule.access.covers(&strict.access) || !self.may_lose(strict, rule) {
            return false;
        }
        let common = strict.path.region.common_paths(&rule.region);
        let is_sibling = is_sibling(strict, &rule.region);
        if common.is_empty() && !is_sibling {
            return false;
        }

        let mut methods = METHODS.into_iter().filter(|known| {
            let declared = &strict.route.methods;
            let is_strict = declared.is_empty() || declared.iter().any(|method| method == known);
            // A rule for this method applies instead of the one for any method.
            let has_own = || {
                self.rules
                    .contains_key(&((*known).to_owned(), identity.clone()))
            };
            is_strict && (method == known || method == ANY && !has_own())
        });
        methods.any(|method| {
            is_sibling
                || common
                    .iter()
                    .any(|path| is_selected(rule, strict, method, path))
        })
    }

    fn may_lose(&self, strict: &Match<'_>, rule: &Rule) -> bool {
        let mut owners = rule.owners.iter().map(|owner| &self.matches[*owner]);
        owners.any(|owner| may_win(strict, owner))
    }

    /// Reports weaker rules for paths that only Kong's comparison of text assigns to a route.
    fn report_siblings(&self, findings: &mut Findings) {
        for strict in &self.matches {
            if !strict.path.has_siblings || matches!(strict.access, Access::Open { .. }) {
                continue;
            }
            if let Some(sibling) = siblings(&strict.path.region) {
                let path = sibling.path();
                let weaker = self.rules.iter().find(|(_, rule)| {
                    !rule.access.covers(&strict.access)
                        && !rule.region.common_paths(&sibling).is_empty()
                        && self.may_lose(strict, rule)
                });
                if let Some(((method, _), rule)) = weaker {
                    let text = format!(
                        "{}: Kong also selects paths such as {path}, which the rule {method} {} admits with less",
                        strict.text, rule.path
                    );
                    findings.laxer(&strict.route.origin, text);
                }
            }
        }
    }
}

/// True if a policy with the rule and the rules of `strict` alone applies the rule to a request.
fn is_selected(rule: &Rule, strict: &Match<'_>, method: &str, path: &str) -> bool {
    let mut table = PathRules::new(PathOptions::default());
    let keys = strict.path.region.paths();
    let strict_keys = keys.iter().map(|path| (ANY, path, &strict.access, false));
    // A more specific method takes precedence over a more general one of the same path only.
    let weaker_key = (method, &rule.path, &rule.access, true);
    for (method, path, access, is_weaker) in std::iter::once(weaker_key).chain(strict_keys) {
        if let Ok(key) = format!("{method} {path}").parse::<RouteKey>() {
            let _ = table.insert(key, Choice { is_weaker, access });
        }
    }

    let choice = table.choose(method, path).ok().flatten();
    choice.is_some_and(|choice| choice.is_weaker)
}

/// True if Kong's comparison of text assigns paths of a rule to a route, such as `/orders-old` to
/// `/orders`.
fn is_sibling(strict: &Match<'_>, rule: &Region) -> bool {
    let mut sibling = strict.path.region.clone();
    let position = sibling.segments.len().saturating_sub(1);
    let (Some(Segment::Literal(last)), Some(Segment::Literal(longer))) =
        (sibling.segments.last_mut(), rule.segments.get(position))
    else {
        return false;
    };
    if !strict.path.has_siblings || longer == last || !longer.starts_with(last.as_str()) {
        return false;
    }

    longer.clone_into(last);
    sibling.is_open_ended = true;
    !sibling.common_paths(rule).is_empty()
}

/// Returns a region whose last segment continues the one of the route, and everything below it.
fn siblings(region: &Region) -> Option<Region> {
    let mut sibling = region.clone();
    let Some(Segment::Literal(last)) = sibling.segments.last_mut() else {
        return None;
    };
    last.push_str("-x");
    sibling.is_open_ended = true;
    Some(sibling)
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
