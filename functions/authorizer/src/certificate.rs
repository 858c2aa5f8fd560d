//! The client certificate of mutual TLS, which API Gateway has verified against its truststore.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html>; RFC 8705
//! for tokens that are bound to one. API Gateway does not check revocation.

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use usage::Caller;
use webpki::EndEntityCert;

use crate::Reason;
use crate::header_value::header_value;
use crate::text::Text;

/// Which part of a certificate says who its holder is. Names are only unique within their issuer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HolderName {
    /// The subject's distinguished name.
    #[default]
    SubjectDn,
    /// The one DNS name among the subject's alternative names.
    SanDns,
    /// The one URI among them, such as a SPIFFE ID.
    SanUri,
    /// The serial number: every renewal is another holder.
    SerialNumber,
}

/// What API Gateway tells of it.
#[derive(Deserialize)]
pub(crate) struct Certificate<'e> {
    #[serde(rename = "clientCertPem", borrow)]
    pem: Option<Text<'e>>,
    #[serde(rename = "subjectDN")]
    subject: Option<Text<'e>>,
    #[serde(rename = "issuerDN")]
    issuer: Option<Text<'e>>,
    #[serde(rename = "serialNumber")]
    serial: Option<Text<'e>>,
}

/// Without its values, which name people.
impl std::fmt::Debug for Certificate<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Certificate<'_> {
    /// Who holds it, by that part of it, and whose usage is charged. One that leaves that part open is nobody's:
    /// all of one issuer would be the same caller.
    pub(crate) fn holder(&self, name: HolderName) -> Result<(String, Caller), Reason> {
        let issuer = filled(&self.issuer)?;
        let holder = match name {
            HolderName::SubjectDn => filled(&self.subject)?.to_owned(),
            HolderName::SerialNumber => filled(&self.serial)?.to_owned(),
            // RFC 4343: they have no case.
            HolderName::SanDns => {
                self.alternative(|certificate| only(certificate.valid_dns_names()))?.to_ascii_lowercase()
            }
            HolderName::SanUri => self.alternative(|certificate| only(certificate.valid_uri_names()))?,
        };
        // A backend would be told of nobody, whoever it is.
        if header_value(&holder).is_empty() {
            return Err(Reason::MalformedCredentials);
        }
        let caller = Caller::from_certificate(&holder, issuer);
        Ok((holder, caller))
    }

    fn alternative(&self, name: impl FnOnce(&EndEntityCert<'_>) -> Option<String>) -> Result<String, Reason> {
        let der = self.der().ok_or(Reason::MalformedCredentials)?;
        let certificate = EndEntityCert::try_from(&der).map_err(|_| Reason::MalformedCredentials)?;
        name(&certificate).ok_or(Reason::MalformedCredentials)
    }

    /// Whether this is the certificate with that SHA-256, over its DER form.
    pub(crate) fn is(&self, thumbprint: &[u8; 32]) -> bool {
        self.der().is_some_and(|der| digest(&SHA256, &der).as_ref() == thumbprint)
    }

    /// The first certificate of its PEM text; the ones behind it are its issuers'.
    fn der(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.pem.as_deref()?.as_bytes()).ok()
    }
}

fn filled<'t>(text: &'t Option<Text<'_>>) -> Result<&'t str, Reason> {
    text.as_deref().filter(|text| !text.trim().is_empty()).ok_or(Reason::MalformedCredentials)
}

/// Of several names none is the holder's more than the others.
fn only<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<String> {
    let name = names.next().filter(|name| !name.is_empty())?;
    names.next().is_none().then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn certificate<'e>(subject: Option<&'e str>, issuer: Option<&'e str>, pem: &'e str) -> Certificate<'e> {
        let text = |text| Text(Cow::Borrowed(text));
        Certificate { pem: Some(text(pem)), subject: subject.map(text), issuer: issuer.map(text), serial: None }
    }

    #[test]
    fn a_certificate_without_names_is_nobodys() {
        let long = format!("CN={}", "a".repeat(1_024));
        let held = |certificate: Certificate<'_>| certificate.holder(HolderName::SubjectDn).is_ok();
        assert!(held(certificate(Some("CN=a"), Some("CN=ca"), "")));
        for (subject, issuer) in [
            (None, Some("CN=ca")),
            (Some(long.as_str()), Some("CN=ca")),
            (Some(""), Some("CN=ca")),
            (Some(" "), Some("CN=ca")),
            (Some("CN=a"), None),
        ] {
            assert!(!held(certificate(subject, issuer, "")), "{subject:?} {issuer:?}");
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
