//! Networks of IPv4 and IPv6, in CIDR notation.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The length of the prefix before the IPv4 address in an IPv4-mapped IPv6 address.
const MAPPED_PREFIX_BITS: u8 = 96;

/// A network in CIDR notation. A single address is the network with only this address. IPv4
/// addresses inside IPv6 addresses count as IPv4 addresses.
///
/// ```
/// let network: addresses::Network = "192.0.2.0/24".parse()?;
/// assert!(network.contains("192.0.2.7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// The reason why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// The text is neither an address nor in CIDR notation.
    Form,
    /// The address has bits outside the prefix.
    HostBits(Network),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => formatter.write_str(
                "expected an address or a network in CIDR notation, such as `192.0.2.0/24` or `2001:db8::/32`",
            ),
            Self::HostBits(network) => write!(
                formatter,
                "the address has bits outside its prefix, expected `{network}` for this network"
            ),
        }
    }
}

impl std::error::Error for NetworkError {}

impl Network {
    /// Returns the network with a prefix of this length that contains the address. `None` if an
    /// address is shorter.
    #[must_use]
    pub fn around(address: IpAddr, prefix_bits: u8) -> Option<Self> {
        let network = IpNet::new(address.to_canonical(), prefix_bits).ok()?;
        Some(Self(network.trunc()))
    }

    /// Returns the length of the prefix, in bits.
    #[must_use]
    pub fn prefix_bits(&self) -> u8 {
        self.0.prefix_len()
    }

    /// True if the network contains the address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Writes an IPv4-mapped network as the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(mapped)) => mapped
            .prefix_len()
            .checked_sub(MAPPED_PREFIX_BITS)
            .and_then(|prefix| Ipv4Net::new(address, prefix).ok())
            .map_or(network, IpNet::V4),
        _ => network,
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }

        let network = text.parse().map_err(|_| NetworkError::Form)?;
        let network = canonical(network);
        if network.trunc() == network {
            Ok(Self(network))
        } else {
            Err(NetworkError::HostBits(Self(network.trunc())))
        }
    }
}

/// The canonical form. It always has the length of the prefix.
impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_text(text: &str) -> Result<String, NetworkError> {
        text.parse::<Network>().map(|network| network.to_string())
    }

    #[test]
    fn network_has_a_canonical_form() {
        for (text, expected) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(canonical_text(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn host_bits_are_refused_with_the_network() {
        for (text, network) in [
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            let error = canonical_text(text).unwrap_err().to_string();
            assert!(error.contains(network), "{error}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "a",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/-1",
            " 192.0.2.7",
            "2001:db8::/129",
            "192.0.2.0-9",
        ] {
            assert_eq!(canonical_text(text), Err(NetworkError::Form), "{text}");
        }
    }

    #[test]
    fn mapped_address_is_in_its_ipv4_network() {
        let contains = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };

        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(contains("::ffff:192.0.2.0/120", "192.0.2.7"));
        assert!(!contains("192.0.2.0/24", "192.0.3.1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "192.0.2.7"));
    }

    #[test]
    fn network_around_an_address_has_the_given_prefix() {
        let around = |address: &str, prefix_bits| {
            let network = Network::around(address.parse().unwrap(), prefix_bits);
            network.map(|network| (network.to_string(), network.prefix_bits()))
        };

        assert_eq!(
            around("192.0.2.7", 24),
            Some(("192.0.2.0/24".to_owned(), 24))
        );
        assert_eq!(
            around("::ffff:192.0.2.7", 32),
            Some(("192.0.2.7/32".to_owned(), 32))
        );
        assert_eq!(
            around("2001:db8::1", 32),
            Some(("2001:db8::/32".to_owned(), 32))
        );
        assert_eq!(around("192.0.2.7", 33), None);
    }

    #[test]
    fn network_is_a_json_string() {
        let network: Network = serde_json::from_str(r#""192.0.2.7""#).unwrap();
        assert_eq!(
            serde_json::to_string(&network).unwrap(),
            r#""192.0.2.7/32""#
        );
        assert!(serde_json::from_str::<Network>(r#""192.0.2.7/8""#).is_err());
    }
}
