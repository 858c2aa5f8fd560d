//! How paths are matched, as a policy says it.

use routes::PathMatching;
use serde::Deserialize;

/// Which differences between a path and a rule are ignored. A request whose path differs in another
/// way from one whose rule requires more is refused.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Paths))]
#[serde(deny_unknown_fields)]
pub(crate) struct PathsDocument {
    /// How differences between upper and lower case count. The default is `sensitive`.
    #[serde(default)]
    case: Case,
    /// How a slash at the end of a path counts. The default is `distinct`.
    #[serde(default)]
    trailing_slash: TrailingSlash,
}

/// Whether `/Admin` is judged by the rule of `/admin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PathCase))]
#[serde(rename_all = "snake_case")]
enum Case {
    /// `/Admin` is another path than `/admin`, and ambiguous if the rule of `/admin` demands more.
    #[default]
    Sensitive,
    /// `/Admin` is judged by the rule of `/admin`.
    Insensitive,
}

/// Whether `/docs/` is judged by the rule of `/docs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
