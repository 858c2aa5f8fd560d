//! The validity period of a token: `exp`, `nbf`, `iat` (RFC 7519, section 4.1).
//!
//! Fractions of a second are rounded so that the period gets shorter.

use jiff::Timestamp;
use outcome::Reason;
use policy::TimeLimits;
use serde_json::{Map, Value};

use super::refusal::TokenRefusal;

/// The latest valid time, 9999-12-31T23:59:59Z, in seconds since 1970.
const MAX_TIME_S: f64 = 253_402_300_799.0;

/// The times in a token, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires: Option<i64>,
    not_before: Option<i64>,
    issued: Option<i64>,
}

impl Times {
    /// Reads the times. A claim that is present must be a valid time.
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, TokenRefusal> {
        let instant = |name: &str, round: fn(f64) -> f64| match claims.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value, round)
                .map(Some)
                .ok_or_else(|| TokenRefusal::claim(name)),
        };
        Ok(Self {
            expires: instant("exp", f64::floor)?,
            not_before: instant("nbf", f64::ceil)?,
            issued: instant("iat", f64::ceil)?,
        })
    }

    /// Checks that the token is valid at `now`.
    pub(crate) fn check(&self, now: Timestamp, limits: TimeLimits) -> Result<(), TokenRefusal> {
        let now = now.as_second();
        if self
            .expires
            .is_some_and(|end| now > end + limits.tolerance_s)
        {
            return Err(TokenRefusal::new(Reason::TokenExpired, "expired"));
        }

        let begins_late = |instant: Option<i64>| {
            instant.is_some_and(|instant| {
                let is_ahead = instant > now + limits.tolerance_s;
                is_ahead || self.expires.is_some_and(|end| instant > end)
            })
        };
        if begins_late(self.not_before) {
            return Err(TokenRefusal::invalid_claims("not_before"));
        }
        if begins_late(self.issued) {
            return Err(TokenRefusal::invalid_claims("issued_at"));
        }
        if self.is_too_long(now, limits.max_lifetime_s) {
            return Err(TokenRefusal::invalid_claims("lifetime"));
        }
        Ok(())
    }

    /// True if the lifetime is too long. Without `iat`, the remaining time counts.
    fn is_too_long(&self, now: i64, max_lifetime_s: Option<i64>) -> bool {
        let Some((end, max_lifetime_s)) = self.expires.zip(max_lifetime_s) else {
            return false;
        };
        end - self.issued.unwrap_or(now) > max_lifetime_s
    }
}

/// Returns a NumericDate in whole seconds.
fn numeric_date(value: &Value, round: fn(f64) -> f64) -> Option<i64> {
    let seconds = round(value.as_f64()?);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an integer within the range"
    )]
    (0.0..=MAX_TIME_S)
        .contains(&seconds)
        .then_some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOON: i64 = 1_795_348_800;

    fn refused(detail: &'static str) -> Result<(), TokenRefusal> {
        Err(TokenRefusal::invalid_claims(detail))
    }

    fn check(claims: Value, max_lifetime_s: Option<i64>) -> Result<(), TokenRefusal> {
        let now = Timestamp::from_second(NOON).unwrap();
        Times::read(claims.as_object().unwrap())?.check(
            now,
            TimeLimits {
                tolerance_s: 30,
                max_lifetime_s,
            },
        )
    }

    #[test]
    fn token_is_valid_until_30_seconds_after_expiry() {
        assert_eq!(check(json!({"exp": NOON + 60}), None), Ok(()));
        assert_eq!(check(json!({"exp": NOON - 30}), None), Ok(()));
        assert_eq!(
            check(json!({"exp": NOON - 31}), None),
            Err(TokenRefusal::new(Reason::TokenExpired, "expired"))
        );
        assert_eq!(
            check(json!({"exp": NOON as f64 - 30.5}), None),
            Err(TokenRefusal::new(Reason::TokenExpired, "expired"))
        );
    }

    #[test]
    fn token_of_the_future_is_not_valid_yet() {
        for (claim, detail) in [("nbf", "not_before"), ("iat", "issued_at")] {
            assert_eq!(
                check(json!({"exp": NOON + 60, claim: NOON + 30}), None),
                Ok(()),
                "{claim}"
            );
            assert_eq!(
                check(json!({"exp": NOON + 60, claim: NOON + 31}), None),
                refused(detail),
                "{claim}"
            );
        }
    }

    #[test]
    fn token_that_is_never_valid_is_refused_within_the_tolerance() {
        for (claim, detail) in [("nbf", "not_before"), ("iat", "issued_at")] {
            assert_eq!(
                check(json!({"exp": NOON, claim: NOON + 10}), None),
                refused(detail),
                "{claim}"
            );
        }
    }

    #[test]
    fn lifetime_is_limited_with_and_without_iat() {
        assert_eq!(
            check(json!({"exp": NOON + 100, "iat": NOON}), Some(100)),
            Ok(())
        );
        assert_eq!(
            check(json!({"exp": NOON + 101, "iat": NOON}), Some(100)),
            refused("lifetime")
        );
        assert_eq!(
            check(json!({"exp": NOON + 101}), Some(100)),
            refused("lifetime")
        );
        assert_eq!(check(json!({"exp": NOON + 101}), None), Ok(()));
        assert_eq!(
            check(json!({"exp": 253_402_300_799_i64}), Some(86_400)),
            refused("lifetime")
        );
    }

    #[test]
    fn invalid_times_are_refused() {
        for value in [
            json!("1795348800"),
            json!(true),
            json!(null),
            json!({}),
            json!([NOON]),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(253_402_300_800_i64),
        ] {
            for claim in ["exp", "nbf", "iat"] {
                let claims = json!({claim: value});
                assert_eq!(
                    Times::read(claims.as_object().unwrap()),
                    Err(TokenRefusal::claim(claim)),
                    "{claims}"
                );
            }
        }
    }
}
