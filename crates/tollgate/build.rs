//! Sets `TOLLGATE_COMMIT_ID` to the commit that is built, for `tollgate --version`.
//!
//! The variable `TOLLGATE_COMMIT` of the environment names the commit. Without it, the commit of the
//! checkout is used. Source code from an archive without Git has no commit, which is no error.

use std::env::VarError;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Names the commit in place of the checkout.
const COMMIT: &str = "TOLLGATE_COMMIT";
/// The number of characters of a commit in the version.
const SHORT_COMMIT: usize = 12;

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed={COMMIT}");
    println!("cargo::rerun-if-changed=build.rs");

    let commit = match std::env::var(COMMIT) {
        Ok(commit) => Some(commit),
        Err(VarError::NotUnicode(_)) => return invalid(),
        Err(VarError::NotPresent) => commit_of_checkout(),
    };
    match commit.as_deref().map(str::trim) {
        None | Some("") => ExitCode::SUCCESS,
        Some(commit) if is_commit(commit) => {
            let short = &commit[..commit.len().min(SHORT_COMMIT)];
            println!("cargo::rustc-env=TOLLGATE_COMMIT_ID={short}");
            ExitCode::SUCCESS
        }
        Some(_) => invalid(),
    }
}

fn invalid() -> ExitCode {
    println!("cargo::error={COMMIT}: expected a commit of 7 to 64 hexadecimal digits");
    ExitCode::FAILURE
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the commit of the checkout, and makes cargo run this program again once it changes.
fn commit_of_checkout() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The archive may have been unpacked inside of another checkout.
    if !root.join(".git").exists() {
        return None;
    }

    let commit = git(&root, &["rev-parse", "HEAD"]);
    if commit.is_none() {
        println!("cargo::warning=Git does not name the commit, so `--version` omits it");
    }
    watch(&root);
    commit
}

/// Watches `HEAD`, and the branch that it names. A file that does not exist would make cargo run this
/// program in every build, so a packed branch is watched by the log of `HEAD`.
fn watch(root: &Path) -> Option<()> {
    let watch_if_exists = |name: &str| -> Option<()> {
        let path = root.join(git(root, &["rev-parse", "--git-path", name])?);
        path.exists()
            .then(|| println!("cargo::rerun-if-changed={}", path.display()))
    };

    watch_if_exists("HEAD")?;
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"])?;
    watch_if_exists(&branch)
        .or_else(|| watch_if_exists("logs/HEAD"))
        .or_else(|| watch_if_exists("packed-refs"))
}

/// Returns the first line that Git prints, or `None` without Git or if it fails.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;

    output.status.success().then(|| text.trim().to_owned())
}
