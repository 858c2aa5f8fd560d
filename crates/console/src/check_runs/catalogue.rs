//! The descriptions of the checks.

use checks::{Check, DOCUMENTATION};
use serde::Serialize;

use super::target::CheckTarget;

/// A check, as the page describes it.
#[derive(Debug, Serialize)]
pub(crate) struct CheckDescription {
    id: &'static str,
    group: &'static str,
    title: &'static str,
    explanation: &'static str,
    fix: &'static str,
    permissions: &'static [&'static str],
    evidence: Option<&'static str>,
    /// The section of the documentation.
    link: String,
    /// True if a run with this target can make the check.
    is_available: bool,
}

/// Returns the descriptions of all checks, in the order of a report.
pub(crate) fn catalogue(target: &CheckTarget) -> Vec<CheckDescription> {
    let describe = |check: &'static Check| CheckDescription {
        id: check.id,
        group: check.group.name(),
        title: check.title,
        explanation: check.explanation,
        fix: check.fix,
        permissions: check.permissions,
        evidence: check.evidence,
        link: format!("{DOCUMENTATION}#{}", check.id),
        is_available: target.includes(check.group),
    };
    checks::catalogue::all().map(describe).collect()
}
