//! Keys and ids, made from the system's random numbers.

use aws_lc_rs::rand;
use http::StatusCode;
use outcome::Reason;

use crate::Problem;

/// What a key begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "tg_";
/// 62⁴³ > 2²⁵⁶.
const DIGITS: usize = 43;
/// 62⁶ > 2³².
const CHECK_DIGITS: usize = 6;
const BASE: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key: `tg_`, 256 random bits and their CRC-32, both as digits of base 62. The checksum
/// tells a key from what merely looks like one without asking anybody, as GitHub's tokens do.
///
/// # Errors
/// A failure of the system's random numbers.
pub(crate) fn new_key() -> Result<String, Problem> {
    let digits = base62(random::<32>()?, DIGITS);
    let check = base62(
        crc32fast::hash(digits.as_bytes()).to_be_bytes(),
        CHECK_DIGITS,
    );
    Ok(format!("{PREFIX}{digits}{check}"))
}

/// A new id of a key: 96 random bits.
///
/// # Errors
/// As [`new_key`].
pub(crate) fn new_key_id() -> Result<String, Problem> {
    Ok(format!("key_{}", base62(random::<12>()?, 17)))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| {
        tracing::error!(reason = "fault", "the system has no random numbers");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This is our failure. The log says more.",
        )
        .because(Reason::Fault.as_str())
    })?;
    Ok(bytes)
}

/// A number of big-endian bytes in `digits` digits, with leading zeros.
fn base62<const N: usize>(mut number: [u8; N], digits: usize) -> String {
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let part = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or_default();
            rest = part % 62;
        }
        *digit = BASE[rest as usize];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use usage::KeyHash;

    #[test]
    fn a_key_is_one_that_the_store_takes_and_has_its_checksum() {
        for _ in 0..100 {
            let key = new_key().unwrap();
            assert!(KeyHash::of(&key).is_ok());
            let (digits, check) = key.strip_prefix("tg_").unwrap().split_at(43);
            assert_eq!(
                check,
                base62(crc32fast::hash(digits.as_bytes()).to_be_bytes(), 6)
            );
        }
    }

    #[test]
    fn no_two_keys_and_no_two_ids_are_the_same() {
        let keys: BTreeSet<_> = (0..1000).map(|_| new_key().unwrap()).collect();
        let ids: BTreeSet<_> = (0..1000).map(|_| new_key_id().unwrap()).collect();
        assert_eq!((keys.len(), ids.len()), (1000, 1000));
    }

    #[test]
    fn the_largest_number_fits_into_its_digits_and_small_ones_are_padded() {
        assert_eq!(base62([0xff; 4], 6), "4gfFC3");
        assert_eq!(base62([0, 0, 0, 61], 6), "00000z");
        assert_ne!(base62([0xff; 32], 43).as_bytes()[0], b'0');
        assert_eq!(base62([0xff; 32], 44).as_bytes()[0], b'0');
    }
}
