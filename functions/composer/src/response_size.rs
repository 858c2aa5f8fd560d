//! The limit of Lambda on the size of a response.

/// The most bytes of a response of Lambda as JSON, less those that everything but the body needs.
const MAX_BODY_BYTES: usize = 6_000_000 - 20_000;
/// The most bytes of one byte of text as JSON: `\u001f`.
const MAX_ESCAPE_BYTES: usize = 6;

/// True if Lambda accepts a response with this body, which it receives as a string of JSON.
pub(crate) fn is_accepted(body: &[u8]) -> bool {
    // Almost all bodies are so small that their escapes need not be counted.
    body.len() <= MAX_BODY_BYTES / MAX_ESCAPE_BYTES || escaped_bytes(body) <= MAX_BODY_BYTES
}

/// Returns the bytes of a text as a string of JSON, without the quotes around it.
fn escaped_bytes(text: &[u8]) -> usize {
    let escapes = text.iter().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 => 5,
        _ => 0,
    });
    text.len() + escapes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_count_as_json_writes_them() {
        let text: String = (0..0x80_u8).map(char::from).chain("é€😀".chars()).collect();
        let json = serde_json::to_string(&text).unwrap();

        assert!(escaped_bytes(text.as_bytes()) >= json.len() - 2);
        let written_short = 2 * (MAX_ESCAPE_BYTES - 2);
        assert!(escaped_bytes(text.as_bytes()) <= json.len() - 2 + written_short);
    }

    #[test]
    fn limit_is_that_of_the_escaped_body() {
        for (byte, bytes_of_json) in [(b'a', 1), (b'"', 2), (0x01, 6)] {
            let longest = vec![byte; MAX_BODY_BYTES / bytes_of_json];
            assert!(is_accepted(&longest), "{byte}");

            let too_long = vec![byte; MAX_BODY_BYTES / bytes_of_json + 1];
            assert!(!is_accepted(&too_long), "{byte}");
        }
    }
}
