//! Differences between a file and the objects of an API.

mod canonical;
mod field_difference;
mod key;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::declaration::{Declaration, DeclaredKey};

pub use canonical::declared_fields;
pub use field_difference::FieldDifference;

use canonical::{canonical_numbers, canonical_plan, without_defaults};
use field_difference::field_differences;

/// The field of plans and keys that `apply` never sets to true on its own.
const ENABLED: &str = "enabled";

/// The kind of an object. The order is that in which objects are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A usage plan.
    Plan,
    /// An authorization policy.
    Policy,
    /// A stored composition.
    Composition,
    /// An API key.
    Key,
}

impl ObjectKind {
    /// Returns the name of one object of this kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Policy => "policy",
            Self::Composition => "composition",
            Self::Key => "key",
        }
    }

    /// Returns the name of the API's list of these objects, which is also the field in the file.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Plan => "plans",
            Self::Policy => "policies",
            Self::Composition => "compositions",
            Self::Key => "keys",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A plan, a policy or a composition of the API.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteObject {
    /// The document. Not needed for an object that the file does not declare.
    pub document: Value,
    /// The entity tag, for `If-Match`.
    pub etag: String,
    /// The name of the file whose `apply` created the object.
    pub managed_by: Option<String>,
}

/// An object that `apply` would write.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The name of the plan, policy or composition, or the id of the key.
    pub name: String,
    /// The request that removes the difference.
    pub change: Change,
    /// The fields that differ, for people. The fields of a deleted object are not listed.
    pub fields: Vec<FieldDifference>,
}

/// The request that removes a difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object does not exist.
    Create {
        /// The body of the `PUT`.
        body: Value,
    },
    /// The object exists and differs.
    Update {
        /// The body of the `PUT`. For a key, only the fields that change.
        body: Value,
        /// The entity tag of the object that was compared.
        etag: String,
    },
    /// An earlier `apply` of the file created the object, and it is not in the file any more.
    Delete {
        /// The entity tag of the object.
        etag: String,
    },
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// The objects that differ, by kind and name.
    pub items: Vec<Difference>,
    /// Facts that an operator should know, such as a disabled key that stays disabled.
    pub warnings: Vec<String>,
    /// Differences that `apply` refuses to write, such as the secret of a key.
    pub refusals: Vec<String>,
    /// References of the file to plans that do not exist.
    pub mistakes: Vec<String>,
    /// The number of objects in the file that the API has in the same form.
    pub unchanged: usize,
    /// The number of objects that only a comparison with `prune` lists as deleted.
    pub unpruned: usize,
}

impl Differences {
    /// True if the API has everything that the file declares.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.refusals.is_empty()
    }
}

/// A comparison in progress. Keys are compared one by one, so that the keys of the API need not be
/// in memory together.
pub struct Comparison<'d> {
    declaration: &'d Declaration,
    keys: HashMap<&'d str, &'d DeclaredKey>,
    /// Declared keys that the API has.
    found_keys: HashSet<&'d str>,
    /// True if objects that are not in the file any more are deleted.
    prunes: bool,
    plans: HashSet<String>,
    found: Differences,
}

impl<'d> Comparison<'d> {
    /// Returns a comparison of a file with an API that nothing is known of yet.
    #[must_use]
    pub fn new(declaration: &'d Declaration, prunes: bool) -> Self {
        let keys = declaration.keys.iter();
        Self {
            declaration,
            keys: keys.map(|key| (key.key_id.as_str(), key)).collect(),
            found_keys: HashSet::new(),
            prunes,
            plans: HashSet::new(),
            found: Differences::default(),
        }
    }

    /// Compares the plans with all plans of the API.
    pub fn plans(&mut self, remote: &BTreeMap<String, RemoteObject>) {
        let declared = &self.declaration.plans;
        self.plans.extend(declared.keys().cloned());
        let kept = |name: &&String| !self.prunes || !self.is_managed(&remote[*name]);
        let kept: Vec<_> = remote.keys().filter(kept).cloned().collect();
        self.plans.extend(kept);

        for (name, document) in declared {
            let before = remote.get(name);
            let stored = before.map(|before| &before.document);
            let document = &self.kept_disabled(name, document, stored);
            let after = canonical_plan(document, stored);
            let shown = without_defaults(&after);
            let shown_before = stored.map(|stored| without_defaults(&canonical_numbers(stored)));
            self.add(
                ObjectKind::Plan,
                name,
                document,
                before,
                (shown_before, shown),
            );
        }
        self.deletions(ObjectKind::Plan, remote, |name| declared.contains_key(name));
    }

    /// Compares the policies with all policies of the API.
    pub fn policies(&mut self, remote: &BTreeMap<String, RemoteObject>) {
        self.documents(ObjectKind::Policy, &self.declaration.policies, remote);
    }

    /// Compares the compositions with all compositions of the API. The order of fields does not
    /// count, although it is the order of the fields of a response.
    pub fn compositions(&mut self, remote: &BTreeMap<String, RemoteObject>) {
        self.documents(
            ObjectKind::Composition,
            &self.declaration.compositions,
            remote,
        );
    }

    fn documents(
        &mut self,
        kind: ObjectKind,
        declared: &BTreeMap<String, Value>,
        remote: &BTreeMap<String, RemoteObject>,
    ) {
        for (name, document) in declared {
            let before = remote.get(name);
            let shown_before = before.map(|before| canonical_numbers(&before.document));
            let shown = canonical_numbers(document);
            self.add(kind, name, document, before, (shown_before, shown));
        }
        self.deletions(kind, remote, |name| declared.contains_key(name));
    }

