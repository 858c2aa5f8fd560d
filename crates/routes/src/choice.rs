//! Chooses the rule for a path that backends may read in several ways.

use std::sync::Arc;

use crate::key::RouteKey;
use crate::path_options::PathOptions;
use crate::spellings::{Readings, Spellings};
use crate::table::{DuplicateRoute, RouteTable};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The value of a variable in the example path of a key.
const PLACEHOLDER: &str = "~";

/// The requirements of a rule.
pub trait Demands {
    /// True if a request that satisfies `other` may fail to satisfy this.
    fn demands_more_than(&self, other: &Self) -> bool;
}

impl<T: Demands> Demands for Arc<T> {
    fn demands_more_than(&self, other: &Self) -> bool {
        T::demands_more_than(self, other)
    }
}

/// Rules by route key. Unlike [`RouteTable`], it also considers other spellings of a path:
///
/// - The rules of `/x/{proxy+}` and `/x/` also apply to `/x`, and that of `/x/{proxy+}` to `/x/`. This
///   does not hold if the path has a rule of its own, or if the rule that applies otherwise demands
///   more.
/// - The rule of `GET` applies to `HEAD` if it demands more, unless `HEAD` has a rule of its own.
/// - A path is ambiguous if a backend may treat it like a path with a more demanding rule. They may
///   differ in case, in a slash, dots or spaces at the end, or in compatibility forms of Unicode. A
///   path that is literally the path of its rule is never ambiguous.
///
/// ```
/// use routes::{Demands, PathOptions, PathRules};
///
/// struct Scopes(u8);
///
/// impl Demands for Scopes {
///     fn demands_more_than(&self, other: &Self) -> bool {
///         self.0 > other.0
///     }
/// }
///
/// let mut rules = PathRules::new(PathOptions::default());
/// rules.insert("ANY /{proxy+}".parse()?, Scopes(0))?;
/// rules.insert("ANY /admin".parse()?, Scopes(1))?;
///
/// assert!(rules.choose("GET", "/orders").is_ok());
/// assert!(rules.choose("GET", "/Admin").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PathRules<T> {
    table: RouteTable<T>,
    matching: PathOptions,
    spellings: Spellings,
}

/// The error for a path that a backend may treat like a path with a more demanding rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Ambiguity<'t, T> {
    /// The rule for the path as sent, if there is one.
    pub chosen: Option<&'t T>,
    /// The more demanding rule. `None` if the path has too many readings to examine.
    pub stricter: Option<&'t T>,
}

/// Two rules for paths that a backend may treat alike, of which one demands more.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict<'t> {
    /// The index of the rule that demands less, in the order of insertion.
    pub index: usize,
    /// Its route key.
    pub key: &'t RouteKey,
    /// The route key that demands more.
    pub stricter: &'t RouteKey,
}

type Entry<'t, T> = (&'t RouteKey, &'t T);

impl<T> PathRules<T> {
    /// Creates an empty set of rules. `matching` has the differences between a path and a route key
    /// that are ignored.
    #[must_use]
    pub fn new(matching: PathOptions) -> Self {
        Self {
            table: RouteTable::default(),
            matching,
            spellings: Spellings::default(),
        }
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// [`DuplicateRoute`] if a rule matches the same requests already.
    pub fn insert(&mut self, key: RouteKey, value: T) -> Result<(), DuplicateRoute> {
        let key = self.matching.key(key);
        self.spellings.add(&key);
        self.table.insert(key, value)
    }

    /// Returns all rules, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_, T>> {
        self.table.iter()
    }

    /// True if there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl<T: Demands> PathRules<T> {
    /// Returns the rule for a request, or `None` if no rule matches.
    ///
    /// # Errors
    /// [`Ambiguity`] if a backend may treat the path like one with a more demanding rule.
    pub fn choose(&self, method: &str, path: &str) -> Result<Option<&T>, Ambiguity<'_, T>> {
        if self.is_empty() {
            return Ok(None);
        }

