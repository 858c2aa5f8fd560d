//! The request of a bulk change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use registry::{KeyFilter, KeyPatch};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::key_search::unused_since_mistake;
use crate::keys::key_changes::KeyChanges;
use crate::problem::Mistake;
use crate::request::document::RequestDocument;
use crate::schema::mistakes::Mistakes;

/// A change of many keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRequest {
    /// The keys to change.
    pub(super) filter: BulkFilter,
    /// The changes to each of the keys. A key is only enabled if this says so.
    pub(super) set: KeyChanges,
    /// True changes nothing, even with a token.
    #[serde(default)]
    dry_run: Option<bool>,
    /// The token of the dry run. Without it, nothing is changed.
    #[serde(default)]
    token: Option<String>,
}

/// The keys to change: those that meet every condition.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BulkFilter {
    /// True selects all keys, without another condition.
    all: Option<bool>,
    /// The plan of the keys.
    plan: Option<String>,
    /// A part of the name, in upper or lower case.
    name: Option<String>,
    /// The subject of the keys.
    subject: Option<String>,
    /// The group of the keys.
    group: Option<String>,
    /// Enabled or disabled keys.
    enabled: Option<bool>,
    /// Keys without a call on this day or later that were created before it. At most 366 days ago.
    #[schema(format = Date)]
    unused_since: Option<String>,
    /// Entries of the metadata.
    #[schema(value_type = BTreeMap<String, String>, required = false)]
    metadata: BTreeMap<String, String>,
}

impl BulkFilter {
    pub(super) fn conditions(&self) -> KeyFilter {
        KeyFilter {
            plan: self.plan.clone(),
            name: self.name.clone(),
            subject: self.subject.clone(),
            group: self.group.clone(),
            enabled: self.enabled,
            unused_since: self.unused_since.as_deref().and_then(day),
            metadata: self.metadata.clone(),
        }
    }

    fn mistakes(&self, schema: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let texts = [
            ("plan", &self.plan),
            ("name", &self.name),
            ("subject", &self.subject),
            ("group", &self.group),
        ];
        for (field, value) in texts {
            if value.as_deref() == Some("") {
                let detail = format!("`{field}` is empty, expected at least one character");
                mistakes.push(Mistake::at(format!("/filter/{field}"), detail));
            }
        }
        if let Some(text) = &self.unused_since {
            let detail = match day(text) {
                Some(day) => unused_since_mistake(day, now),
                None => Some("expected a day such as `2026-11-22`".to_owned()),
            };
            let mistake = detail.map(|detail| Mistake::at("/filter/unused_since", detail));
            mistakes.extend(mistake);
        }

        // An invalid condition was removed.
        let has_conditions = schema.affect("/filter")
            || self.unused_since.is_some()
            || !self.conditions().is_empty();
        match (self.all == Some(true), has_conditions) {
            (false, false) => mistakes.push(Mistake::at(
                "/filter",
                "the filter has no condition, expected at least one, or `{\"all\": true}` for all keys",
            )),
            (true, true) => mistakes.push(Mistake::at(
                "/filter/all",
                "`all` selects every key, expected no other condition",
            )),
            (true, false) | (false, true) => {}
        }
        mistakes
    }
}

impl BulkRequest {
    /// Returns the token of the change. `None` for a dry run.
    pub(super) fn token_of_change(&self) -> Option<&String> {
        let is_dry_run = self.dry_run == Some(true);
        self.token.as_ref().filter(|_| !is_dry_run)
    }
}

impl RequestDocument for BulkRequest {
    const SCHEMA: &'static str = "BulkRequest";

    fn mistakes(&self, schema: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let mut mistakes = self.filter.mistakes(schema, now);
        for mistake in self.set.mistakes(schema, now) {
            let pointer = mistake.pointer.unwrap_or_default();
            mistakes.push(Mistake::at(format!("/set{pointer}"), mistake.detail));
        }
        let patch = self.set.clone().patch();
        let is_empty = patch.is_ok_and(|patch| patch == KeyPatch::default());
        if is_empty && !schema.affect("/set") {
            let detail = "`set` has no change, expected at least one";
            mistakes.push(Mistake::at("/set", detail));
        }
        if self.dry_run == Some(false) && self.token.is_none() {
            let detail = "`token` is required unless this is a dry run; a dry run returns it";
            mistakes.push(Mistake::at("/token", detail));
        }
        mistakes
    }
}

/// Reads a day. `Date` also accepts a date with a time.
fn day(text: &str) -> Option<Date> {
    let day = text.parse::<Date>().ok();
    day.filter(|day| day.to_string() == text)
}
