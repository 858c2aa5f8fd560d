//! Parses durations in milliseconds.

use crate::rejection::Reason;

/// 15 minutes, the timeout of a Lambda function and of a streamed API Gateway response. A record in
/// the wrong unit would distort the sum, average and percentiles of its series.
const MAX_DURATION_MS: f64 = 900_000.0;

/// Parses a duration. Errors name `field`.
///
/// # Errors
/// [`Reason::Number`], [`Reason::Negative`] or [`Reason::TooLong`] for an invalid duration.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<f64, Reason> {
    let number: f64 = text.parse().map_err(|_| Reason::Number(field))?;

    if number.is_nan() {
        return Err(Reason::Number(field));
    }
    if number < 0.0 {
        return Err(Reason::Negative(field));
    }
    if number > MAX_DURATION_MS {
        return Err(Reason::TooLong(field));
    }

    // Adding 0 removes the sign of a negative zero.
    Ok(number + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_up_to_15_minutes_are_valid() {
        for (text, expected) in [
            ("0", 0.0),
            ("-0.0", 0.0),
            ("0.37", 0.37),
            ("12", 12.0),
            ("900000", 900_000.0),
        ] {
            assert_eq!(
                parse("d", text).map(f64::to_bits),
                Ok(f64::to_bits(expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn impossible_durations_have_a_reason_of_their_own() {
        for (text, reason) in [
            ("900000.1", Reason::TooLong("d")),
            ("7200000", Reason::TooLong("d")),
            ("1e100", Reason::TooLong("d")),
            ("1e999", Reason::TooLong("d")),
            ("-1", Reason::Negative("d")),
            ("-1e999", Reason::Negative("d")),
            ("NaN", Reason::Number("d")),
            ("", Reason::Number("d")),
            ("12 ms", Reason::Number("d")),
        ] {
            assert_eq!(parse("d", text), Err(reason), "{text}");
        }
        assert_eq!(
            Reason::TooLong("d").to_string(),
            "`d` is more than 900000 ms (15 minutes)"
        );
    }
}
