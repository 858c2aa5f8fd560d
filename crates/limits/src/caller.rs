//! The caller that is charged for a call.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The prefix of an API key.
const KEY_CALLER: &str = "key#";
/// The prefix of a token's subject.
const SUBJECT_CALLER: &str = "sub#";
/// The prefix of a client certificate.
const CERTIFICATE_CALLER: &str = "cert#";
/// The prefix of a source address.
const ADDRESS_CALLER: &str = "ip#";
/// The prefix of all callers of a shared plan.
const PLAN_CALLER: &str = "plan#";
/// The prefix of all keys of a group.
const GROUP_CALLER: &str = "group#";

/// The prefixes of all callers' text forms, one per kind of caller.
pub const CALLER_PREFIXES: [&str; 6] = [
    KEY_CALLER,
    SUBJECT_CALLER,
    CERTIFICATE_CALLER,
    ADDRESS_CALLER,
    PLAN_CALLER,
    GROUP_CALLER,
];

/// The caller whose limits a call takes from. Its text form is part of its usage item's partition
/// key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An API key, by its id, which stays the same when secrets are rotated.
    Key(String),
    /// The subject of a token, by a hash of issuer and subject.
    Subject([u8; 32]),
    /// A client certificate, by a hash of the names of its subject and its issuer.
    Certificate([u8; 32]),
    /// A source address and a plan. An IPv6 address counts as its /64 network, the smallest that an
    /// access provider assigns to a customer. On another plan the address is another caller.
    /// Otherwise, frequent searches could block the login of the same address.
    Address {
        /// The source address of the calls.
        address: IpAddr,
        /// The name of the plan.
        plan: String,
    },
    /// All callers of a shared plan, by the name of the plan.
    Plan(Arc<str>),
    /// All keys of a group, by the name of the group.
    Group(Arc<str>),
}

impl Caller {
    /// Returns the caller for a token of `issuer` with this subject.
    #[must_use]
    pub fn from_subject(issuer: &str, subject: &str) -> Self {
        Self::Subject(hash_of(issuer, subject))
    }

    /// Returns the caller for a certificate with these distinguished names.
    #[must_use]
    pub fn from_certificate(subject: &str, issuer: &str) -> Self {
        Self::Certificate(hash_of(subject, issuer))
    }

    /// Returns the caller for a source address. An IPv4-mapped IPv6 address counts as the IPv4
    /// address.
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

    /// Returns the caller with this text form, which is that of [`Display`](fmt::Display). `None`
    /// if there is none.
    ///
    /// ```
    /// use limits::Caller;
    ///
    /// let caller = Caller::from_text("key#mobile");
    /// assert_eq!(caller, Some(Caller::Key("mobile".to_owned())));
    /// ```
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (kind, id) = text.split_at(text.find('#')? + 1);
        if id.is_empty() {
            return None;
        }

        match kind {
            KEY_CALLER => Some(Self::Key(id.to_owned())),
            SUBJECT_CALLER => hash_from_text(id).map(Self::Subject),
            CERTIFICATE_CALLER => hash_from_text(id).map(Self::Certificate),
            ADDRESS_CALLER => {
                let (address, plan) = id.split_once('#').filter(|(_, plan)| !plan.is_empty())?;
                let caller = Self::from_address(address.parse().ok()?, plan);
                Some(caller)
            }
            PLAN_CALLER => Some(Self::Plan(id.into())),
            GROUP_CALLER => Some(Self::Group(id.into())),
            _ => None,
        }
    }

    /// True if the store keeps days of this caller for reports. It keeps none of addresses and
    /// shared plans.
    pub fn has_reports(&self) -> bool {
        !matches!(self, Self::Address { .. } | Self::Plan(_))
    }

    /// True if several callers share this one's limits.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Plan(_) | Self::Group(_))
    }
}

/// Returns a hash of two texts. It starts with the length of the first one, so that no other pair
/// has the same bytes.
fn hash_of(first: &str, second: &str) -> [u8; 32] {
    let length = (first.len() as u64).to_be_bytes();
    let hash = Sha256::new()
        .chain_update(length)
        .chain_update(first)
        .chain_update(second);
    hash.finalize().into()
}

/// Reads the 64 lower-case hexadecimal digits of a hash.
fn hash_from_text(text: &str) -> Option<[u8; 32]> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.bytes().all(is_digit) {
        return None;
    }

    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

fn write_hash(formatter: &mut fmt::Formatter<'_>, kind: &str, hash: &[u8; 32]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    // Formatting each byte by itself costs twenty times as much, and every decision needs the text.
    let mut text = [0; 64];
    for (digits, byte) in text.chunks_exact_mut(2).zip(hash) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 0xf)];
    }

    formatter.write_str(kind)?;
    formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
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
            Self::Group(name) => write!(formatter, "{GROUP_CALLER}{name}"),
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
    fn text_form_is_read_back() {
        let address = |text: &str| Caller::from_address(text.parse().unwrap(), "a#b");
        for caller in [
            Caller::Key("k#1".to_owned()),
            Caller::from_subject("https://issuer.example", "alice"),
            Caller::from_certificate("CN=a", "CN=ca"),
            address("192.0.2.7"),
            address("2001:db8::1"),
            Caller::Plan("free".into()),
            Caller::Group("acme".into()),
        ] {
            assert_eq!(Caller::from_text(&caller.to_string()), Some(caller));
        }
    }

    #[test]
    fn other_text_is_no_caller() {
        let upper = format!("sub#{}", "0A".repeat(32));
        let short = format!("cert#{}", "0a".repeat(31));
        for text in [
            "",
            "-",
            "key",
            "key#",
            "Key#a",
            "user#a",
            "ip#192.0.2.7",
            "ip#192.0.2.7#",
            "ip#x#p",
            &upper,
            &short,
        ] {
            assert_eq!(Caller::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn ipv6_address_counts_as_its_network() {
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), "ip#2001:db8:1:2::#p");
        assert_eq!(caller("2001:db8:1:2:ffff::"), caller("2001:db8:1:2::1"));
        assert_ne!(caller("2001:db8:1:3::1"), caller("2001:db8:1:2::1"));
    }

    #[test]
    fn ipv4_mapped_address_counts_as_the_ipv4_address() {
        assert_eq!(caller("192.0.2.7"), "ip#192.0.2.7#p");
        assert_eq!(caller("::ffff:192.0.2.7"), "ip#192.0.2.7#p");
    }

    #[test]
    fn address_on_another_plan_is_another_caller() {
        let on = |plan| Caller::from_address("192.0.2.7".parse().unwrap(), plan);
        assert_ne!(on("login"), on("search"));
    }

    #[test]
    fn subject_of_another_issuer_is_another_caller() {
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
    fn only_plans_and_groups_are_shared() {
        let callers = [
            (Caller::Key("k".to_owned()), false, true),
            (Caller::Plan("p".into()), true, false),
            (Caller::Group("g".into()), true, true),
        ];
        for (caller, is_shared, has_reports) in callers {
            assert_eq!(
                (caller.is_shared(), caller.has_reports()),
                (is_shared, has_reports),
                "{caller}"
            );
        }
    }

    #[test]
    fn certificate_and_subject_of_the_same_names_differ() {
        let certificate = Caller::from_certificate("CN=a", "CN=ca");
        assert!(certificate.to_string().starts_with("cert#"));
        assert_ne!(certificate, Caller::from_subject("CN=a", "CN=ca"));
        assert_ne!(certificate, Caller::from_certificate("CN=a", "CN=other"));
    }
}
