//! All blocks, as decisions look them up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use addresses::Network;
use jiff::Timestamp;
use limits::Caller;
use serde::{Deserialize, Serialize};

use crate::block::is_before_end;
use crate::{Block, BlockKind, BlockTarget, RegistryError};

/// The greatest number of blocks.
pub const MAX_BLOCKS: usize = 1_000;
/// The greatest size of the document. An item of DynamoDB has at most 400 KB.
pub(crate) const MAX_BLOCKS_BYTES: usize = 350_000;

/// The instant at which a block ends, if it ends.
type End = Option<Timestamp>;

/// The document of all blocks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct BlocksDocument {
    pub(crate) blocks: Vec<Block>,
}

impl BlocksDocument {
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        serde_json::from_str(text).map_err(|error| RegistryError::Item {
            kind: "blocks",
            reason: error.to_string(),
        })
    }
}

/// All blocks. A lookup allocates nothing, and takes at most two steps per prefix length that a
/// blocked network has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    keys: HashMap<String, End>,
    subjects: HashMap<[u8; 32], End>,
    certificates: HashMap<[u8; 32], End>,
    issuers: HashMap<String, End>,
    networks: HashMap<Network, End>,
    /// The different lengths of the networks' prefixes.
    prefixes_bits: Vec<u8>,
}

impl Blocks {
    /// Reads the document of all blocks.
    ///
    /// # Errors
    /// [`RegistryError::Item`].
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        let mut blocks = Self::default();
        for block in BlocksDocument::parse(text)?.blocks {
            blocks.add(block.target, block.until);
        }
        Ok(blocks)
    }

    fn add(&mut self, target: BlockTarget, until: End) {
        match target {
            BlockTarget::Key(id) => extend(self.keys.entry(id), until),
            BlockTarget::Subject(hash) => extend(self.subjects.entry(hash), until),
            BlockTarget::Certificate(hash) => extend(self.certificates.entry(hash), until),
            BlockTarget::Issuer(issuer) => extend(self.issuers.entry(issuer), until),
            BlockTarget::Network(network) => {
                extend(self.networks.entry(network), until);
                if !self.prefixes_bits.contains(&network.prefix_bits()) {
                    self.prefixes_bits.push(network.prefix_bits());
                }
            }
        }
    }

    /// Returns the kind of the block that stops a caller now, if there is one. Addresses as callers
    /// are stopped by [`Self::address`].
    #[must_use]
    pub fn caller(&self, caller: &Caller, now: Timestamp) -> Option<BlockKind> {
        let (end, kind) = match caller {
            Caller::Key(id) => (self.keys.get(id), BlockKind::Key),
            Caller::Subject(hash) => (self.subjects.get(hash), BlockKind::Subject),
            Caller::Certificate(hash) => (self.certificates.get(hash), BlockKind::Certificate),
            Caller::Address { .. } | Caller::Plan(_) | Caller::Group(_) => return None,
        };
        is_in_force(end, now).then_some(kind)
    }

    /// Returns the kind of the block that stops tokens of an issuer now, if there is one.
    #[must_use]
    pub fn issuer(&self, issuer: &str, now: Timestamp) -> Option<BlockKind> {
        is_in_force(self.issuers.get(issuer), now).then_some(BlockKind::Issuer)
    }

    /// Returns the kind of the block that stops an address now, if there is one. A block of the IPv4
    /// address inside an IPv6 address also stops the IPv6 address.
    #[must_use]
    pub fn address(&self, address: IpAddr, now: Timestamp) -> Option<BlockKind> {
        let inner = addresses::unmapped(address);
        let is_blocked = self.has_network_of(address, now)
            || (inner != address && self.has_network_of(inner, now));
        is_blocked.then_some(BlockKind::Network)
    }

    fn has_network_of(&self, address: IpAddr, now: Timestamp) -> bool {
        self.prefixes_bits.iter().any(|prefix_bits| {
            Network::around(address, *prefix_bits)
                .is_some_and(|network| is_in_force(self.networks.get(&network), now))
        })
    }

    /// True if a network is blocked now.
    #[must_use]
    pub fn have_network(&self, now: Timestamp) -> bool {
        let mut ends = self.networks.values();
        ends.any(|end| is_before_end(*end, now))
    }
}

/// Adds a block. If the document has a target twice, the later end applies.
fn extend<T>(entry: Entry<'_, T, End>, until: End) {
    let end = entry.or_insert(until);
    *end = end.zip(until).map(|(one, other)| one.max(other));
}

