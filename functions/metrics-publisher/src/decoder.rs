//! Decodes the data of a log subscription (gzip in base64) up to a maximum size.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

/// CloudWatch Logs sends at most 1 MB of gzip, but crafted data can expand a thousand times.
pub(crate) const MAX_DECODED_BYTES: usize = 32 * 1024 * 1024;

/// The reason why data cannot be decoded. A retry would fail too.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The data is not base64.
    #[error("awslogs.data: invalid base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The data is not gzip, is truncated, has a wrong checksum, or is followed by something else.
    #[error("awslogs.data: invalid gzip: {0}")]
    Gzip(#[from] std::io::Error),
    /// The decoded data exceeds 32 MB.
    #[error("awslogs.data: more than 32 MB")]
    TooLarge,
}

/// Decodes all members of the gzip stream, up to 32 MB.
///
/// # Errors
/// [`DecodeError`] if the data is invalid or too large.
pub(crate) fn decode(data: &str) -> Result<Vec<u8>, DecodeError> {
    let compressed = STANDARD.decode(data)?;
    let mut bytes = Vec::with_capacity(compressed.len().saturating_mul(4).min(MAX_DECODED_BYTES));
    let bound = MAX_DECODED_BYTES as u64 + 1;
    MultiGzDecoder::new(compressed.as_slice())
        .take(bound)
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_DECODED_BYTES {
        Err(DecodeError::TooLarge)
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(gzip: &[u8]) -> Result<Vec<u8>, String> {
        decode(&STANDARD.encode(gzip)).map_err(|error| error.to_string())
    }

    #[test]
    fn one_member_and_several_are_decoded_whole() {
        assert_eq!(decoded(&gzip(b"abc")).unwrap(), b"abc");
        assert_eq!(
            decoded(&[gzip(b"abc"), gzip(b""), gzip(b"def")].concat()).unwrap(),
            b"abcdef"
        );
    }

    #[test]
    fn invalid_base64_or_gzip_is_an_error_with_a_reason() {
        assert!(
            decode("###")
                .unwrap_err()
                .to_string()
                .starts_with("awslogs.data: invalid base64")
        );
        for wrong in [&b"plain text, not compressed"[..], b"", b"\x1f\x8b"] {
            assert!(
                decoded(wrong)
                    .unwrap_err()
                    .starts_with("awslogs.data: invalid gzip"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn data_that_is_cut_anywhere_is_refused() {
        let whole = gzip(b"some text that is long enough to be compressed, compressed, compressed");
        for length in 0..whole.len() {
            assert!(
                decoded(&whole[..length]).is_err(),
                "{length} of {}",
                whole.len()
            );
        }
    }

    #[test]
    fn a_wrong_checksum_and_junk_behind_the_end_are_refused() {
        let whole = gzip(b"some text");
        for place in whole.len() - 8..whole.len() {
            let mut broken = whole.clone();
            broken[place] ^= 1;
            assert!(decoded(&broken).is_err(), "{place}");
        }
        assert!(decoded(&[whole, b"junk".to_vec()].concat()).is_err());
    }

    #[test]
    fn data_that_expands_beyond_32_mb_is_an_error() {
        let zeros = vec![b' '; MAX_DECODED_BYTES];
        assert_eq!(decoded(&gzip(&zeros)).unwrap().len(), MAX_DECODED_BYTES);
        let bomb = [gzip(&zeros), gzip(b"1")].concat();
        assert!(bomb.len() < 1_000_000);
        assert_eq!(decoded(&bomb).unwrap_err(), "awslogs.data: more than 32 MB");
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic_or_exceed_its_bound(
            text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..300), flip in 0usize..300, to in any::<u8>(),
        ) {
            let _ = decode(&text);
            let _ = decoded(&bytes);
            let mut broken = gzip(&bytes);
            let place = flip % broken.len();
            broken[place] = to;
            if let Ok(out) = decoded(&broken) {
                prop_assert!(out.len() <= MAX_DECODED_BYTES);
            }
            prop_assert_eq!(decoded(&gzip(&bytes)).unwrap(), bytes);
        }
    }
}
