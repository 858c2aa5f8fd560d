//! Blocks: emergency stops of callers.

use std::fmt;
use std::net::IpAddr;

use addresses::Network;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ApiKey;
use crate::api_key::{from_hex, hex};

/// The greatest number of characters of a note.
pub const MAX_NOTE_CHARACTERS: usize = 256;
/// The greatest number of bytes of an issuer that can be blocked.
pub const MAX_ISSUER_BYTES: usize = 1_024;

/// The kind of callers that a block stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// An API key.
    Key,
    /// The subject of a token.
    Subject,
    /// A client certificate.
    Certificate,
    /// A network.
    Network,
    /// All tokens of an issuer.
    Issuer,
}

impl BlockKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Key,
        Self::Subject,
        Self::Certificate,
        Self::Network,
        Self::Issuer,
    ];

    /// Returns the name of the kind in paths, documents and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Subject => "sub",
            Self::Certificate => "cert",
            Self::Network => "ip",
            Self::Issuer => "issuer",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The callers that a block stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockTarget {
    /// An API key, by its id.
    Key(String),
    /// The subject of a token, by the hash that [`limits::Caller::Subject`] has.
    Subject([u8; 32]),
    /// A client certificate, by the hash that [`limits::Caller::Certificate`] has.
    Certificate([u8; 32]),
    /// All addresses of a network.
    Network(Network),
    /// All tokens of an issuer.
    Issuer(String),
}

/// The reason why a kind or an id names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockIdError {
    /// There is no such kind.
    #[error("unknown kind, expected one of key, sub, cert, ip, issuer")]
    Kind,
    /// The id does not have the form that its kind requires.
    #[error("invalid id, expected {0}")]
    Id(String),
}

impl BlockTarget {
    /// Reads a target from its kind and its id. Ids survive that an HTTP API decodes a path twice:
    /// networks and issuers are in base64url without padding, hashes have 64 hexadecimal digits. A
    /// single address is also accepted as it is.
    ///
    /// # Errors
    /// [`BlockIdError`].
    pub fn parse(kind: &str, id: &str) -> Result<Self, BlockIdError> {
        let invalid = |expected: &str| BlockIdError::Id(expected.to_owned());
        let hash = || from_hex(id).ok_or_else(|| invalid("64 hexadecimal digits"));

        Ok(
            match BlockKind::from_name(kind).ok_or(BlockIdError::Kind)? {
                BlockKind::Key => {
                    let key = ApiKey::new(id.to_owned(), "plan".to_owned());
                    key.check().map_err(|_| invalid("the id of an API key"))?;
                    Self::Key(key.key_id)
                }
                BlockKind::Subject => Self::Subject(hash()?),
                BlockKind::Certificate => Self::Certificate(hash()?),
                BlockKind::Network => Self::Network(network(id)?),
                BlockKind::Issuer => {
                    let issuer = decode(id).filter(|issuer| is_issuer(issuer));
                    let expected = "an issuer of 1 to 1,024 bytes in base64url without padding";
                    Self::Issuer(issuer.ok_or_else(|| invalid(expected))?)
                }
            },
        )
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> BlockKind {
        match self {
            Self::Key(_) => BlockKind::Key,
            Self::Subject(_) => BlockKind::Subject,
            Self::Certificate(_) => BlockKind::Certificate,
            Self::Network(_) => BlockKind::Network,
            Self::Issuer(_) => BlockKind::Issuer,
        }
    }

    /// Returns the id in its canonical form.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Key(id) => id.clone(),
            Self::Subject(hash) | Self::Certificate(hash) => hex(hash),
            Self::Network(network) => URL_SAFE_NO_PAD.encode(network.to_string()),
            Self::Issuer(issuer) => URL_SAFE_NO_PAD.encode(issuer),
        }
    }
}

/// The readable form: the id, but networks and issuers without encoding.
impl fmt::Display for BlockTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(formatter),
            Self::Issuer(issuer) => formatter.write_str(issuer),
            _ => formatter.write_str(&self.id()),
        }
    }
}

fn network(id: &str) -> Result<Network, BlockIdError> {
    if let Ok(address) = id.parse::<IpAddr>() {
        return Ok(address.into());
    }

    let invalid = |reason: &str| {
        BlockIdError::Id(format!(
            "an address, or a network in CIDR notation in base64url without padding{reason}"
        ))
    };
    let text = decode(id).ok_or_else(|| invalid(""))?;
    text.parse::<Network>()
        .map_err(|error| invalid(&format!(": {error}")))
}

fn decode(id: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()
}

