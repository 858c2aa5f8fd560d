//! The client certificate of a request. API Gateway has checked it: its chain, its time, its
//! owner's possession of the key, and not its revocation.
//!
//! Names are read from the certificate itself and not from API Gateway's strings.

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

/// RFC 1035, section 2.3.4.
const MAX_LABEL_BYTES: usize = 63;
const MAX_DNS_NAME_BYTES: usize = 253;

/// Who holds a certificate, within the names of the authority that issued it.
pub(crate) struct Holder {
    pub(crate) name: String,
    /// The issuer's distinguished name.
    pub(crate) issuer: String,
}

/// What API Gateway tells of it.
#[derive(Deserialize)]
pub(crate) struct Certificate<'e> {
    #[serde(rename = "clientCertPem", borrow)]
    pem: Option<JsonStr<'e>>,
    #[serde(rename = "serialNumber")]
    serial: Option<JsonStr<'e>>,
}

/// Without its values, which name people.
impl std::fmt::Debug for Certificate<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Certificate")
            .finish_non_exhaustive()
    }
}

impl Certificate<'_> {
    /// The holder, by that part of the certificate.
    ///
    /// # Errors
    /// [`Reason::MalformedCredentials`] if that part is missing, contains several names, or does
    /// not fit into a header: several holders would be one caller, or the backend could not tell
    /// who calls.
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

    /// True if this is the certificate with that SHA-256, over its DER form.
    pub(crate) fn is(&self, thumbprint: &[u8; 32]) -> bool {
        self.der()
            .is_some_and(|der| digest(&SHA256, &der).as_ref() == thumbprint)
    }

    /// The first certificate of its PEM text; the ones behind it are its issuers'.
    fn der(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.pem.as_deref()?.as_bytes()).ok()
    }
}

impl Holder {
    /// An empty or longer value would reach the backend as `-`, which stands for any holder or
    /// authority.
    fn fits_headers(&self) -> bool {
        !header_value(&self.name).is_empty() && !access_log_value(&self.issuer).is_empty()
    }
}

/// The subject's alternative names, if there is exactly one such extension.
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

/// The DNS name in lower case (RFC 4343) and without the dot of the root.
fn dns_name(names: &GeneralNames) -> Option<String> {
    let name = only(names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str()),
        _ => None,
    }))?;
    let name = name.strip_suffix('.').unwrap_or(name);
    is_dns_name(name).then(|| name.to_ascii_lowercase())
}

fn uri(names: &GeneralNames) -> Option<String> {
    let name = only(names.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(name) => Some(name.as_str()),
        _ => None,
    }));
    name.map(str::to_owned)
}

/// Of several names, none is the holder's more than the others. Wildcards and invalid names count
/// too.
fn only<T>(mut names: impl Iterator<Item = T>) -> Option<T> {
    let name = names.next();
    if names.next().is_some() { None } else { name }
}

/// True for a name of one host: no wildcard, no empty label.
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
    fn a_dns_name_is_the_only_one_without_its_final_dot() {
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
    fn a_thumbprint_is_of_the_first_certificates_der() {
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
        assert!(certificate(pem).is(&hash("der")));
        assert!(!certificate(pem).is(&hash("des")));
        for broken in [
            "",
            "-----BEGIN CERTIFICATE-----",
            "ZGVy",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
        ] {
            assert!(!certificate(broken).is(&hash("der")), "{broken}");
        }
    }
}
