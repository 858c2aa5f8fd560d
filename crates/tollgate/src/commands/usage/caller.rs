//! Callers as arguments: a key, or a kind and an id as in logs.

use std::net::IpAddr;

use admin_client::{ApiPath, path};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::key_id;

/// A caller whose calls are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Key(String),
    Other { kind: &'static str, id: String },
}

impl Caller {
    /// Parses a key id, `group/NAME`, `sub/ID`, `cert/ID` or `ip/ADDRESS`. Logs have `#` instead of
    /// `/`. A key id that looks like another caller can be written as `key/ID`.
    ///
    /// # Errors
    /// The expected form.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((kind, id)) = text.split_once(['/', '#']) else {
            return match text {
                "" => Err("expected a key id, or a caller such as group/acme".to_owned()),
                text => key_id::parse(text).map(Self::Key),
            };
        };

        let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        match kind {
            "key" => key_id::parse(id).map(Self::Key),
            "group" if registry::is_chosen_name(id) => Ok(Self::other("group", id)),
            "sub" if is_hash => Ok(Self::other("sub", &id.to_lowercase())),
            "cert" if is_hash => Ok(Self::other("cert", &id.to_lowercase())),
            "sub" | "cert" => Err("expected an id of 64 hexadecimal digits, as in logs".to_owned()),
            "ip" => match id.parse::<IpAddr>() {
                Ok(address) => Ok(Self::other("ip", &address.to_string())),
                Err(_) => Err("expected an IPv4 or IPv6 address".to_owned()),
            },
            _ => Err("expected a key id, group/NAME, sub/ID, cert/ID or ip/ADDRESS".to_owned()),
        }
    }

    fn other(kind: &'static str, id: &str) -> Self {
        Self::Other {
            kind,
            id: id.to_owned(),
        }
    }

    /// Returns the path of the caller's `usage` or `grants`, and of an entry below it.
    pub(super) fn path(&self, resource: &[&str]) -> ApiPath {
        let mut segments = match self {
            Self::Key(key_id) => vec!["keys".to_owned(), key_id.clone()],
            Self::Other { kind, id } => {
                // Colons of an IPv6 address may not survive the encoding by proxies.
                let id = match id.contains(':') {
                    true => URL_SAFE_NO_PAD.encode(id),
                    false => id.clone(),
                };
                vec!["callers".to_owned(), (*kind).to_owned(), id]
            }
        };
        segments.extend(resource.iter().map(ToString::to_string));
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        path(&segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Result<String, String> {
        Caller::parse(text).map(|caller| caller.path(&["usage"]).to_string())
    }

    #[test]
    fn caller_is_a_key_or_a_kind_and_an_id() {
        let hash = "0a".repeat(32);
        for (text, path) in [
            ("acme", "/keys/acme/usage".to_owned()),
            ("key/acme", "/keys/acme/usage".to_owned()),
            ("group/acme", "/callers/group/acme/usage".to_owned()),
            ("group#acme", "/callers/group/acme/usage".to_owned()),
            ("ip/192.0.2.7", "/callers/ip/192.0.2.7/usage".to_owned()),
            (
                "ip/2001:db8::1",
                "/callers/ip/MjAwMTpkYjg6OjE/usage".to_owned(),
            ),
            (
                &format!("sub#{}", hash.to_uppercase()),
                format!("/callers/sub/{hash}/usage"),
            ),
            (
                &format!("cert/{hash}"),
                format!("/callers/cert/{hash}/usage"),
            ),
        ] {
            assert_eq!(usage(text).unwrap(), path);
        }
    }

    #[test]
    fn other_text_is_not_a_caller() {
        for (text, problem) in [
            ("", "expected a key id"),
            ("sub/alice", "64 hexadecimal digits"),
            ("ip/here", "IPv4 or IPv6"),
            ("plan/free", "group/NAME, sub/ID"),
            ("group/", "group/NAME, sub/ID"),
        ] {
            let error = usage(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
