//! The caller of a block, in the form that people write and logs show.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::{BlockIdError, BlockTarget};

use super::Kind;
use crate::commands::CommandError;

/// Reads a caller. Networks and issuers are written as they are, without an encoding. An id may have
/// its kind in front, as in `sub#…` in logs.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the id does not have the form of its kind.
pub(super) fn parse(kind: Kind, id: &str) -> Result<BlockTarget, CommandError> {
    let name = name(kind);
    let prefix = id.split_once('#').filter(|(prefix, _)| *prefix == name);
    let id = match prefix {
        Some((_, id)) if kind != Kind::Issuer => id,
        _ => id,
    };

    let target = match kind {
        Kind::Ip | Kind::Issuer => BlockTarget::parse(name, &URL_SAFE_NO_PAD.encode(id)),
        Kind::Key | Kind::Sub | Kind::Cert => BlockTarget::parse(name, id),
    };
    target.map_err(|error| CommandError::usage(format!("{name} `{id}`: {}", problem(kind, &error))))
}

/// True for a network with a large share of all addresses: shorter than `/8` in IPv4, or `/16` in IPv6.
pub(super) fn is_very_large(target: &BlockTarget) -> bool {
    let BlockTarget::Network(network) = target else {
        return false;
    };
    let is_v6 = network.to_string().contains(':');
    network.prefix_bits() < if is_v6 { 16 } else { 8 }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Key => "key",
        Kind::Sub => "sub",
        Kind::Cert => "cert",
        Kind::Ip => "ip",
        Kind::Issuer => "issuer",
    }
}

/// Returns the problem without the encoding, which the caller of the command does not see.
fn problem(kind: Kind, error: &BlockIdError) -> String {
    match kind {
        Kind::Ip => {
            let reason = error.to_string();
            let reason = reason
                .split_once("padding")
                .map_or("", |(_, reason)| reason);
            format!("expected an address, or a network such as 192.0.2.0/24{reason}")
        }
        Kind::Issuer => {
            "expected an issuer of 1 to 1,024 bytes without control characters".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn shown(kind: Kind, id: &str) -> String {
        let target = parse(kind, id).unwrap();
        format!("{}/{target}", target.kind().as_str())
    }

    fn problem(kind: Kind, id: &str) -> String {
        let error = parse(kind, id).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn every_kind_is_read_in_its_readable_form() {
        let sub = format!("sub#{HASH}");
        for (kind, id, expected) in [
            (Kind::Key, "acme", "key/acme".to_owned()),
            (Kind::Sub, HASH, format!("sub/{HASH}")),
            (Kind::Sub, &sub, format!("sub/{HASH}")),
            (Kind::Cert, HASH, format!("cert/{HASH}")),
            (Kind::Ip, "192.0.2.0/24", "ip/192.0.2.0/24".to_owned()),
            (Kind::Ip, "192.0.2.7", "ip/192.0.2.7/32".to_owned()),
            (Kind::Ip, "2001:db8::/32", "ip/2001:db8::/32".to_owned()),
            (
                Kind::Issuer,
                "https://login.example.com/#a",
                "issuer/https://login.example.com/#a".to_owned(),
            ),
        ] {
            assert_eq!(shown(kind, id), expected);
        }
    }

    #[test]
    fn invalid_id_says_what_was_expected() {
        for (kind, id, expected) in [
            (
                Kind::Sub,
                "alice",
                "sub `alice`: invalid id, expected 64 hexadecimal digits",
            ),
            (
                Kind::Key,
                "",
                "key ``: invalid id, expected the id of an API key",
            ),
            (
                Kind::Ip,
                "example.com",
                "ip `example.com`: expected an address, or a network such as",
            ),
            (
                Kind::Ip,
                "192.0.2.0/33",
                "expected an address, or a network such as 192.0.2.0/24",
            ),
            (Kind::Issuer, "", "expected an issuer of 1 to 1,024 bytes"),
        ] {
            let problem = problem(kind, id);
            assert!(problem.contains(expected), "{problem}");
            assert!(!problem.contains("base64"), "{problem}");
        }
    }
}
