//! The object that a path of the API is about.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;

/// Words below `/keys` that are not the id of a key.
const KEY_LISTS: [&str; 5] = ["bulk", "export", "hashes", "import", "lookup"];

/// Returns the object, such as `plan free`. `None` for a path that is about several.
pub(crate) fn subject(path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments: Vec<_> = path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();

    match segments.as_slice() {
        ["plans", name, ..] => Some(format!("plan {name}")),
        ["policies", name, "candidate" | "promote"] => Some(format!("candidate of policy {name}")),
        ["policies", name, ..] => Some(format!("policy {name}")),
        ["compositions", name] => Some(format!("composition {name}")),
        ["keys", list, ..] if KEY_LISTS.contains(list) => None,
        ["keys", key_id, ..] => Some(format!("key {key_id}")),
        ["blocks", kind @ ("ip" | "issuer"), id] => Some(format!("block {kind}/{}", readable(id))),
        ["blocks", kind, id] => Some(format!("block {kind}/{id}")),
        ["callers", kind, id, ..] => Some(format!("caller {kind}#{id}")),
        _ => None,
    }
}

/// Returns the network or issuer in an id, which is in base64url because an HTTP API decodes paths
/// twice.
fn readable(id: &str) -> String {
    let decoded = URL_SAFE_NO_PAD.decode(id).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_has_a_name() {
        for (path, expected) in [
            ("/plans/free", Some("plan free")),
            ("/plans/free/usage?from=x", Some("plan free")),
            ("/policies/main/candidate", Some("candidate of policy main")),
            ("/compositions/main?force=true", Some("composition main")),
            ("/compositions", None),
            ("/keys/a%20b/rotate", Some("key a b")),
            ("/blocks/ip/10.0.0.1", Some("block ip/10.0.0.1")),
            ("/blocks/ip/MTkyLjAuMi4wLzI0", Some("block ip/192.0.2.0/24")),
            ("/blocks/key/acme", Some("block key/acme")),
            ("/callers/group/acme/usage", Some("caller group#acme")),
            ("/keys/bulk", None),
            ("/keys?plan=a", None),
            ("/audit", None),
            ("", None),
        ] {
            assert_eq!(subject(path).as_deref(), expected, "{path}");
        }
    }
}
