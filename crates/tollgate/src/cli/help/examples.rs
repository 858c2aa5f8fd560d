//! Examples of the commands that call an API. Some commands have examples of their own.

/// The examples of each command. A test parses them.
pub(super) const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "plans list",
        &[
            "tollgate plans list",
            "tollgate plans list --stack tollgate --profile production --json",
        ],
    ),
    (
        "plans get",
        &[
            "tollgate plans get gold",
            "tollgate plans get gold --yaml > gold.yaml",
        ],
    ),
    (
        "plans delete",
        &[
            "tollgate plans delete gold",
            "tollgate plans delete gold --yes",
        ],
    ),
    ("plans enable", &["tollgate plans enable trial"]),
    ("plans disable", &["tollgate plans disable trial"]),
    ("policies list", &["tollgate policies list"]),
    (
        "policies get",
        &["tollgate policies get main > policy.json"],
    ),
    (
        "policies create",
        &["tollgate policies create main --from policy.json"],
    ),
    (
        "policies set",
        &["tollgate policies set main --from policy.json"],
    ),
    ("policies delete", &["tollgate policies delete main"]),
    (
        "policies promote",
        &["tollgate policies promote main --if-match '\"2\"'"],
    ),
    (
        "policies candidate get",
        &["tollgate policies candidate get main"],
    ),
    (
        "policies candidate set",
        &["tollgate policies candidate set main --from policy.json"],
    ),
    (
        "policies candidate delete",
        &["tollgate policies candidate delete main"],
    ),
    ("blocks list", &["tollgate blocks list"]),
    ("blocks get", &["tollgate blocks get key acme"]),
    ("blocks delete", &["tollgate blocks delete ip 192.0.2.0/24"]),
];
