//! Cursors of lists. A cursor says where the next page begins.
//!
//! A cursor is base64url without padding: four bytes of checksum (CRC-32), then the last item of
//! the previous page. The checksum also covers the list and its filter. A made-up or truncated
//! cursor, or a cursor of another list, is therefore an error instead of a wrong page. The checksum
//! protects nothing: access to the list is checked before.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::KeyFilter;

const CHECKSUM_BYTES: usize = 4;

/// A list, and its filter.
#[derive(Clone, Copy)]
pub(crate) enum List<'l> {
    /// All plans.
    Plans,
    /// The keys of a plan, or all keys.
    Keys(Option<&'l str>),
    /// The hashes of all keys.
    KeyHashes,
    /// The usage of keys, by a name of the selection.
    Usage(&'l str),
    /// The policies.
    Policies,
    /// The compositions.
    Compositions,
    /// The keys that a filter selects.
    Search(&'l KeyFilter),
    /// The audit records, with the text of all filters.
    Audit(&'l str),
}

impl<'l> List<'l> {
    /// Returns the list of the keys that a filter selects.
    pub(crate) fn of_keys(filter: &'l KeyFilter) -> Self {
        if filter.is_plan_only() {
            Self::Keys(filter.plan.as_deref())
        } else {
            Self::Search(filter)
        }
    }

    /// Returns the cursor of the page after the item `last`.
    pub(crate) fn cursor(self, last: &str) -> String {
        let checksum = self.checksum(last).to_be_bytes();
        URL_SAFE_NO_PAD.encode([&checksum, last.as_bytes()].concat())
    }

    /// Returns the item after which a cursor's page begins. `None` if the cursor is not from this
    /// list.
    pub(crate) fn position(self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (checksum, last) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        let last = std::str::from_utf8(last).ok()?;

        (checksum == self.checksum(last).to_be_bytes()).then(|| last.to_owned())
    }

    fn checksum(self, last: &str) -> u32 {
        let (list, filter) = match self {
            Self::Plans => ("plans", None),
            Self::KeyHashes => ("key-hashes", None),
            Self::Policies => ("policies", None),
            Self::Compositions => ("compositions", None),
            Self::Usage(selection) => ("usage", Some(Cow::Borrowed(selection))),
            Self::Keys(plan) => ("keys", plan.map(Cow::Borrowed)),
            // Strings, numbers and maps with string keys, so this cannot fail.
            Self::Search(filter) => {
                let filter = serde_json::to_string(filter).unwrap_or_default();
                ("search", Some(Cow::Owned(filter)))
            }
            Self::Audit(filter) => ("audit", Some(Cow::Borrowed(filter))),
        };

        let mut hasher = crc32fast::Hasher::new();
        // No name contains a zero byte, so two lists never have the same text.
        for part in [list, "\0", filter.as_deref().unwrap_or("\0"), "\0", last] {
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursor_belongs_to_one_list(last in "\\PC{1,40}", plan in "[a-z]{1,10}") {
            let cursor = List::Keys(Some(&plan)).cursor(&last);
            prop_assert_eq!(List::Keys(Some(&plan)).position(&cursor), Some(last));
            for other in [List::Plans, List::Policies, List::Compositions, List::Keys(None), List::Keys(Some("another-plan"))] {
                prop_assert_eq!(other.position(&cursor), None);
            }
        }

        #[test]
        fn made_up_cursor_is_rejected(text in "\\PC{0,60}") {
            prop_assert_eq!(List::Keys(None).position(&text), None);
        }
    }

    #[test]
    fn cursor_of_a_search_belongs_to_its_filter() {
        let filter = |name: &str| KeyFilter {
            name: Some(name.to_owned()),
            ..KeyFilter::default()
        };
        let (acme, other) = (filter("acme"), filter("other"));
        let cursor = List::of_keys(&acme).cursor("k1");

        assert_eq!(
            List::of_keys(&acme).position(&cursor).as_deref(),
            Some("k1")
        );
        for list in [List::of_keys(&other), List::Keys(None), List::Plans] {
            assert_eq!(list.position(&cursor), None);
        }
    }

    #[test]
    fn changed_cursor_is_rejected() {
        let cursor = List::Plans.cursor("team");

        for length in 0..cursor.len() {
            assert_eq!(List::Plans.position(&cursor[..length]), None);
        }
        assert_eq!(List::Plans.position(&format!("{cursor}A")), None);
        assert_eq!(List::Plans.position("team"), None);
    }
}
