//! The client certificate of mutual TLS, which API Gateway has verified against its truststore.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html>; RFC 8705
//! for tokens that are bound to one. API Gateway does not check revocation.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::Reason;

/// What API Gateway tells of it.
#[derive(Deserialize)]
pub(crate) struct Certificate {
    #[serde(rename = "clientCertPem")]
    pem: Option<String>,
    #[serde(rename = "subjectDN")]
    subject: Option<String>,
    #[serde(rename = "issuerDN")]
    issuer: Option<String>,
}

/// Without its values, which name people.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Certificate {
    /// The names of its subject and of its issuer. A certificate without a subject is nobody's: all of one
    /// issuer would be the same caller.
    pub(crate) fn names(&self) -> Result<(&str, &str), Reason> {
        let name = |name: &Option<String>| name.as_deref().map(str::trim).filter(|name| !name.is_empty()).is_some();
        match (&self.subject, &self.issuer) {
            (Some(subject), Some(issuer)) if name(&self.subject) && name(&self.issuer) => Ok((subject, issuer)),
            _ => Err(Reason::MalformedCredentials),
        }
    }

    /// Whether this is the certificate with that SHA-256, over its DER form.
    pub(crate) fn is(&self, thumbprint: &[u8; 32]) -> bool {
        self.pem.as_deref().and_then(der).is_some_and(|der| digest(&SHA256, &der).as_ref() == thumbprint)
    }
}

/// The first certificate of a PEM text; the ones behind it are its issuers'.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (text, _) = rest.split_once("-----END CERTIFICATE-----")?;
    STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(subject: Option<&str>, issuer: Option<&str>, pem: &str) -> Certificate {
        Certificate {
            pem: Some(pem.to_owned()),
            subject: subject.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
        }
    }

    #[test]
    fn a_certificate_without_names_is_nobodys() {
        assert!(certificate(Some("CN=a"), Some("CN=ca"), "").names().is_ok());
        for (subject, issuer) in
            [(None, Some("CN=ca")), (Some(""), Some("CN=ca")), (Some(" "), Some("CN=ca")), (Some("CN=a"), None)]
        {
            assert!(certificate(subject, issuer, "").names().is_err(), "{subject:?} {issuer:?}");
        }
    }

    #[test]
    fn a_thumbprint_is_of_the_first_certificates_der() {
        let pem = "-----BEGIN CERTIFICATE-----\nZGVy\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nZGVz\n-----END CERTIFICATE-----\n";
        let hash = |text: &str| digest(&SHA256, text.as_bytes()).as_ref().try_into().unwrap();
        assert!(certificate(None, None, pem).is(&hash("der")));
        assert!(!certificate(None, None, pem).is(&hash("des")));
        for broken in
            ["", "-----BEGIN CERTIFICATE-----", "ZGVy", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"]
        {
            assert!(!certificate(None, None, broken).is(&hash("der")), "{broken}");
        }
    }
}
