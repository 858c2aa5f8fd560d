//! All checks.

use crate::check::Check;
use crate::{after, before, configuration, requests};

/// Returns all checks, in the order of the output.
pub fn all() -> impl Iterator<Item = &'static Check> {
    before::checks()
        .chain(after::checks())
        .chain(configuration::checks())
        .chain(requests::checks())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn evidence() -> String {
        let page = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/operations/evidence.md"
        );
        std::fs::read_to_string(page).unwrap()
    }

    #[test]
    fn ids_are_unique_and_can_be_anchors() {
        let ids: BTreeSet<&str> = all().map(|check| check.id).collect();
        assert_eq!(ids.len(), all().count());
        for id in ids {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(id.bytes().all(is_plain) && !id.starts_with('-'), "{id}");
        }
    }

    #[test]
    fn ids_and_groups_have_different_names() {
        let groups = crate::Group::ALL.map(crate::Group::name);
        assert!(all().all(|check| !groups.contains(&check.id)));
    }

    #[test]
    fn checks_are_sorted_by_group() {
        assert!(all().map(|check| check.group).is_sorted());
    }

    #[test]
    fn titles_are_statements_and_texts_are_sentences() {
        for check in all() {
            let id = check.id;
            assert!(!check.title.ends_with('.'), "{id}: {}", check.title);
            for text in [check.explanation, check.fix] {
                assert!(text.ends_with('.') || text.ends_with("`."), "{id}: {text}");
                assert!(!text.contains("  ") && !text.contains('\n'), "{id}: {text}");
            }
        }
    }

    #[test]
    fn sentences_are_short() {
        for check in all() {
            for sentence in [check.explanation, check.fix]
                .join(" ")
                .split_inclusive(". ")
            {
                let words = sentence.split_whitespace().count();
                assert!(words <= 25, "{}: {words} words: {sentence}", check.id);
            }
        }
    }

    #[test]
    fn permissions_are_actions_of_iam() {
        for check in all() {
            for permission in check.permissions {
                let (service, action) = permission.split_once(':').unwrap();
                let is_service =
                    |byte: u8| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte);
                assert!(
                    service.bytes().all(is_service),
                    "{}: {permission}",
                    check.id
                );
                assert!(
                    action.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                    "{permission}"
                );
            }
        }
    }

    #[test]
    fn evidence_is_the_beginning_of_a_claim() {
        let page = evidence();
        for check in all() {
            if let Some(claim) = check.evidence {
                assert!(
                    page.contains(&format!("\n| {claim}")),
                    "{}: {claim}",
                    check.id
                );
            }
        }
    }
}
