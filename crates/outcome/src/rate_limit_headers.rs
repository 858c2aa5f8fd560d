//! The headers in which responses state the limits of the caller.

use std::str::FromStr;

use crate::ContextField;

/// The headers of draft 10 and the fields of the authorizer's context that contain their values.
const DRAFT10: [(&str, ContextField); 2] = [
    ("ratelimit-policy", ContextField::RatelimitPolicy),
    ("ratelimit", ContextField::Ratelimit),
];

/// The same for the headers without a standard.
const X_RATE_LIMIT: [(&str, ContextField); 3] = [
    ("x-ratelimit-limit", ContextField::Limit),
    ("x-ratelimit-remaining", ContextField::Remaining),
    ("x-ratelimit-reset", ContextField::Reset),
];

/// The format of the rate-limit headers (`RATE_LIMIT_HEADERS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimitHeaders {
    /// `ratelimit-policy` and `ratelimit` of draft-ietf-httpapi-ratelimit-headers-10.
    #[default]
    Draft10,
    /// `x-ratelimit-limit`, `x-ratelimit-remaining` and `x-ratelimit-reset`.
    XRateLimit,
    /// No headers.
    None,
}

/// The value is not a format of the rate-limit headers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown value `{0}`, expected one of draft10, x-ratelimit, none")]
pub struct RateLimitHeadersError(String);

impl FromStr for RateLimitHeaders {
    type Err = RateLimitHeadersError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        match value {
            "draft10" => Ok(Self::Draft10),
            "x-ratelimit" => Ok(Self::XRateLimit),
            "none" => Ok(Self::None),
            other => Err(RateLimitHeadersError(other.to_owned())),
        }
    }
}

impl RateLimitHeaders {
    /// Returns the format for a value of `RATE_LIMIT_HEADERS`. A missing or empty value is the
    /// default.
    ///
    /// # Errors
    /// [`RateLimitHeadersError`] for any other value than `draft10`, `x-ratelimit` and `none`.
    pub fn from_setting(value: Option<String>) -> Result<Self, RateLimitHeadersError> {
        value
            .filter(|value| !value.is_empty())
            .map_or_else(|| Ok(Self::default()), |value| value.parse())
    }

    /// Returns the names of the headers in lower case, each with the field of the authorizer's
    /// context that contains its value.
    #[must_use]
    pub const fn fields(self) -> &'static [(&'static str, ContextField)] {
        match self {
            Self::Draft10 => &DRAFT10,
            Self::XRateLimit => &X_RATE_LIMIT,
            Self::None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_or_empty_setting_is_draft10() {
        for value in [None, Some(String::new()), Some("draft10".to_owned())] {
            assert_eq!(
                RateLimitHeaders::from_setting(value),
                Ok(RateLimitHeaders::Draft10)
            );
        }
    }

    #[test]
    fn unknown_setting_is_an_error_with_the_known_values() {
        let error = RateLimitHeaders::from_setting(Some("draft9".to_owned())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown value `draft9`, expected one of draft10, x-ratelimit, none"
        );
    }
}