        let path = self.matching.path(path);
        let chosen = self.select(method, &path);
        let rule = chosen.map(|(_, rule)| rule);
        if self.spells_out(chosen, method, &path) {
            return Ok(rule);
        }

        let stricter = match self.spellings.readings(&path) {
            Readings::One => return Ok(rule),
            Readings::Several(readings) => self.stricter(chosen, method, &path, &readings),
            Readings::TooMany => {
                return Err(Ambiguity {
                    chosen: rule,
                    stricter: None,
                });
            }
        };
        match stricter {
            Some((_, stricter)) => Err(Ambiguity {
                chosen: rule,
                stricter: Some(stricter),
            }),
            None => Ok(rule),
        }
    }

    /// Returns every rule that demands less than another one whose path a backend may treat alike.
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict<'_>> {
        self.table
            .iter()
            .enumerate()
            .filter_map(|(index, (key, rule))| {
                let path = self
                    .matching
                    .path(&key.fill(|_| Some(PLACEHOLDER))?)
                    .into_owned();
                let mut readings = match self.spellings.readings(&path) {
                    Readings::One => Vec::new(),
                    Readings::Several(readings) => readings,
                    Readings::TooMany => return None,
                };
                readings.push(format!("{}/", path.trim_end_matches('/')));

                let methods = key.method().map_or(METHODS.to_vec(), |method| vec![method]);
                let stricter = methods.iter().find_map(|method| {
                    let chosen = self
                        .select(method, &path)
                        .filter(|(_, chosen)| std::ptr::eq(*chosen, rule))?;
                    self.stricter(Some(chosen), method, &path, &readings)
                });
                stricter.map(|(stricter, _)| Conflict {
                    index,
                    key,
                    stricter,
                })
            })
    }

    /// Returns the rule for exactly this path.
    fn select(&self, method: &str, path: &str) -> Option<Entry<'_, T>> {
        let chosen = self.select_method(method, path);
        let has_own = chosen.is_some_and(|(key, _)| key.method() == Some("HEAD"));
        if method != "HEAD" || has_own {
            return chosen;
        }
        stricter_of(chosen, self.select_method("GET", path))
    }

    fn select_method(&self, method: &str, path: &str) -> Option<Entry<'_, T>> {
        self.table
            .guards(method, path)
            .fold(self.table.lookup(method, path), |chosen, guard| {
                stricter_of(chosen, Some(guard))
            })
    }

    /// Returns a rule for one of the `readings` that demands more than `chosen`. A rule that
    /// matches `path` itself does not count, because `chosen` takes precedence over it.
    fn stricter<'t>(
        &'t self,
        chosen: Option<Entry<'t, T>>,
        method: &str,
        path: &str,
        readings: &[String],
    ) -> Option<Entry<'t, T>> {
        readings.iter().find_map(|reading| {
            let (key, rule) = self.select(method, reading)?;
            let demands_more = chosen.is_none_or(|(_, chosen)| rule.demands_more_than(chosen));
            (demands_more && !key.matches_path(path)).then_some((key, rule))
        })
    }

    /// True if the chosen rule has exactly this path.
    fn spells_out(&self, chosen: Option<Entry<'_, T>>, method: &str, path: &str) -> bool {
        let spelled = chosen.filter(|(key, _)| key.is_literal());
        let own = self.table.lookup(method, path);
        spelled
            .zip(own)
            .is_some_and(|((_, chosen), (_, own))| std::ptr::eq(chosen, own))
    }
}

/// Returns `chosen`, or `other` if that demands more.
fn stricter_of<'t, T: Demands>(
    chosen: Option<Entry<'t, T>>,
    other: Option<Entry<'t, T>>,
) -> Option<Entry<'t, T>> {
    match (chosen, other) {
        (Some(chosen), Some(other)) if other.1.demands_more_than(chosen.1) => Some(other),
        (None, other) => other,
        (chosen, _) => chosen,
    }
}

#[cfg(test)]
mod tests;
