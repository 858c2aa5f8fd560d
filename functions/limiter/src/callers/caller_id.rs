//! Callers in paths: a kind and an id, as in usage items and logs.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use limits::Caller;
use registry::is_chosen_name;

use super::missing_plan;
use crate::problem::Problem;

/// A caller, without the plan of an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallerId {
    Caller(Caller),
    Address(IpAddr),
}

impl CallerId {
    /// Parses the parts of a path.
    ///
    /// # Errors
    /// 404 that says which form is expected.
    pub(crate) fn parse(kind: &str, id: &str) -> Result<Self, Problem> {
        let caller = match kind {
            "sub" => hash(id).map(Caller::Subject).map(Self::Caller),
            "cert" => hash(id).map(Caller::Certificate).map(Self::Caller),
            "group" => {
                let name = is_chosen_name(id).then(|| Caller::Group(id.into()));
                name.map(Self::Caller)
            }
            "ip" => address(id).map(Self::Address),
            _ => None,
        };
        caller.ok_or_else(|| Problem::new(http::StatusCode::NOT_FOUND, expected(kind)))
    }

    /// Returns the caller that is charged on a plan.
    ///
    /// # Errors
    /// 400 if an address has no plan.
    pub(super) fn caller(self, plan: Option<&str>) -> Result<Caller, Problem> {
        match (self, plan) {
            (Self::Caller(caller), _) => Ok(caller),
            (Self::Address(address), Some(plan)) => Ok(Caller::from_address(address, plan)),
            (Self::Address(_), None) => {
                Err(missing_plan("the plan on which the address is charged"))
            }
        }
    }
}

/// Returns the form of an id of this kind.
fn expected(kind: &str) -> &'static str {
    match kind {
        "sub" | "cert" => "Unknown caller: expected an id of 64 lower-case hexadecimal digits.",
        "group" => "Unknown caller: expected the name of a group.",
        "ip" => "Unknown caller: expected an address such as 192.0.2.7, or its text in base64url.",
        _ => "Unknown kind of caller: expected sub, cert, group or ip. Keys are below /keys.",
    }
}

fn hash(id: &str) -> Option<[u8; 32]> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if id.len() != 64 || !id.bytes().all(|byte| is_digit(&byte)) {
        return None;
    }

    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(id.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

fn address(id: &str) -> Option<IpAddr> {
    if let Ok(address) = id.parse() {
        return Some(address);
    }
    let text = URL_SAFE_NO_PAD.decode(id).ok()?;
    std::str::from_utf8(&text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: &str, id: &str) -> Option<String> {
        let caller = CallerId::parse(kind, id).ok()?.caller(Some("p"));
        caller.ok().map(|caller| caller.to_string())
    }

    #[test]
    fn id_has_the_form_of_the_usage_item() {
        let digits = "0a".repeat(32);
        for (kind, id) in [("sub", &*digits), ("cert", &digits), ("group", "acme")] {
            assert_eq!(text(kind, id), Some(format!("{kind}#{id}")));
        }
        for (id, expected) in [
            ("192.0.2.7", "ip#192.0.2.7#p"),
            ("MTkyLjAuMi43", "ip#192.0.2.7#p"),
            ("2001:db8::1", "ip#2001:db8::#p"),
        ] {
            assert_eq!(text("ip", id).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_forms_are_rejected() {
        let (short, upper) = ("0a".repeat(31), "0A".repeat(32));
        for (kind, id) in [
            ("sub", &*short),
            ("cert", &upper),
            ("sub", &format!("{short}é")),
            ("group", "Acme Inc."),
            ("ip", "192.0.2"),
            ("ip", "AAAA"),
            ("key", "k1"),
            ("plan", "p"),
        ] {
            assert_eq!(text(kind, id), None, "{kind} {id}");
        }
    }

    #[test]
    fn address_needs_a_plan() {
        let id = CallerId::parse("ip", "192.0.2.7").unwrap();
        assert!(id.caller(None).is_err());
    }
}
