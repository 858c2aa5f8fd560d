//! Who is charged.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Begins the text form of an API key.
const KEY_CALLER: &str = "key#";
/// Begins the text form of a token's subject.
const SUBJECT_CALLER: &str = "sub#";
/// Begins the text form of a client certificate.
const CERTIFICATE_CALLER: &str = "cert#";
/// Begins the text form of a source address.
const ADDRESS_CALLER: &str = "ip#";
/// Begins the text form of all callers of a shared plan.
const PLAN_CALLER: &str = "plan#";

/// The prefixes of all callers' text forms, one per kind of caller.
pub const CALLER_PREFIXES: [&str; 5] = [
    KEY_CALLER,
    SUBJECT_CALLER,
    CERTIFICATE_CALLER,
    ADDRESS_CALLER,
    PLAN_CALLER,
];

/// The one caller whose limits a call takes from. Its text form names its usage item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An API key, by the id that survives its rotation.
    Key(String),
    /// Whoever a token names, by the hash of issuer and subject.
    Subject([u8; 32]),
    /// A client certificate, by the hash of its subject's and its issuer's name.
    Certificate([u8; 32]),
    /// A source address on one plan: IPv4 as it is, IPv6 by its /64, the least that one customer is
    /// given. On another plan it is another caller, or a busy search would lock an address out of
    /// its login.
    Address {
        /// Where the calls come from.
        address: IpAddr,
        /// The plan's name.
        plan: String,
    },
    /// Everybody who is on a plan that its callers share, by its name.
    Plan(Arc<str>),
}

impl Caller {
    /// The caller that `issuer` calls `subject`.
    #[must_use]
    pub fn from_subject(issuer: &str, subject: &str) -> Self {
        Self::Subject(hash_of(issuer, subject))
    }

    /// The caller behind a certificate, by the distinguished names in it.
    #[must_use]
    pub fn from_certificate(subject: &str, issuer: &str) -> Self {
        Self::Certificate(hash_of(subject, issuer))
    }

    /// The caller behind a source address. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn from_address(address: IpAddr, plan: &str) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address @ IpAddr::V4(_) => address,
        };
        Self::Address {
            address,
            plan: plan.to_owned(),
        }
    }

    /// True if the days of this caller are kept for reports. The days of addresses are not.
    pub fn has_reports(&self) -> bool {
        matches!(self, Self::Key(_) | Self::Subject(_) | Self::Certificate(_))
    }

    /// The plan's name, where its callers share it.
    pub fn shared_plan(&self) -> Option<&Arc<str>> {
        match self {
            Self::Plan(name) => Some(name),
            _ => None,
        }
    }
}

/// The first text's length stands in front, so that no other pair of texts has the same bytes.
fn hash_of(first: &str, second: &str) -> [u8; 32] {
    let length = (first.len() as u64).to_be_bytes();
    let hash = Sha256::new()
        .chain_update(length)
        .chain_update(first)
        .chain_update(second);
    hash.finalize().into()
}

fn write_hash(formatter: &mut fmt::Formatter<'_>, kind: &str, hash: &[u8; 32]) -> fmt::Result {
    formatter.write_str(kind)?;
    hash.iter()
        .try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(formatter, "{KEY_CALLER}{id}"),
            Self::Subject(hash) => write_hash(formatter, SUBJECT_CALLER, hash),
            Self::Certificate(hash) => write_hash(formatter, CERTIFICATE_CALLER, hash),
            Self::Address { address, plan } => {
                write!(formatter, "{ADDRESS_CALLER}{address}#{plan}")
            }
            Self::Plan(name) => write!(formatter, "{PLAN_CALLER}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(address: &str) -> String {
        Caller::from_address(address.parse().unwrap(), "p").to_string()
    }

    #[test]
    fn an_ipv6_caller_is_its_network() {
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), "ip#2001:db8:1:2::#p");
        assert_eq!(caller("2001:db8:1:2:ffff::"), caller("2001:db8:1:2::1"));
        assert_ne!(caller("2001:db8:1:3::1"), caller("2001:db8:1:2::1"));
    }

    #[test]
    fn an_ipv4_caller_is_itself_however_it_is_written() {
        assert_eq!(caller("192.0.2.7"), "ip#192.0.2.7#p");
        assert_eq!(caller("::ffff:192.0.2.7"), "ip#192.0.2.7#p");
    }

    #[test]
    fn an_address_on_another_plan_is_another_caller() {
        let on = |plan| Caller::from_address("192.0.2.7".parse().unwrap(), plan);
        assert_ne!(on("login"), on("search"));
    }

    #[test]
    fn a_subject_is_its_issuers_and_nobody_elses() {
        let alice = Caller::from_subject("https://a", "alice");
        assert_eq!(alice.to_string().len(), "sub#".len() + 64);
        for (issuer, subject) in [
            ("https://b", "alice"),
            ("https://a", "bob"),
            ("https://aa", "lice"),
        ] {
            assert_ne!(
                Caller::from_subject(issuer, subject),
                alice,
                "{issuer} {subject}"
            );
        }
    }

    #[test]
    fn a_certificate_is_not_a_subject_of_the_same_names() {
        let certificate = Caller::from_certificate("CN=a", "CN=ca");
        assert!(certificate.to_string().starts_with("cert#"));
        assert_ne!(certificate, Caller::from_subject("CN=a", "CN=ca"));
        assert_ne!(certificate, Caller::from_certificate("CN=a", "CN=other"));
    }
}
