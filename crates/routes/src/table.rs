//! Chooses one route among many.

use std::collections::HashMap;

use crate::key::{RouteKey, Segment};

/// Route keys with values, searched in the precedence of API Gateway:
///
/// - a full match before a greedy one
/// - in each segment, literal text before a variable
/// - the method itself before `ANY`
///
/// The order of insertion has no effect. A route whose path matches but whose method does not is
/// not a match.
#[derive(Clone, Debug)]
pub struct RouteTable<T> {
    routes: Vec<(RouteKey, T)>,
    root: Node,
}

/// The error for a route key that matches the same requests as another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{second}` matches the same requests as `{first}`")]
pub struct DuplicateRoute {
    first: String,
    second: String,
}

/// The route for a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'t, 'p, T> {
    /// The key that matched.
    pub key: &'t RouteKey,
    /// The value of the key.
    pub value: &'t T,
    /// The variables with their values, in the order of the path.
    pub parameters: Vec<(&'t str, &'p str)>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    variable: Option<Box<Node>>,
    /// Routes that end here.
    ending: Methods,
    /// Routes that match all remaining segments, at least one.
    greedy: Methods,
}

/// The indexes of routes by method.
#[derive(Clone, Debug, Default)]
struct Methods {
    named: Vec<(&'static str, usize)>,
    any: Option<usize>,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            root: Node::default(),
        }
    }
}

impl<T> RouteTable<T> {
    /// Adds a route.
    ///
    /// # Errors
    /// [`DuplicateRoute`] if there is a route with the same method and the same path, apart from
    /// the names of variables.
    pub fn insert(&mut self, key: RouteKey, value: T) -> Result<(), DuplicateRoute> {
        let index = self.routes.len();
        let methods = self.root.methods_for(key.segments());
        if let Some(first) = methods.insert(key.method(), index) {
            return Err(DuplicateRoute {
                first: self.routes[first].0.to_string(),
                second: key.to_string(),
            });
        }

        self.routes.push((key, value));
        Ok(())
    }

    /// Returns the most specific route for a request. `path` begins with `/`, and is neither
    /// decoded nor normalized.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, method: &str, path: &'p str) -> Option<Match<'t, 'p, T>> {
        let rest = path.strip_prefix('/')?;
        let index = self
            .root
            .full_match(method, Some(rest))
            .or_else(|| self.root.greedy_match(method, rest))?;

        let (key, value) = &self.routes[index];
        Some(Match {
            key,
            value,
            parameters: parameters(key, rest),
        })
    }

    /// Like [`Self::find`] without the variables, so it allocates nothing.
    #[must_use]
    pub(crate) fn lookup(&self, method: &str, path: &str) -> Option<(&RouteKey, &T)> {
        let rest = path.strip_prefix('/')?;
        let index = self
            .root
            .full_match(method, Some(rest))
            .or_else(|| self.root.greedy_match(method, rest))?;
        let (key, value) = &self.routes[index];
        Some((key, value))
    }

    /// Returns routes that do not match `path` but cover the same resource: `/x/{proxy+}` for `/x`
    /// and `/x/`, and `/x/` for `/x`. Returns none if the path itself has a route for this method.
    pub(crate) fn guards(&self, method: &str, path: &str) -> impl Iterator<Item = (&RouteKey, &T)> {
        let rest = path.strip_prefix('/').filter(|rest| !rest.is_empty());
        let found = rest.and_then(|rest| match rest.strip_suffix('/') {
            Some(rest) => self.root.guards(method, Some(rest), true),
            None => self.root.guards(method, Some(rest), false),
        });
        found
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .map(|index| {
                let (key, value) = &self.routes[index];
                (key, value)
            })
    }

    /// Returns all routes, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&RouteKey, &T)> {
        self.routes.iter().map(|(key, value)| (key, value))
    }

    /// Returns the number of routes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// True if there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

fn parameters<'t, 'p>(key: &'t RouteKey, path: &'p str) -> Vec<(&'t str, &'p str)> {
    let mut rest = path;
    let mut found = Vec::new();
    for segment in key.segments() {
        let (head, tail) = split_segment(rest);
        match segment {
            Segment::Literal(_) => {}
            Segment::Variable(name) => found.push((name.as_str(), head)),
            Segment::Greedy(name) => found.push((name.as_str(), rest)),
        }
        rest = tail.unwrap_or_default();
    }
    found
}