fn is_issuer(issuer: &str) -> bool {
    (1..=MAX_ISSUER_BYTES).contains(&issuer.len()) && !issuer.contains(char::is_control)
}

/// A block: the callers that it stops, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredBlock", into = "StoredBlock")]
pub struct Block {
    /// The callers.
    pub target: BlockTarget,
    /// The instant at which the block ends. `None` if it does not end.
    pub until: Option<Timestamp>,
    /// The reason, for administrators.
    pub note: Option<String>,
    /// The instant of creation.
    pub created_at: Timestamp,
}

impl Block {
    /// True if the block is in force.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        is_before_end(self.until, now)
    }
}

/// True if a block with this end is in force.
pub(crate) fn is_before_end(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|end| now < end)
}

/// A block in the document.
#[derive(Serialize, Deserialize)]
struct StoredBlock {
    kind: String,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    created_at: Timestamp,
}

impl From<Block> for StoredBlock {
    fn from(block: Block) -> Self {
        Self {
            kind: block.target.kind().as_str().to_owned(),
            id: block.target.id(),
            until: block.until,
            note: block.note,
            created_at: block.created_at,
        }
    }
}

impl TryFrom<StoredBlock> for Block {
    type Error = BlockIdError;

    fn try_from(stored: StoredBlock) -> Result<Self, BlockIdError> {
        Ok(Self {
            target: BlockTarget::parse(&stored.kind, &stored.id)?,
            until: stored.until,
            note: stored.note,
            created_at: stored.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn target_has_one_canonical_id() {
        let digits = "0a".repeat(32);
        for (kind, id, canonical, readable) in [
            ("key", "acme", "acme", "acme"),
            ("sub", &digits, &digits, &digits),
            ("sub", &digits.to_uppercase(), &digits, &digits),
            ("cert", &digits, &digits, &digits),
            ("ip", "192.0.2.7", &encoded("192.0.2.7/32"), "192.0.2.7/32"),
            (
                "ip",
                "::ffff:192.0.2.7",
                &encoded("192.0.2.7/32"),
                "192.0.2.7/32",
            ),
            (
                "ip",
                "2001:DB8::1",
                &encoded("2001:db8::1/128"),
                "2001:db8::1/128",
            ),
            (
                "ip",
                &encoded("192.0.2.0/24"),
                &encoded("192.0.2.0/24"),
                "192.0.2.0/24",
            ),
            (
                "ip",
                &encoded("192.0.2.7"),
                &encoded("192.0.2.7/32"),
                "192.0.2.7/32",
            ),
            (
                "issuer",
                &encoded("https://a/"),
                &encoded("https://a/"),
                "https://a/",
            ),
        ] {
            let target = BlockTarget::parse(kind, id).unwrap();
            let found = (target.kind().as_str(), target.id(), target.to_string());
            assert_eq!(
                found,
                (kind, canonical.to_owned(), readable.to_owned()),
                "{id}"
            );
            assert_eq!(BlockTarget::parse(kind, &target.id()), Ok(target), "{id}");
        }
    }

    #[test]
    fn id_survives_a_second_decoding_of_the_path() {
        for (kind, id) in [
            ("ip", encoded("2001:db8::/32")),
            ("issuer", encoded("https://a/?b=%2F")),
        ] {
            let id = BlockTarget::parse(kind, &id).unwrap().id();
            assert!(
                id.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{id}"
            );
        }
    }

    #[test]
    fn invalid_id_is_refused_with_what_was_expected() {
        for (kind, id, expected) in [
            (
                "group",
                "acme",
                "expected one of key, sub, cert, ip, issuer",
            ),
            ("key", "-", "the id of an API key"),
            ("key", "", "the id of an API key"),
            ("sub", "0a", "64 hexadecimal digits"),
            ("cert", &"0g".repeat(32), "64 hexadecimal digits"),
            ("ip", "192.0.2.0_24", "CIDR notation"),
            ("ip", "fe80::1%eth0", "CIDR notation"),
            ("ip", &encoded("fe80::1%eth0"), "CIDR notation"),
            ("ip", "192.0.2.007", "CIDR notation"),
            ("ip", &encoded("192.0.2.7/24"), "192.0.2.0/24"),
            ("issuer", "https://a", "base64url"),
            ("issuer", "", "base64url"),
            ("issuer", &format!("{}==", encoded("a")), "base64url"),
            ("issuer", &encoded("https://a\n"), "base64url"),
            ("issuer", &encoded(&"a".repeat(1_025)), "1,024 bytes"),
        ] {
            let error = BlockTarget::parse(kind, id).unwrap_err().to_string();
            assert!(error.contains(expected), "{kind} {id}: {error}");
        }
    }
}
