//! The differences between a path and a route key that are ignored.

use std::borrow::Cow;

use crate::fold::fold_case;
use crate::key::{RouteKey, Segment};

/// The differences between a path and a route key that are ignored. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathOptions {
    /// `/Admin` matches `/admin`.
    pub ignore_case: bool,
    /// `/admin/` matches `/admin`.
    pub ignore_trailing_slash: bool,
}

impl PathOptions {
    /// True if any difference is ignored.
    #[must_use]
    pub fn folds(self) -> bool {
        self.ignore_case || self.ignore_trailing_slash
    }

    /// Returns the path without the differences that are ignored.
    pub(crate) fn path(self, path: &str) -> Cow<'_, str> {
        let trimmed = if self.ignore_trailing_slash {
            without_trailing_slash(path)
        } else {
            path
        };
        let is_lower = trimmed
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());

        if self.ignore_case && !is_lower {
            Cow::Owned(fold_case(trimmed))
        } else {
            Cow::Borrowed(trimmed)
        }
    }

    /// Returns the key without the differences that are ignored. It is still displayed as written.
    pub(crate) fn key(self, mut key: RouteKey) -> RouteKey {
        if self.ignore_trailing_slash && key.has_trailing_slash() {
            key.segments.pop();
        }
        if self.ignore_case {
            for segment in &mut key.segments {
                if let Segment::Literal(text) = segment {
                    text.make_ascii_lowercase();
                }
            }
        }
        key
    }
}

fn without_trailing_slash(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        &path[..1.min(path.len())]
    } else {
        trimmed
    }
}
