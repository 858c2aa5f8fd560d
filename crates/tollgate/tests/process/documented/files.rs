//! The files that the commands of a page read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use testing::documents::Page;

use crate::program::{project, tollgate};

/// Files and folders of the project that commands read, by the names that pages use.
const PROJECT_FILES: [(&str, &str); 8] = [
    ("template.yaml", "template.yaml"),
    ("events", "events"),
    ("examples", "examples"),
    ("corp-ca.pem", "tests/vectors/tls/authority.pem"),
    (
        "kong.yaml",
        "crates/migration/tests/kong/files/documentation.yaml",
    ),
    (
        "plans.json",
        "crates/migration/src/usage_plans/samples/usage-plans.json",
    ),
    (
        "keys.json",
        "crates/migration/src/usage_plans/samples/api-keys.json",
    ),
    (
        "c7y23b.json",
        "crates/migration/src/usage_plans/samples/usage-plan-keys.json",
    ),
];
/// The names of a second version of the policy.
const CANDIDATES: [&str; 2] = ["candidate.json", "next.json"];
/// The keys of `keys create --from`.
const NAMES: &str = "name,plan,metadata.email\nAcme Inc.,pro,ops@acme.example\n";
/// A key file of API Gateway.
const KEY_FILE: &str = "Name,Key,Description,Enabled,UsagePlanIds\n\
    Team A,a-key-of-the-key-file-0001,,TRUE,c7y23b\n\
    Team B,a-key-of-the-key-file-0002,,TRUE,glvrsr\n";
/// The policy of a page that shows none.
const POLICY: &str = r#"{"rules": [{"match": "ANY /{proxy+}", "auth": "api_key"}]}"#;
/// The compositions of a page that shows none.
const COMPOSITIONS: &str = r#"{"services": {"default": {"url": "http://orders.example"}, "users": {"url": "http://users.example"}},
    "routes": {"GET /bff/dashboard": {"parts": {
        "user": {"get": "/users/{user_id}", "service": "users"}, "orders": {"get": "/orders?userId={user_id}"}}}}}"#;

/// Adds the files of the project, those in the page, a key file and a token.
pub(super) fn add_files(page: &Page, folder: &Path) {
    for (name, path) in PROJECT_FILES {
        symlink(project().join(path), folder.join(name)).unwrap();
    }

    for block in page.blocks("json") {
        let Some(name) = file_name(&block) else {
            continue;
        };
        if !folder.join(name).exists() {
            fs::write(folder.join(name), block).unwrap();
        }
    }
    for (name, text) in [("policy.json", POLICY), ("compositions.json", COMPOSITIONS)] {
        if !folder.join(name).exists() {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for name in CANDIDATES {
        fs::copy(folder.join("policy.json"), folder.join(name)).unwrap();
    }
    fs::write(folder.join("keys.csv"), KEY_FILE).unwrap();
    fs::write(folder.join("names.csv"), NAMES).unwrap();
    let token = tollgate(&["token"]).current_dir(folder).output().unwrap();
    fs::write(folder.join("token.txt"), token.stdout).unwrap();
}

/// Returns the name that pages use for a document, by its fields.
fn file_name(block: &str) -> Option<&'static str> {
    let document: Value = serde_json::from_str(block).ok()?;
    if document.get("rules").is_some() {
        Some("policy.json")
    } else if document.get("routes").is_some() {
        Some("compositions.json")
    } else if document.get("plans").is_some() && document.get("keys").is_some() {
        Some("seeds.json")
    } else {
        None
    }
}
