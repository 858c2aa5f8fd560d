//! How paths are matched, as a policy says it.

use routes::PathMatching;
use serde::Deserialize;

/// Which differences between a path and a rule are ignored.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathsDocument {
    #[serde(default)]
    case: Case,
    #[serde(default)]
    trailing_slash: TrailingSlash,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Case {
    /// `/Admin` is another path than `/admin`, and ambiguous if the rule of `/admin` demands more.
    #[default]
    Sensitive,
    /// `/Admin` is judged by the rule of `/admin`.
    Insensitive,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TrailingSlash {
    /// `/docs/` is another path than `/docs`, and ambiguous if the rule of `/docs` demands more.
    #[default]
    Distinct,
    /// `/docs/` is judged by the rule of `/docs`.
    Ignored,
}

impl PathsDocument {
    pub(crate) fn matching(self) -> PathMatching {
        PathMatching {
            ignore_case: self.case == Case::Insensitive,
            ignore_trailing_slash: self.trailing_slash == TrailingSlash::Ignored,
        }
    }
}
