//! Label values that are limited to known ones.

use std::io::Write as _;

/// The methods that have their own series: those of RFC 9110, and PATCH (RFC 5789).
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
];
/// Any other method, by the name that OpenTelemetry's semantic conventions give it.
const OTHER_METHOD: &str = "_OTHER";
/// The kind of a caller that is an address.
const ADDRESS: &str = "ip";
/// The status of a request whose client left before the response.
pub(super) const NO_STATUS: &str = "none";

/// Returns the label of a method. A client can choose any method.
pub(super) fn method_label(method: &str) -> &'static str {
    METHODS
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or(OTHER_METHOD)
}

/// Returns the label of a caller. All addresses have the same one: they are personal data, and
/// anonymous clients could use up the limit on series.
pub(super) fn caller_label(caller: &str) -> &str {
    match caller.split_once('#') {
        Some((ADDRESS, _)) => ADDRESS,
        _ => caller,
    }
}

/// The label of a status, on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusLabel {
    digits: [u8; 3],
}

impl StatusLabel {
    pub(super) fn new(status: Option<u16>) -> Self {
        let mut digits = [0; 3];
        if let Some(status) = status {
            // A status has three digits.
            let _ = write!(&mut digits[..], "{status:03}");
        }
        Self { digits }
    }

    pub(super) fn as_str(&self) -> &str {
        let text = std::str::from_utf8(&self.digits).unwrap_or_default();
        if text.starts_with('\0') {
            NO_STATUS
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_clients_become_other() {
        assert_eq!(method_label("GET"), "GET");
        for method in ["get", "PROPFIND", "", "X".repeat(5_000).as_str()] {
            assert_eq!(method_label(method), "_OTHER");
        }
    }

    #[test]
    fn caller_is_its_id_unless_it_is_an_address() {
        for (caller, label) in [
            ("key#acme", "key#acme"),
            ("group#acme", "group#acme"),
            ("ip#198.51.100.7#anonymous", "ip"),
            ("ip#2001:db8::/64#anonymous", "ip"),
        ] {
            assert_eq!(caller_label(caller), label);
        }
    }

    #[test]
    fn status_is_its_code_or_none() {
        for (status, label) in [
            (Some(200), "200"),
            (Some(999), "999"),
            (Some(100), "100"),
            (None, "none"),
        ] {
            assert_eq!(StatusLabel::new(status).as_str(), label);
        }
    }
}
