//! Secrets that are easy to guess.

use std::collections::HashMap;

/// The entropy below which a secret is reported, in bits. Fewer bits can be guessed from a hash.
const MIN_BITS: f64 = 64.0;

/// True if a secret has a low entropy by the frequency of its characters. A secret without
/// repetition, such as a sentence, can be easy to guess nevertheless.
pub(crate) fn is_guessable(secret: &str) -> bool {
    let mut counts: HashMap<char, u32> = HashMap::new();
    for character in secret.chars() {
        *counts.entry(character).or_default() += 1;
    }

    let length: u32 = counts.values().sum();
    let bits = counts.values().map(|count| {
        let share = f64::from(*count) / f64::from(length);
        -f64::from(*count) * share.log2()
    });
    bits.sum::<f64>() < MIN_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_characters_have_low_entropy() {
        for secret in [
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababab",
            "11111111111111111112",
        ] {
            assert!(is_guessable(secret), "{secret}");
        }
        for secret in ["apikey1234abcdefghij0123456789", "7Nq3vXk0P2sR8tZ1wL5y"] {
            assert!(!is_guessable(secret), "{secret}");
        }
    }
}