    /// Compares a key of the API, as its list of keys shows it. `hash` is the hash of its secret, if
    /// it is known.
    pub fn key(&mut self, remote: &Value, hash: Option<&str>) {
        let text = |field: &str| remote[field].as_str().unwrap_or_default();
        let (key_id, etag) = (text("key_id"), text("etag"));
        match self.keys.get(key_id).copied() {
            // A list can show a key twice that is created while it is read.
            Some(declared) if self.found_keys.insert(&declared.key_id) => {
                self.declared_key(declared, remote, hash);
            }
            None if remote["managed_by"] == self.declaration.name() => {
                self.deletion(ObjectKind::Key, key_id, etag);
            }
            Some(_) | None => {}
        }
    }

    /// Returns the differences, after every key of the API was compared.
    #[must_use]
    pub fn finish(mut self) -> Differences {
        let keys = self.declaration.keys.iter();
        let missing = keys.filter(|key| !self.found_keys.contains(key.key_id.as_str()));
        self.found.items.extend(missing.map(key::creation));
        self.check_plans_of_keys();

        let order = |left: &Difference, right: &Difference| {
            (left.kind, &left.name).cmp(&(right.kind, &right.name))
        };
        self.found.items.sort_by(order);
        self.found
    }

    /// Adds an object that differs. `shown` is its canonical form before and after.
    fn add(
        &mut self,
        kind: ObjectKind,
        name: &str,
        document: &Value,
        before: Option<&RemoteObject>,
        shown: (Option<Value>, Value),
    ) {
        let body = document.clone();
        let change = match before {
            None => Change::Create { body },
            Some(_) if shown.0.as_ref() == Some(&shown.1) => {
                self.found.unchanged += 1;
                return;
            }
            Some(before) => Change::Update {
                body,
                etag: before.etag.clone(),
            },
        };
        self.found.items.push(Difference {
            kind,
            name: name.to_owned(),
            change,
            fields: match shown {
                (Some(before), after) => {
                    field_differences(&with_enabled(before), &with_enabled(after))
                }
                (None, after) => field_differences(&Value::Null, &after),
            },
        });
    }

    fn deletions(
        &mut self,
        kind: ObjectKind,
        remote: &BTreeMap<String, RemoteObject>,
        is_declared: impl Fn(&str) -> bool,
    ) {
        for (name, object) in remote.iter().filter(|(name, _)| !is_declared(name)) {
            if self.is_managed(object) {
                self.deletion(kind, name, &object.etag);
            }
        }
    }

    fn deletion(&mut self, kind: ObjectKind, name: &str, etag: &str) {
        if !self.prunes {
            self.found.unpruned += 1;
            return;
        }
        self.found.items.push(Difference {
            kind,
            name: name.to_owned(),
            change: Change::Delete {
                etag: etag.to_owned(),
            },
            fields: Vec::new(),
        });
    }

    fn declared_key(&mut self, declared: &DeclaredKey, remote: &Value, hash: Option<&str>) {
        let key_id = &declared.key_id;
        let wanted = declared.hash.as_deref();
        if wanted
            .zip(hash)
            .is_some_and(|(wanted, hash)| wanted != hash)
        {
            self.found.refusals.push(format!(
                "key {key_id}: secret: would change. The file has the hash of another secret. To change the \
                 secret, use `tollgate keys rotate {key_id}`, otherwise remove `hash`"
            ));
        }
        if key::stays_disabled(declared, remote) {
            self.found.warnings.push(format!(
                "key {key_id} is disabled and stays disabled, because `apply` never enables a key. Use \
                 `tollgate keys enable {key_id}`"
            ));
        }
        match key::update(declared, remote) {
            Some(difference) => self.found.items.push(difference),
            None => self.found.unchanged += 1,
        }
    }

    fn check_plans_of_keys(&mut self) {
        for key in &self.declaration.keys {
            let plan = key.fields.get("plan").and_then(Value::as_str);
            let Some(plan) = plan.filter(|plan| !self.plans.contains(*plan)) else {
                continue;
            };
            self.found.mistakes.push(format!(
                "key {}: plan: unknown plan `{plan}`, expected a plan of the file or of the API",
                key.key_id
            ));
        }
    }

    /// Returns the document of a plan. A plan that is disabled stays disabled, unless the file has
    /// `enabled: true`: an operator may have disabled it in an emergency.
    fn kept_disabled(&mut self, name: &str, document: &Value, stored: Option<&Value>) -> Value {
        let mut document = document.clone();
        let is_disabled = stored.is_some_and(|stored| stored[ENABLED] == false);
        if is_disabled && document.get(ENABLED).is_none() {
            document[ENABLED] = false.into();
            self.found.warnings.push(format!(
                "plan {name} is disabled and stays disabled, because the file does not have `enabled: true`"
            ));
        }
        document
    }

    /// True if an `apply` of this file created the object.
    fn is_managed(&self, object: &RemoteObject) -> bool {
        object.managed_by.as_deref() == Some(self.declaration.name())
    }
}

/// Returns a disabled or enabled object with `enabled`, so that both values of a change are shown.
/// Documents of other objects never have this field, so that it never differs.
fn with_enabled(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.entry(ENABLED).or_insert(true.into());
    }
    document
}

#[cfg(test)]
mod tests;
