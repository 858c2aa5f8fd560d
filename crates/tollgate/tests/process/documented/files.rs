//! The files that the commands of a page read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use testing::documents::Page;

use crate::program::{project, tollgate};

/// Files and folders of the project that commands read, by the names that pages use.
const PROJECT_FILES: [(&str, &str); 4] = [
    ("template.yaml", "template.yaml"),
    ("events", "events"),
    ("examples", "examples"),
    ("corp-ca.pem", "tests/vectors/tls/authority.pem"),
];
/// The policy of a page that shows none.
const POLICY: &str = r#"{"rules": [{"match": "ANY /{proxy+}", "auth": "api_key"}]}"#;

/// Adds the files of the project, those in the page, a token, and those in `tests/documented` that are
/// in a folder with the name of the page.
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
    let policy = folder.join("policy.json");
    if !policy.exists() {
        fs::write(policy, POLICY).unwrap();
    }
    let token = tollgate(&["token"]).current_dir(folder).output().unwrap();
    fs::write(folder.join("token.txt"), token.stdout).unwrap();

    let stem = Path::new(&page.path).file_stem().unwrap();
    let own = project()
        .join("crates/tollgate/tests/documented")
        .join(stem);
    if let Ok(entries) = fs::read_dir(own) {
        for entry in entries.map(Result::unwrap) {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
}

/// Returns the name that pages use for a document, by its fields.
fn file_name(block: &str) -> Option<&'static str> {
    let document: Value = serde_json::from_str(block).ok()?;
    if document.get("rules").is_some() {
        Some("policy.json")
    } else if document.get("plans").is_some() && document.get("keys").is_some() {
        Some("seeds.json")
    } else {
        None
    }
}
