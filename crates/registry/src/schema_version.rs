//! Schema versions of items.
//!
//! A release ignores fields that it does not know. An item with a field that restricts a caller
//! therefore has a version that the release before refuses: such a key fails there, and is never
//! used without its restriction. All other items have the version that both releases read.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::item::ItemKey;

/// The version of items that the release before reads too.
const COMMON: u32 = 1;
/// The version of items with a restriction that the release before does not know.
const RESTRICTED: u32 = 2;
/// The versions that this release reads.
pub(crate) const READABLE: [u32; 2] = [COMMON, RESTRICTED];

/// The restrictions of a key that the release before does not know.
#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyRestrictions {
    allowed_ips: Option<IgnoredAny>,
    not_before: Option<IgnoredAny>,
    group: Option<IgnoredAny>,
}

/// The restrictions of a plan that the release before does not know.
#[derive(Deserialize)]
struct PlanRestrictions {
    #[serde(default = "enabled")]
    enabled: bool,
}

fn enabled() -> bool {
    true
}

/// Returns the version of an item with this document. A document that cannot be read has the
/// version that fewer releases accept.
pub(crate) fn of(key: &ItemKey, document: &str) -> u32 {
    let is_restricted = if key.hash().is_some() {
        serde_json::from_str(document).map_or(true, |key: KeyRestrictions| {
            key.allowed_ips.is_some() || key.not_before.is_some() || key.group.is_some()
        })
    } else if key.pk == ItemKey::PLAN {
        serde_json::from_str(document).map_or(true, |plan: PlanRestrictions| !plan.enabled)
    } else {
        false
    };
    if is_restricted { RESTRICTED } else { COMMON }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyHash;

    #[test]
    fn only_restricted_items_have_the_new_version() {
        let key = ItemKey::of_key(&KeyHash::of(&"k".repeat(20)).unwrap());
        let fields = r#""key_id":"k1","plan":"free","enabled":true"#;
        for (field, expected) in [
            (r#""expires_at":"2027-01-01T00:00:00Z""#, COMMON),
            (r#""prefix":"acme_""#, COMMON),
            (r#""hint":"abcd""#, COMMON),
            (r#""updated_at":"2027-01-01T00:00:00Z""#, COMMON),
            (r#""metadata":{"group":"a"}"#, COMMON),
            (r#""not_before":"2027-01-01T00:00:00Z""#, RESTRICTED),
            (r#""allowed_ips":["192.0.2.0/24"]"#, RESTRICTED),
            (r#""group":"acme""#, RESTRICTED),
        ] {
            let document = format!("{{{fields},{field}}}");
            assert_eq!(of(&key, &document), expected, "{field}");
        }

        let plan = ItemKey::of_plan("free");
        for (document, expected) in [
            ("{}", COMMON),
            (r#"{"shared_by_plan":true}"#, COMMON),
            (r#"{"enabled":true}"#, COMMON),
            (r#"{"enabled":false}"#, RESTRICTED),
        ] {
            assert_eq!(of(&plan, document), expected, "{document}");
        }
        assert_eq!(
            of(&ItemKey::of_policy("main"), r#"{"enabled":false}"#),
            COMMON
        );
    }
}
