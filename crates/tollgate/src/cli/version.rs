//! The version that `--version` prints.

use std::sync::LazyLock;

/// The version, the commit if it is known, and the release of the bundled time-zone data.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    version(
        option_env!("TOLLGATE_COMMIT_ID"),
        limits::time_zone_release(),
    )
});

fn version(commit: Option<&str>, time_zones: &str) -> String {
    let commit = commit.map(|commit| format!("commit {commit}, "));
    format!(
        "{} ({}time zones {time_zones})",
        env!("CARGO_PKG_VERSION"),
        commit.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_names_the_commit_if_it_is_known() {
        let version = |commit| version(commit, "2026f");
        assert!(
            version(Some("8e1cc76a1b2c")).ends_with(" (commit 8e1cc76a1b2c, time zones 2026f)")
        );
        assert!(version(None).ends_with(" (time zones 2026f)"));
    }

    #[test]
    fn commit_of_a_checkout_is_known() {
        let checkout = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.git");
        let commit = option_env!("TOLLGATE_COMMIT_ID");
        assert!(commit.is_some() || !checkout.exists());
        assert!(commit.is_none_or(|commit| VERSION.contains(commit)));
    }
}
