//! What a log subscription sends: base64 of gzip, decoded with a bound.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

/// Most bytes that come out. CloudWatch Logs sends 1 MB of gzip at most, of which a small part
/// could be made to grow a thousand times.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Why data cannot be decoded. The same data would fail again.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not base64.
    #[error("awslogs.data: not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not gzip, cut off, followed by something else, or with a wrong checksum.
    #[error("awslogs.data: not gzip: {0}")]
    Gzip(#[from] std::io::Error),
    /// More than 32 MB.
    #[error("awslogs.data: more than 32 MB")]
    TooLarge,
}

/// Decodes all members of the gzip stream, each with its checksum, into 32 MB at most.
///
/// # Errors
/// [`DecodeError`]; what came out until then is not used.
pub fn decode(data: &str) -> Result<Vec<u8>, DecodeError> {
    let compressed = STANDARD.decode(data)?;
    let mut bytes = Vec::with_capacity(compressed.len().saturating_mul(4).min(MOST_BYTES));
    let bound = MOST_BYTES as u64 + 1;
    MultiGzDecoder::new(compressed.as_slice())
        .take(bound)
        .read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
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
    fn what_is_not_base64_or_not_gzip_is_refused_with_its_reason() {
        assert!(
            decode("###")
                .unwrap_err()
                .to_string()
                .starts_with("awslogs.data: not base64")
        );
        for wrong in [&b"plain text, not compressed"[..], b"", b"\x1f\x8b"] {
            assert!(
                decoded(wrong)
                    .unwrap_err()
                    .starts_with("awslogs.data: not gzip"),
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
    fn what_grows_beyond_32_mb_is_refused() {
        let zeros = vec![b' '; MOST_BYTES];
        assert_eq!(decoded(&gzip(&zeros)).unwrap().len(), MOST_BYTES);
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
                prop_assert!(out.len() <= MOST_BYTES);
            }
            prop_assert_eq!(decoded(&gzip(&bytes)).unwrap(), bytes);
        }
    }
}