fn is_in_force(end: Option<&End>, now: Timestamp) -> bool {
    end.is_some_and(|end| is_before_end(*end, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

    fn blocks(targets: &[(&str, &str)]) -> Blocks {
        let mut blocks = Blocks::default();
        for (kind, id) in targets {
            blocks.add(BlockTarget::parse(kind, id).unwrap(), None);
        }
        blocks
    }

    fn network(text: &str) -> BlockTarget {
        BlockTarget::Network(text.parse().unwrap())
    }

    #[test]
    fn address_is_blocked_by_any_network_that_contains_it() {
        let mut blocks = Blocks::default();
        for text in [
            "192.0.2.0/24",
            "198.51.100.7",
            "2001:db8::/32",
            "10.0.0.0/8",
        ] {
            blocks.add(network(text), None);
        }

        for (address, expected) in [
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("::ffff:192.0.2.1", true),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("10.255.0.1", true),
            ("::a00:1", true),
            ("64:ff9b::a00:1", true),
            ("2002:a00:1::1", true),
            ("64:ff9b::c000:300", false),
            ("2002:c000:300::1", false),
            ("::", false),
        ] {
            let found = blocks.address(address.parse().unwrap(), NOW).is_some();
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn ipv6_network_is_blocked_for_addresses_that_contain_an_ipv4_address() {
        for (blocked, address, other) in [
            ("64:ff9b::/96", "64:ff9b::a00:1", "10.0.0.1"),
            ("2002:a00:1::/48", "2002:a00:1::1", "10.0.0.1"),
            ("2002::/16", "2002:a00:1::1", "64:ff9b::a00:1"),
        ] {
            let mut blocks = Blocks::default();
            blocks.add(network(blocked), None);
            let is_blocked =
                |address: &str| blocks.address(address.parse().unwrap(), NOW).is_some();
            assert!(is_blocked(address), "{blocked} {address}");
            assert!(!is_blocked(other), "{blocked} {other}");
        }
    }

    #[test]
    fn longer_prefix_that_has_ended_does_not_lift_a_shorter_one() {
        let mut blocks = Blocks::default();
        blocks.add(network("192.0.2.7"), Some(NOW));
        let address = "192.0.2.7".parse().unwrap();
        assert_eq!(blocks.address(address, NOW), None);

        blocks.add(network("192.0.2.0/24"), None);
        assert_eq!(blocks.address(address, NOW), Some(BlockKind::Network));
    }

    #[test]
    fn block_ends_at_its_end() {
        let mut blocks = Blocks::default();
        blocks.add(BlockTarget::Key("k".to_owned()), Some(NOW));
        let key = Caller::Key("k".to_owned());
        let before = NOW - jiff::SignedDuration::from_nanos(1);
        assert_eq!(blocks.caller(&key, before), Some(BlockKind::Key));
        assert_eq!(blocks.caller(&key, NOW), None);
    }

    #[test]
    fn later_end_applies_to_a_target_that_is_listed_twice() {
        let later = NOW + jiff::SignedDuration::from_secs(60);
        for (ends, expected) in [
            ([Some(NOW), Some(later)], true),
            ([Some(later), Some(NOW)], true),
            ([None, Some(NOW)], true),
            ([Some(NOW), None], true),
            ([Some(NOW), Some(NOW)], false),
        ] {
            let mut blocks = Blocks::default();
            for end in ends {
                blocks.add(network("192.0.2.0/24"), end);
            }
            let address = "192.0.2.7".parse().unwrap();
            assert_eq!(blocks.address(address, NOW).is_some(), expected, "{ends:?}");
        }
    }

    #[test]
    fn kinds_do_not_block_each_other() {
        let alice = Caller::from_subject("https://a", "alice");
        let hash = alice.to_string().trim_start_matches("sub#").to_owned();
        let blocks = blocks(&[("cert", &hash), ("key", &hash)]);
        assert_eq!(blocks.caller(&alice, NOW), None);
        assert_eq!(blocks.issuer("https://a", NOW), None);
    }

    #[test]
    fn document_of_another_form_is_refused() {
        for text in [
            "{}",
            r#"{"blocks":[{"kind":"planet","id":"mars","created_at":"2026-01-01T00:00:00Z"}]}"#,
            r#"{"blocks":[{"kind":"ip","id":"mars","created_at":"2026-01-01T00:00:00Z"}]}"#,
        ] {
            let error = Blocks::parse(text).unwrap_err().to_string();
            assert!(error.contains("invalid blocks item"), "{error}");
        }
    }
}
