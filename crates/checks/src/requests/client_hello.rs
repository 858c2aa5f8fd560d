//! The first message of a TLS 1.1 handshake (RFC 4346, section 7.4.1.2).
//!
//! The TLS library does not offer versions before 1.2, so that the message is written here.

use std::net::IpAddr;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CLIENT_HELLO: u8 = 1;
const TLS_1_0: [u8; 2] = [3, 1];
const TLS_1_1: [u8; 2] = [3, 2];
/// The client's random value. Nothing is encrypted with it.
const RANDOM: [u8; 32] = [0x5a; 32];
/// ECDHE with RSA or ECDSA and AES in CBC mode, and RSA with AES: the usual suites of TLS 1.1.
const CIPHER_SUITES: [u8; 12] = [
    0xc0, 0x13, 0xc0, 0x14, 0xc0, 0x09, 0xc0, 0x0a, 0x00, 0x2f, 0x00, 0x35,
];
/// The extension `supported_groups`, with secp256r1 and secp384r1.
const GROUPS: [u8; 10] = [0, 10, 0, 6, 0, 4, 0, 23, 0, 24];
/// The extension `ec_point_formats`, with uncompressed points.
const POINT_FORMATS: [u8; 6] = [0, 11, 0, 2, 1, 0];

/// The response of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerReply {
    /// The server refuses the handshake.
    Alert,
    /// The server continues the handshake.
    Hello,
    /// Another protocol.
    Other,
}

/// Returns a message that offers TLS 1.1 at most.
pub(super) fn client_hello_1_1(host: &str) -> Vec<u8> {
    let mut extensions = server_name(host);
    extensions.extend(GROUPS);
    extensions.extend(POINT_FORMATS);

    let mut body = Vec::new();
    body.extend(TLS_1_1);
    body.extend(RANDOM);
    body.push(0);
    body.extend(with_length(&CIPHER_SUITES));
    body.extend([1, 0]);
    body.extend(with_length(&extensions));

    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(with_length(&body));
    let mut record = vec![HANDSHAKE];
    record.extend(TLS_1_0);
    record.extend(with_length(&message));
    record
}

/// Returns what a server sent.
pub(super) fn server_reply(bytes: &[u8]) -> ServerReply {
    match bytes {
        [ALERT, 3, ..] => ServerReply::Alert,
        [HANDSHAKE, 3, ..] => ServerReply::Hello,
        _ => ServerReply::Other,
    }
}

/// Returns the extension `server_name`, which must not contain an address.
fn server_name(host: &str) -> Vec<u8> {
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Vec::new();
    }
    let mut name = vec![0];
    name.extend(with_length(host.as_bytes()));
    let mut extension = vec![0, 0];
    extension.extend(with_length(&with_length(&name)));
    extension
}

/// Returns bytes after their length in two bytes. A host name of a URL is short enough.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut prefixed = length.to_be_bytes().to_vec();
    prefixed.extend(bytes);
    prefixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_match() {
        let hello = client_hello_1_1("a.example");
        let length = |at: usize| usize::from(hello[at]) * 256 + usize::from(hello[at + 1]);
        assert_eq!(&hello[..3], &[22, 3, 1]);
        assert_eq!(length(3), hello.len() - 5);
        assert_eq!((hello[5], hello[6]), (CLIENT_HELLO, 0));
        assert_eq!(length(7), hello.len() - 9);
        assert_eq!(&hello[9..11], &TLS_1_1);
        // Random, session id, suites and compression methods come before the extensions.
        assert_eq!(length(60), hello.len() - 62);
    }

    #[test]
    fn addresses_are_not_server_names() {
        assert_eq!(server_name("127.0.0.1"), Vec::<u8>::new());
        assert_eq!(server_name("[::1]"), Vec::<u8>::new());
        assert_eq!(server_name("a")[..2], [0, 0]);
    }

    #[test]
    fn replies_are_told_apart() {
        assert_eq!(server_reply(&[21, 3, 1, 0, 2, 2, 70]), ServerReply::Alert);
        assert_eq!(server_reply(&[22, 3, 2, 0]), ServerReply::Hello);
        assert_eq!(server_reply(b"HTTP/1.1 400"), ServerReply::Other);
        assert_eq!(server_reply(&[]), ServerReply::Other);
    }
}
