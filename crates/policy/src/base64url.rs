//! base64url, the encoding of tokens and JSON Web Keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes base64url (RFC 4648, section 5) without padding. Returns `None` for padding, white space
/// or set trailing bits, so that exactly one string decodes to any bytes.
#[must_use]
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
