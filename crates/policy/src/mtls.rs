//! Client certificates as credentials.

use serde::Deserialize;

/// The handling of client certificates.
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

/// The part of a certificate that names its holder. A name is unique only within one issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HolderName {
    /// The subject's distinguished name.
    #[default]
    SubjectDn,
    /// The only DNS name among the subject's alternative names.
    SanDns,
    /// The only URI among the subject's alternative names, such as a SPIFFE ID.
    SanUri,
    /// The serial number. Each renewal of the certificate is another holder.
    SerialNumber,
}
