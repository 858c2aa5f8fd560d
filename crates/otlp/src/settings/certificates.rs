//! The certificate authorities of the collector.

use aws::ExtraAuthorities;
use environment::{SettingError, Variables};

const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

/// Reads the PEM file that the variable names. There are no authorities if it is missing.
///
/// # Errors
/// [`SettingError`] if the file cannot be read, or contains no valid certificate.
pub(super) fn authorities<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
) -> Result<ExtraAuthorities, SettingError> {
    match variables.optional(CERTIFICATE) {
        Some(path) => ExtraAuthorities::read(CERTIFICATE, &path),
        None => Ok(ExtraAuthorities::default()),
    }
}
