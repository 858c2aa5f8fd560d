//! The client certificate of a request. API Gateway has checked its chain, its validity period and
//! the possession of its key, but not its revocation.
//!
//! Names are read from the certificate itself, not from the strings of API Gateway.

mod distinguished_name;

use aws_lc_rs::digest::{SHA256, digest};
use outcome::Reason;
use policy::HolderName;
use policy::header_value::{access_log_value, header_value};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode as _;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use crate::event::JsonStr;

use self::distinguished_name::distinguished_name;

/// The longest label of a DNS name (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// The longest DNS name without its final dot.
const MAX_DNS_NAME_BYTES: usize = 253;

/// The holder of a certificate. Its name is unique only within the issuer.
pub(crate) struct Holder {
    pub(crate) name: String,
    /// The issuer's distinguished name.
    pub(crate) issuer: String,
}

/// The fields of a certificate in an event.
#[derive(Deserialize)]
pub(crate) struct Certificate<'e> {
    #[serde(rename = "clientCertPem", borrow)]
    pem: Option<JsonStr<'e>>,
    #[serde(rename = "serialNumber")]
    serial: Option<JsonStr<'e>>,
}

/// Omits the values, which can name people.
impl std::fmt::Debug for Certificate<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Certificate")
            .finish_non_exhaustive()
    }
}

impl Certificate<'_> {
    /// Returns the holder, named by `part` of the certificate.
    ///
    /// # Errors
    /// [`Reason::MalformedCredentials`] if the part is missing, contains several names, or does not
    /// fit into a header.
    pub(crate) fn holder(&self, part: HolderName) -> Result<Holder, Reason> {
        self.read(part)
            .filter(Holder::fits_headers)
            .ok_or(Reason::MalformedCredentials)
    }

    fn read(&self, part: HolderName) -> Option<Holder> {
        let certificate: CertificateInner<Raw> = CertificateInner::from_der(&self.der()?).ok()?;
        let certificate = certificate.tbs_certificate();

        let name = match part {
            HolderName::SubjectDn => distinguished_name(certificate.subject())?,
            HolderName::SerialNumber => self.serial.as_deref()?.trim().to_owned(),
            HolderName::SanDns => dns_name(&alternative_names(certificate.extensions()?)?)?,
            HolderName::SanUri => uri(&alternative_names(certificate.extensions()?)?)?,
        };
        Some(Holder {
            name,
            issuer: distinguished_name(certificate.issuer())?,
        })
    }

    /// True if the SHA-256 of the certificate in DER form is `thumbprint`.
    pub(crate) fn has_thumbprint(&self, thumbprint: &[u8; 32]) -> bool {
        self.der()
            .is_some_and(|der| digest(&SHA256, &der).as_ref() == thumbprint)
    }

    /// Returns the first certificate of the PEM text in DER form. Later ones are those of its
    /// issuers.
    fn der(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.pem.as_deref()?.as_bytes()).ok()
    }
}

impl Holder {
    /// True if the backend receives both names. It receives an empty or long one as `-`, like that
    /// of any other holder.
    fn fits_headers(&self) -> bool {
        !header_value(&self.name).is_empty() && !access_log_value(&self.issuer).is_empty()
    }
}

/// Returns the subject's alternative names, if there is exactly one such extension.
fn alternative_names(extensions: &[x509_cert::ext::Extension]) -> Option<GeneralNames> {
    let extension = only(
        extensions
            .iter()
            .filter(|extension| extension.extn_id == SubjectAltName::OID),
    )?;
    SubjectAltName::from_der(extension.extn_value.as_bytes())
        .ok()
        .map(|names| names.0)
}

/// Returns the only DNS name, in lower case (RFC 4343) and without the final dot.
fn dns_name(names: &GeneralNames) -> Option<String> {
    let name = only(names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str()),
        _ => None,
    }))?;
    let name = name.strip_suffix('.').unwrap_or(name);
    is_dns_name(name).then(|| name.to_ascii_lowercase())
}

/// Returns the only URI.
fn uri(names: &GeneralNames) -> Option<String> {
    let name = only(names.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(name) => Some(name.as_str()),
        _ => None,
    }));
    name.map(str::to_owned)
}

/// Returns the only item. With several names, the holder would be ambiguous. Wildcards and invalid
/// names count too.
fn only<T>(mut names: impl Iterator<Item = T>) -> Option<T> {
    let name = names.next();
    if names.next().is_some() { None } else { name }
}

/// True for the name of one host: no wildcard and no empty label.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };

    name.len() <= MAX_DNS_NAME_BYTES && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use x509_cert::der::asn1::Ia5String;

    #[test]
    fn dns_name_must_be_the_only_one() {
        let name = |names: &[&str]| {
            let names: Vec<_> = names
                .iter()
                .map(|name| GeneralName::DnsName(Ia5String::new(*name).unwrap()))
                .collect();
            dns_name(&names)
        };
        for same in ["svc.corp", "SVC.corp", "svc.corp."] {
            assert_eq!(name(&[same]).as_deref(), Some("svc.corp"), "{same}");
        }
        for none in [
            &[][..],
            &[""],
            &["."],
            &["*.corp"],
            &["svc..corp"],
            &["svc.corp.."],
            &["svc corp"],
            &["*.corp", "svc.corp"],
            &["svc.corp", "*.corp"],
            &["svc.corp", "svc.corp"],
            &["svc.corp", "svc.corp."],
            &["", "svc.corp"],
            &["svc corp", "svc.corp"],
        ] {
            assert_eq!(name(none), None, "{none:?}");
        }
        assert_eq!(name(&[&"a".repeat(64)]), None);
        assert_eq!(
            name(&[&["a"; 127].join(".")]).map(|name| name.len()),
            Some(253)
        );
        assert_eq!(name(&[&["a"; 128].join(".")]), None);
    }

    #[test]
    fn thumbprint_is_that_of_the_first_certificate() {
        let pem = "-----BEGIN CERTIFICATE-----\nZGVy\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nZGVz\n-----END CERTIFICATE-----\n";
        let certificate = |pem| Certificate {
            pem: Some(JsonStr(Cow::Borrowed(pem))),
            serial: None,
        };
        let hash = |text: &str| {
            digest(&SHA256, text.as_bytes())
                .as_ref()
                .try_into()
                .unwrap()
        };
        assert!(certificate(pem).has_thumbprint(&hash("der")));
        assert!(!certificate(pem).has_thumbprint(&hash("des")));
        for broken in [
            "",
            "-----BEGIN CERTIFICATE-----",
            "ZGVy",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
        ] {
            assert!(
                !certificate(broken).has_thumbprint(&hash("der")),
                "{broken}"
            );
        }
    }
}