/// Returns the first segment of a path, and the rest after its slash, if there is one.
fn split_segment(path: &str) -> (&str, Option<&str>) {
    path.split_once('/')
        .map_or((path, None), |(head, tail)| (head, Some(tail)))
}

impl Node {
    fn methods_for(&mut self, segments: &[Segment]) -> &mut Methods {
        let mut node = self;
        for segment in segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Variable(_) => node.variable.get_or_insert_default(),
                Segment::Greedy(_) => return &mut node.greedy,
            };
        }
        &mut node.ending
    }

    /// Finds a route without a greedy variable. `rest` is `None` after the end of the path. Visits
    /// each node at most once.
    fn full_match(&self, method: &str, rest: Option<&str>) -> Option<usize> {
        let Some(rest) = rest else {
            return self.ending.find(method);
        };
        let (head, tail) = split_segment(rest);
        let literal = self
            .literals
            .get(head)
            .and_then(|node| node.full_match(method, tail));
        literal.or_else(|| self.variable_for(head)?.full_match(method, tail))
    }

    fn greedy_match(&self, method: &str, rest: &str) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        let (head, tail) = split_segment(rest);
        let deeper = tail.and_then(|tail| {
            let literal = self
                .literals
                .get(head)
                .and_then(|node| node.greedy_match(method, tail));
            literal.or_else(|| self.variable_for(head)?.greedy_match(method, tail))
        });
        deeper.or_else(|| self.greedy.find(method))
    }

    /// Returns `None` if no route below covers the path, so that less specific branches are
    /// searched.
    fn guards(&self, method: &str, rest: Option<&str>, slash: bool) -> Option<[Option<usize>; 2]> {
        let Some(rest) = rest else {
            let with_slash = self
                .literals
                .get("")
                .and_then(|node| node.ending.find(method));
            let own = if slash {
                with_slash
            } else {
                self.ending.find(method)
            };
            let guards = [with_slash, self.greedy.find(method)];
            return if own.is_some() {
                Some([None, None])
            } else {
                Some(guards).filter(|guards| guards.iter().any(Option::is_some))
            };
        };
        let (head, tail) = split_segment(rest);

        let literal = self
            .literals
            .get(head)
            .and_then(|node| node.guards(method, tail, slash));
        literal.or_else(|| self.variable_for(head)?.guards(method, tail, slash))
    }

    fn variable_for(&self, segment: &str) -> Option<&Node> {
        if segment.is_empty() {
            None
        } else {
            self.variable.as_deref()
        }
    }
}

impl Methods {
    fn find(&self, method: &str) -> Option<usize> {
        self.named
            .iter()
            .find(|(known, _)| *known == method)
            .map(|(_, index)| *index)
            .or(self.any)
    }

