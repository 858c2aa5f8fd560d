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
    ("compose list", &["tollgate compose list"]),
    (
        "compose get",
        &["tollgate compose get mobile > compositions.json"],
    ),
    (
        "compose create",
        &["tollgate compose create mobile --from compositions.json"],
    ),
    (
        "compose set",
        &["tollgate compose set mobile --from compositions.json"],
    ),
    ("compose delete", &["tollgate compose delete mobile"]),
    ("blocks list", &["tollgate blocks list"]),
    ("blocks get", &["tollgate blocks get key acme"]),
    ("blocks delete", &["tollgate blocks delete ip 192.0.2.0/24"]),
    (
        "keys list",
        &[
            "tollgate keys list --plan pro",
            "tollgate keys list --metadata email=ops@acme.example --json",
            "tollgate keys list --unused-since 90d --enabled true",
        ],
    ),
    ("keys get", &["tollgate keys get acme"]),
    (
        "keys set",
        &[
            "tollgate keys set acme --plan pro --expires-at 30d",
            "tollgate keys set acme --unset expires_at --unset metadata.trial",
        ],
    ),
    ("keys enable", &["tollgate keys enable acme"]),
    ("keys disable", &["tollgate keys disable acme"]),
    (
        "keys delete",
        &[
            "tollgate keys delete acme",
            "tollgate keys delete acme --yes",
        ],
    ),
    (
        "keys rotate",
        &[
            "tollgate keys rotate acme --grace 7d",
            "tollgate keys rotate acme --grace 0s --secrets-out secrets.csv",
        ],
    ),
    (
        "keys whois",
        &[
            "tollgate keys whois",
            "pass show leaked-key | tollgate keys whois",
        ],
    ),
    (
        "keys export",
        &["tollgate keys export --plan pro --out keys.csv"],
    ),
    (
        "keys import-csv",
        &[
            "tollgate keys import-csv keys.csv --plan free --dry-run",
            "tollgate keys import-csv keys.csv --plans c7y23b=team",
        ],
    ),
    (
        "usage top",
        &[
            "tollgate usage top --watch",
            "tollgate usage top --month 2026-11 --plan pro --limit 20",
        ],
    ),
    (
        "usage grant",
        &[
            "tollgate usage grant acme --quota month --amount 500",
            "tollgate usage grant group/acme --plan pro --quota day --amount -20",
        ],
    ),
    ("usage grants", &["tollgate usage grants acme"]),
    (
        "usage revoke",
        &["tollgate usage revoke acme 042398471239847"],
    ),
    (
        "usage refund",
        &["jq -r .charge decision.json | tollgate usage refund"],
    ),
    (
        "import usage-plans",
        &[
            "tollgate import usage-plans plans.json keys.json c7y23b=c7y23b.json --out tollgate.yaml",
            "tollgate import usage-plans --from-account --profile old --out tollgate.yaml",
        ],
    ),
];
