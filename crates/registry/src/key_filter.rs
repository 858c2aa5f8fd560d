//! The keys that a search, a bulk change or a report selects.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::{DeletedKey, KeyRecord};

/// Conditions on keys. A key is selected if it meets all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyFilter {
    /// The name of the plan.
    pub plan: Option<String>,
    /// A part of the name, in upper or lower case.
    pub name: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// True for enabled keys, false for disabled keys.
    pub enabled: Option<bool>,
    /// Entries of the metadata.
    pub metadata: BTreeMap<String, String>,
    /// The key has no call on this day or later, and was created before it.
    pub unused_since: Option<Date>,
}

impl KeyFilter {
    /// Returns the filter for the keys of a plan, or for all keys.
    #[must_use]
    pub fn of_plan(plan: Option<String>) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }

    /// True if the filter selects all keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if only the plan decides, so that the index of the plan's keys suffices.
    #[must_use]
    pub fn is_plan_only(&self) -> bool {
        *self == Self::of_plan(self.plan.clone())
    }

    /// True if the key meets all conditions that its record decides. The calls of the key are not
    /// in its record, so `unused_since` is only compared with its creation.
    #[must_use]
    pub fn admits(&self, record: &KeyRecord) -> bool {
        let key = &record.key;
        let equals = |wanted: &Option<String>, value: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == value
        };
        let has_entry =
            |(name, value): (&String, &String)| record.metadata.get(name) == Some(value);

        equals(&self.plan, Some(&key.plan))
            && equals(&self.subject, key.subject.as_deref())
            && equals(&self.group, key.group.as_deref())
            && self.enabled.is_none_or(|enabled| key.enabled == enabled)
            && self.metadata.iter().all(has_entry)
            && self.admits_name(record.name.as_deref())
            && self.admits_creation(record)
    }

    /// True if the filter may select deleted keys. Of a deleted key only the plan, the name and the
    /// group are kept, so that any other condition selects existing keys alone.
    #[must_use]
    pub fn may_admit_deleted(&self) -> bool {
        let Self {
            plan: _,
            name: _,
            group: _,
            subject,
            enabled,
            metadata,
            unused_since,
        } = self;
        subject.is_none() && enabled.is_none() && metadata.is_empty() && unused_since.is_none()
    }

    /// True if the deleted key met all conditions when it was deleted.
    #[must_use]
    pub fn admits_deleted(&self, key: &DeletedKey) -> bool {
        let equals = |wanted: &Option<String>, value: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == value
        };

        self.may_admit_deleted()
            && equals(&self.plan, Some(&key.plan))
            && equals(&self.group, key.group.as_deref())
            && self.admits_name(key.name.as_deref())
    }

    fn admits_name(&self, name: Option<&str>) -> bool {
        let Some(part) = &self.name else { return true };
        name.is_some_and(|name| name.to_lowercase().contains(&part.to_lowercase()))
    }

    /// A key without an instant of creation is older than every release that records it.
    fn admits_creation(&self, record: &KeyRecord) -> bool {
        let Some((day, created_at)) = self.unused_since.zip(record.created_at) else {
            return true;
        };
        created_at.to_zoned(TimeZone::UTC).date() < day
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn record() -> KeyRecord {
        let key =
            r#"{"key_id":"k1","plan":"free","enabled":true,"subject":"alice","group":"acme"}"#;
        let created_at = Timestamp::constant(1_795_348_800, 0);
        let mut record = KeyRecord::new(serde_json::from_str(key).unwrap(), created_at);
        record.name = Some("Acme GMBH".to_owned());
        record.metadata = [("stripe", "cus_1"), ("team", "a")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        record
    }

    fn metadata(entries: &[(&str, &str)]) -> KeyFilter {
        let entries = entries
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        KeyFilter {
            metadata: entries.collect(),
            ..KeyFilter::default()
        }
    }

    #[test]
    fn key_is_selected_if_it_meets_every_condition() {
        let text = |text: &str| Some(text.to_owned());
        let none = KeyFilter::default;

        for (filter, is_admitted) in [
            (none(), true),
            (KeyFilter::of_plan(text("free")), true),
            (KeyFilter::of_plan(text("fre")), false),
            (
                KeyFilter {
                    subject: text("alice"),
                    ..none()
                },
                true,
            ),
            (
                KeyFilter {
                    subject: text("Alice"),
                    ..none()
                },
                false,
            ),
            (
                KeyFilter {
                    group: text("acme"),
                    ..none()
                },
                true,
            ),
            (
                KeyFilter {
                    group: text("other"),
                    ..none()
                },
                false,
            ),
            (
                KeyFilter {
                    enabled: Some(true),
                    ..none()
                },
                true,
            ),
            (
                KeyFilter {
                    enabled: Some(false),
                    ..none()
                },
                false,
            ),
            (
                KeyFilter {
                    name: text("gmbh"),
                    ..none()
                },
                true,
            ),
            (
                KeyFilter {
                    name: text("ACME"),
                    ..none()
                },
                true,
            ),
            (
                KeyFilter {
                    name: text("inc"),
                    ..none()
                },
                false,
            ),
            (metadata(&[("stripe", "cus_1"), ("team", "a")]), true),
            (metadata(&[("stripe", "cus_1"), ("team", "b")]), false),
            (metadata(&[("other", "")]), false),
            (
                KeyFilter {
                    name: text("acme"),
                    enabled: Some(false),
                    ..none()
                },
                false,
            ),
        ] {
            assert_eq!(filter.admits(&record()), is_admitted, "{filter:?}");
        }
    }

    #[test]
    fn key_that_was_created_on_the_day_or_later_is_not_unused_since_then() {
        for (day, is_admitted) in [(21, false), (22, false), (23, true)] {
            let filter = KeyFilter {
                unused_since: Some(Date::constant(2026, 11, day)),
                ..KeyFilter::default()
            };
            assert_eq!(filter.admits(&record()), is_admitted, "{day}");

            let mut older = record();
            older.created_at = None;
            assert!(filter.admits(&older));
        }
    }

    #[test]
    fn deleted_key_is_selected_by_its_plan_name_and_group() {
        let text = |text: &str| Some(text.to_owned());
        let deleted = DeletedKey {
            key_id: "k1".to_owned(),
            plan: "free".to_owned(),
            name: text("Acme GmbH"),
            group: text("acme"),
            created_at: None,
            deleted_at: Timestamp::constant(1_795_348_800, 0),
        };
        let filter = |plan, name, group| KeyFilter {
            plan,
            name,
            group,
            ..KeyFilter::default()
        };

        for (filter, is_admitted) in [
            (KeyFilter::default(), true),
            (filter(text("free"), text("ACME"), text("acme")), true),
            (filter(text("pro"), None, None), false),
            (filter(None, text("inc"), None), false),
            (filter(None, None, text("other")), false),
            (metadata(&[("stripe", "cus_1")]), false),
            (
                KeyFilter {
                    unused_since: Some(Date::constant(2026, 11, 22)),
                    ..KeyFilter::default()
                },
                false,
            ),
        ] {
            assert_eq!(filter.admits_deleted(&deleted), is_admitted, "{filter:?}");
        }
    }

    #[test]
    fn only_a_filter_without_conditions_is_empty() {
        assert!(KeyFilter::default().is_empty());
        assert!(!metadata(&[("a", "b")]).is_empty());
        assert!(KeyFilter::of_plan(Some("p".to_owned())).is_plan_only());
        assert!(!metadata(&[("a", "b")]).is_plan_only());
    }
}
