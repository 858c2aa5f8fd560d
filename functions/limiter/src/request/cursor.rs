//! Cursors of lists: where the next page begins, in a form that only an earlier page can have
//! shown.
//!
//! A cursor is base64url without padding: four bytes of checksum (CRC-32), then the last item of
//! the page before. The checksum covers the list and its filter as well. A made-up or truncated
//! cursor, or one of another list, is therefore an error instead of some page. It protects nothing:
//! who may see a list is decided before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const CHECKSUM_BYTES: usize = 4;

/// A list, and what it is filtered by.
#[derive(Clone, Copy)]
pub(crate) enum List<'l> {
    /// All plans.
    Plans,
    /// The keys of a plan, or all of them.
    Keys(Option<&'l str>),
}

impl List<'_> {
    /// The cursor of the page after the item `last`.
    pub(crate) fn cursor(self, last: &str) -> String {
        let checksum = self.checksum(last).to_be_bytes();
        URL_SAFE_NO_PAD.encode([&checksum, last.as_bytes()].concat())
    }

    /// The item after which the page of a cursor begins, or `None` if no page of this list has
    /// shown the cursor.
    pub(crate) fn position(self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (checksum, last) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        let last = std::str::from_utf8(last).ok()?;
        (checksum == self.checksum(last).to_be_bytes()).then(|| last.to_owned())
    }

    fn checksum(self, last: &str) -> u32 {
        let (list, filter) = match self {
            Self::Plans => ("plans", None),
            Self::Keys(plan) => ("keys", plan),
        };
        let mut hasher = crc32fast::Hasher::new();
        // No name contains a zero byte, so that no two lists are the same text.
        for part in [list, "\0", filter.unwrap_or("\0"), "\0", last] {
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
        fn a_cursor_is_read_by_its_own_list_only(last in "\\PC{1,40}", plan in "[a-z]{1,10}") {
            let cursor = List::Keys(Some(&plan)).cursor(&last);
            prop_assert_eq!(List::Keys(Some(&plan)).position(&cursor), Some(last));
            for other in [List::Plans, List::Keys(None), List::Keys(Some("another-plan"))] {
                prop_assert_eq!(other.position(&cursor), None);
            }
        }

        #[test]
        fn made_up_cursors_are_refused(text in "\\PC{0,60}") {
            prop_assert_eq!(List::Keys(None).position(&text), None);
        }
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let cursor = List::Plans.cursor("team");
        for length in 0..cursor.len() {
            assert_eq!(List::Plans.position(&cursor[..length]), None);
        }
        assert_eq!(List::Plans.position(&format!("{cursor}A")), None);
        assert_eq!(List::Plans.position("team"), None);
    }
}
