//! Examples of the commands that call an API.

/// The examples of each command. A test parses them.
pub(super) const EXAMPLES: &[(&str, &[&str])] = &[(
    "plans list",
    &[
        "tollgate plans list",
        "tollgate plans list --stack tollgate --profile production --json",
    ],
)];
