//! Client certificates as credentials.

use serde::Deserialize;

/// How client certificates are accepted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// The plan of callers with a certificate.
    pub default_plan: String,
    /// The part of the certificate that becomes the `user_id` and is charged. The default is
    /// `subject_dn`.
    #[serde(default)]
    pub user_from: HolderName,
}

/// The part of a certificate that names its holder. Names are only unique within their issuer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HolderName {
    /// The subject's distinguished name.
    #[default]
    SubjectDn,
    /// The only DNS name among the subject's alternative names.
    SanDns,
    /// The only URI among them, such as a SPIFFE ID.
    SanUri,
    /// The serial number: every renewal is another holder.
    SerialNumber,
}
