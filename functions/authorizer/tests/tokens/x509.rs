//! Certificates with arbitrary names, in DER. They are not signed, because API Gateway checks that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANISATION: &[u8] = &[0x55, 4, 10];
const UNIT: &[u8] = &[0x55, 4, 11];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 6;
const UTF8: u8 = 12;
const BIT_STRING: u8 = 3;
const OCTET_STRING: u8 = 4;
const UTC_TIME: u8 = 23;
/// Alternative names of these kinds.
pub(crate) const DNS: u8 = 0x82;
pub(crate) const URI: u8 = 0x86;

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = match content.len() {
        ..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    der.extend(content);
    der
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(SEQUENCE, &parts.concat())
}

fn algorithm() -> Vec<u8> {
    sequence(&[der(OID, ECDSA_WITH_SHA256)])
}

/// A name from attributes such as `CN`, `O` or `OU`, the most general first.
fn name(attributes: &[(&str, &str)]) -> Vec<u8> {
    let part = |&(kind, value): &(&str, &str)| {
        let oid = match kind {
            "CN" => COMMON_NAME,
            "O" => ORGANISATION,
            _ => UNIT,
        };
        der(
            SET,
            &sequence(&[der(OID, oid), der(UTF8, value.as_bytes())]),
        )
    };
    sequence(&attributes.iter().map(part).collect::<Vec<_>>())
}

/// An extension with these alternative names.
fn alternative_names(names: &[(u8, &str)]) -> Vec<u8> {
    let names: Vec<_> = names
        .iter()
        .map(|&(kind, name)| der(kind, name.as_bytes()))
        .collect();
    sequence(&[
        der(OID, ALTERNATIVE_NAMES),
        der(OCTET_STRING, &sequence(&names)),
    ])
}

/// Alternative names with their kinds. Each list is a separate extension.
pub(crate) type Alternatives<'n> = &'n [&'n [(u8, &'n str)]];

/// The contents of a test certificate.
#[derive(Clone, Copy)]
pub(crate) struct Names<'n> {
    pub(crate) subject: &'n [(&'n str, &'n str)],
    pub(crate) issuer: &'n [(&'n str, &'n str)],
    pub(crate) alternatives: Alternatives<'n>,
}

impl Names<'_> {
    pub(crate) fn der(self) -> Vec<u8> {
        let time = || der(UTC_TIME, b"260101000000Z");
        let key = sequence(&[algorithm(), der(BIT_STRING, &[0, 4, 1, 2])]);
        let mut parts = vec![
            der(0xa0, &der(2, &[2])),
            der(2, &[7]),
            algorithm(),
            name(self.issuer),
            sequence(&[time(), time()]),
            name(self.subject),
            key,
        ];
        if !self.alternatives.is_empty() {
            let extensions: Vec<_> = self
                .alternatives
                .iter()
                .map(|names| alternative_names(names))
                .collect();
            parts.push(der(0xa3, &sequence(&extensions)));
        }
        sequence(&[sequence(&parts), algorithm(), der(BIT_STRING, &[0, 1])])
    }

    /// The certificate as API Gateway sends it. The names in API Gateway's strings differ, so that
    /// a test notices if they are read.
    pub(crate) fn sent(self) -> Value {
        sent(&self.der())
    }
}

pub(crate) fn sent(der: &[u8]) -> Value {
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(der)
    );
    json!({"clientCertPem": pem, "subjectDN": "CN=not read", "issuerDN": "CN=not read", "serialNumber": "1",
           "validity": {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  1 00:00:00 2036 GMT"}})
}

/// A certificate of a holder with this common name, issued by `CN=ca`.
pub(crate) fn certificate_of(common_name: &str) -> Value {
    Names {
        subject: &[("O", "Example Corp"), ("CN", common_name)],
        issuer: &[("CN", "ca")],
        alternatives: &[],
    }
    .sent()
}

pub(crate) fn with_certificate(mut event: Value, certificate: Value) -> Value {
    event["requestContext"]["authentication"] = json!({"clientCert": certificate});
    event
}
