//! The path matching that a policy configures.

use routes::PathOptions;
use serde::Deserialize;

/// The differences between a path and a rule that are ignored. A request is refused if its path
/// differs in another way from a path whose rule requires more.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Paths))]
#[serde(deny_unknown_fields)]
pub(crate) struct PathsDocument {
    /// The handling of upper and lower case. The default is `sensitive`.
    #[serde(default)]
    case: Case,
    /// The handling of a slash at the end of a path. The default is `distinct`.
    #[serde(default)]
    trailing_slash: TrailingSlash,
}

/// The handling of upper and lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PathCase))]
#[serde(rename_all = "snake_case")]
enum Case {
    /// `/Admin` is another path than `/admin`. It is ambiguous if the rule of `/admin` requires
    /// more.
    #[default]
    Sensitive,
    /// The rule of `/admin` also applies to `/Admin`.
    Insensitive,
}

/// The handling of a slash at the end of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum TrailingSlash {
    /// `/docs/` is another path than `/docs`. It is ambiguous if the rule of `/docs` requires more.
    #[default]
    Distinct,
    /// The rule of `/docs` also applies to `/docs/`.
    Ignored,
}

impl PathsDocument {
    pub(crate) fn matching(self) -> PathOptions {
        PathOptions {
            ignore_case: self.case == Case::Insensitive,
            ignore_trailing_slash: self.trailing_slash == TrailingSlash::Ignored,
        }
    }
}