    /// Inserts an index, or returns the index that the method already has.
    fn insert(&mut self, method: Option<&'static str>, index: usize) -> Option<usize> {
        match method {
            None if self.any.is_some() => return self.any,
            None => self.any = Some(index),
            Some(method) => {
                if let Some((_, earlier)) = self.named.iter().find(|(known, _)| *known == method) {
                    return Some(*earlier);
                }
                self.named.push((method, index));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(keys: &[&str]) -> RouteTable<String> {
        let mut table = RouteTable::default();
        for key in keys {
            table
                .insert(key.parse().unwrap(), (*key).to_owned())
                .unwrap();
        }
        table
    }

    fn chosen<'t>(table: &'t RouteTable<String>, method: &str, path: &str) -> Option<&'t str> {
        table.find(method, path).map(|found| found.value.as_str())
    }

    /// The example of AWS's page on routing.
    #[test]
    fn documented_example_is_routed_as_documented() {
        let table = table(&[
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
        ]);
        assert_eq!(
            chosen(&table, "GET", "/pets/dog/1"),
            Some("GET /pets/dog/1")
        );
        assert_eq!(
            chosen(&table, "GET", "/pets/dog/2"),
            Some("GET /pets/dog/{id}")
        );
        assert_eq!(
            chosen(&table, "GET", "/pets/cat/1"),
            Some("GET /pets/{proxy+}")
        );
        assert_eq!(chosen(&table, "POST", "/test/5"), Some("ANY /{proxy+}"));
    }

    #[test]
    fn full_match_precedes_a_longer_greedy_one() {
        let table = table(&["GET /a/{proxy+}", "GET /{x}/b"]);
        assert_eq!(chosen(&table, "GET", "/a/b"), Some("GET /{x}/b"));
        assert_eq!(chosen(&table, "GET", "/a/c"), Some("GET /a/{proxy+}"));
    }

    #[test]
    fn path_is_compared_before_the_method() {
        let table = table(&[
            "ANY /pets/1",
            "GET /pets/{id}",
            "GET /pets/1/owner",
            "ANY /pets/{id}/owner",
        ]);
        assert_eq!(chosen(&table, "GET", "/pets/1"), Some("ANY /pets/1"));
        assert_eq!(
            chosen(&table, "PUT", "/pets/1/owner"),
            Some("ANY /pets/{id}/owner")
        );
    }

    #[test]
    fn method_precedes_any() {
        let table = table(&["ANY /a", "GET /a"]);
        assert_eq!(chosen(&table, "GET", "/a"), Some("GET /a"));
        assert_eq!(chosen(&table, "POST", "/a"), Some("ANY /a"));
    }

    #[test]
    fn other_method_falls_through_to_the_next_route() {
        let table = table(&["GET /health", "ANY /{proxy+}"]);
        assert_eq!(chosen(&table, "POST", "/health"), Some("ANY /{proxy+}"));
    }

    #[test]
    fn greedy_variable_matches_at_least_one_segment() {
        let table = table(&["ANY /{proxy+}", "ANY /a/{rest+}"]);
        assert_eq!(chosen(&table, "GET", "/"), None);
        assert_eq!(chosen(&table, "GET", "/a"), Some("ANY /{proxy+}"));
        assert_eq!(chosen(&table, "GET", "/a/"), Some("ANY /{proxy+}"));
        assert_eq!(chosen(&table, "GET", "/a/b"), Some("ANY /a/{rest+}"));
    }

    #[test]
    fn slashes_and_dots_are_not_normalized() {
        let table = table(&["GET /health", "ANY /{proxy+}", "GET /{id}"]);
        for path in [
            "//health",
            "/health/",
            "/./health",
            "/x/../health",
            "/health//",
        ] {
            assert_eq!(chosen(&table, "GET", path), Some("ANY /{proxy+}"), "{path}");
        }
        assert_eq!(chosen(&table, "GET", "health"), None);
        assert_eq!(chosen(&table, "GET", ""), None);
    }

    #[test]
    fn variables_are_returned_by_name() {
        let table = table(&["GET /a/{b}/c/{rest+}"]);
        let found = table.find("GET", "/a/1/c/x//y").unwrap();
        assert_eq!(found.parameters, [("b", "1"), ("rest", "x//y")]);
    }

    #[test]
    fn duplicate_routes_are_refused_despite_other_variable_names() {
        let mut table = table(&["GET /a/{b}", "ANY /{p+}"]);
        assert!(
            table
                .insert("GET /a/{c}".parse().unwrap(), String::new())
                .is_err()
        );
        assert!(
            table
                .insert("ANY /{q+}".parse().unwrap(), String::new())
                .is_err()
        );
        assert!(
            table
                .insert("POST /a/{c}".parse().unwrap(), String::new())
                .is_ok()
        );
        assert_eq!(table.len(), 3);
    }

    proptest! {
        #[test]
        fn order_of_insertion_does_not_matter(
            order in Just(["GET /a", "ANY /a", "GET /{x}", "ANY /a/{p+}", "ANY /{p+}", "GET /a/{x}", "POST /a/b", "GET /{x}/b"]).prop_shuffle(),
            path in "/[ab/]{0,6}", method in "GET|POST",
        ) {
            let sorted = table(&["GET /a", "ANY /a", "GET /{x}", "ANY /a/{p+}", "ANY /{p+}", "GET /a/{x}", "POST /a/b", "GET /{x}/b"]);
            let shuffled = table(&order);
            prop_assert_eq!(chosen(&sorted, &method, &path), chosen(&shuffled, &method, &path));
        }

        #[test]
        fn matched_key_filled_with_its_parameters_is_the_path(path in "/[ab/]{1,8}") {
            let table = table(&["GET /a", "GET /{x}", "ANY /a/{p+}", "ANY /{p+}", "GET /a/{x}", "GET /{x}/b"]);
            if let Some(found) = table.find("GET", &path) {
                let filled = found.key.fill(|name| found.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value));
                prop_assert_eq!(filled, Some(path));
            }
        }
    }
}
