//! Generated secrets and ids of keys, from the system's random number generator.

use aws_lc_rs::rand;

/// The default beginning of secrets, by which people and scanners recognize them.
const DEFAULT_PREFIX: &str = "tg_";
/// 62⁴³ > 2²⁵⁶.
const SECRET_DIGITS: usize = 43;
/// 62⁶ > 2³².
const CHECKSUM_DIGITS: usize = 6;
/// 62¹⁷ > 2⁹⁶.
const ID_DIGITS: usize = 17;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The failure of the system's random number generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random number generator failed")]
pub struct RandomError;

/// Returns a new secret: `prefix` or `tg_`, 256 random bits and their CRC-32, both in base 62. As with GitHub's
/// tokens, the checksum makes it possible to recognize a secret offline.
///
/// # Errors
/// [`RandomError`] if the random number generator fails.
pub fn generate_secret(prefix: Option<&str>) -> Result<String, RandomError> {
    let digits = base62(random_bytes::<32>()?, SECRET_DIGITS);
    let checksum = crc32fast::hash(digits.as_bytes()).to_be_bytes();
    let checksum = base62(checksum, CHECKSUM_DIGITS);
    let prefix = prefix.unwrap_or(DEFAULT_PREFIX);
    Ok(format!("{prefix}{digits}{checksum}"))
}

/// True if a text ends with 256 random bits and their checksum, as [`generate_secret`] returns them. A
/// secret that was cut off does not.
#[must_use]
pub fn has_valid_checksum(secret: &str) -> bool {
    let digits_begin = secret.len().checked_sub(SECRET_DIGITS + CHECKSUM_DIGITS);
    let Some(random) = digits_begin.and_then(|begin| secret.get(begin..)) else {
        return false;
    };
    let Some((digits, checksum)) = random.split_at_checked(SECRET_DIGITS) else {
        return false;
    };
    let expected = crc32fast::hash(digits.as_bytes()).to_be_bytes();
    checksum == base62(expected, CHECKSUM_DIGITS)
}

/// Returns a new id of a key: `key_` and 96 random bits in base 62.
///
/// # Errors
/// [`RandomError`] if the random number generator fails.
pub fn generate_key_id() -> Result<String, RandomError> {
    Ok(format!("key_{}", base62(random_bytes::<12>()?, ID_DIGITS)))
}

/// Returns random bytes.
///
/// # Errors
/// [`RandomError`] if the random number generator fails.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// Converts a big-endian number to `digits` digits of base 62, with leading zeros.
fn base62<const N: usize>(mut number: [u8; N], digits: usize) -> String {
    let mut text = vec![b'0'; digits];

    for digit in text.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let part = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or_default();
            remainder = part % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyHash, MAX_PREFIX_CHARACTERS};
    use std::collections::BTreeSet;

    /// Without the setting in `.cargo/config.toml`, the first random number takes 40 ms.
    #[test]
    fn random_numbers_are_not_collected_from_the_processors_clock() {
        assert_eq!(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY"), Some("1"));
    }

    #[test]
    fn secret_is_accepted_by_the_store_and_has_its_checksum() {
        for _ in 0..100 {
            let secret = generate_secret(None).unwrap();
            assert!(KeyHash::of(&secret).is_ok());

            let (digits, checksum) = secret.strip_prefix("tg_").unwrap().split_at(43);
            let expected = base62(crc32fast::hash(digits.as_bytes()).to_be_bytes(), 6);
            assert_eq!(checksum, expected);
        }
    }

    #[test]
    fn secret_that_was_cut_off_has_no_valid_checksum() {
        let secret = generate_secret(Some("acme_production_live_")).unwrap();
        assert!(has_valid_checksum(&secret));
        for end in 0..secret.len() {
            assert!(!has_valid_checksum(&secret[..end]), "{end}");
        }
        assert!(!has_valid_checksum("twenty-characters-01"));
        assert!(!has_valid_checksum(&"é".repeat(40)));
    }

    #[test]
    fn secret_with_the_longest_prefix_is_accepted_by_the_store() {
        let prefix = "a".repeat(MAX_PREFIX_CHARACTERS - 1) + "_";
        let secret = generate_secret(Some(&prefix)).unwrap();
        assert!(secret.starts_with(&prefix) && KeyHash::of(&secret).is_ok());
    }

    #[test]
    fn secrets_and_ids_are_unique() {
        let secrets: BTreeSet<_> = (0..1000).map(|_| generate_secret(None).unwrap()).collect();
        let ids: BTreeSet<_> = (0..1000).map(|_| generate_key_id().unwrap()).collect();
        assert_eq!((secrets.len(), ids.len()), (1000, 1000));
    }

    #[test]
    fn largest_number_fits_and_small_numbers_are_padded() {
        assert_eq!(base62([0xff; 4], 6), "4gfFC3");
        assert_eq!(base62([0, 0, 0, 61], 6), "00000z");
        assert_ne!(base62([0xff; 32], 43).as_bytes()[0], b'0');
        assert_eq!(base62([0xff; 32], 44).as_bytes()[0], b'0');
    }
}
