//! The level of the log of a function.

use tracing::level_filters::LevelFilter;

use crate::excerpt::Excerpt;

/// The variables that set the level. Lambda sets the first one from `LoggingConfig`, the second one
/// is for functions that run elsewhere.
const VARIABLES: [&str; 2] = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"];

/// The names of levels: those of Lambda, and `off`.
const LEVELS: [(&str, LevelFilter); 7] = [
    ("trace", LevelFilter::TRACE),
    ("debug", LevelFilter::DEBUG),
    ("info", LevelFilter::INFO),
    ("warn", LevelFilter::WARN),
    ("error", LevelFilter::ERROR),
    ("fatal", LevelFilter::ERROR),
    ("off", LevelFilter::OFF),
];

/// An invalid level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable}: invalid value {value:?}, expected trace, debug, info, warn, error, fatal or off"
)]
pub(crate) struct LevelError {
    pub(crate) variable: &'static str,
    value: String,
}

/// Returns the level with a name. Upper and lower case are the same.
pub(crate) fn parse_level(name: &str) -> Option<LevelFilter> {
    let name = name.trim();
    LEVELS
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, level)| level)
}

/// Returns the level that the environment sets. `None` if it sets none. Directives for single
/// crates are not supported, because only the text of a function's own crates contains no secrets.
///
/// # Errors
/// [`LevelError`] if the value is not the name of a level.
pub(crate) fn level_in(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<LevelFilter>, LevelError> {
    let set = VARIABLES.into_iter().find_map(|variable| {
        let value = lookup(variable)?;
        (!value.trim().is_empty()).then_some((variable, value))
    });
    let Some((variable, value)) = set else {
        return Ok(None);
    };

    match parse_level(&value) {
        Some(level) => Ok(Some(level)),
        None => Err(LevelError {
            variable,
            value: Excerpt(&value).to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(set: &[(&str, &str)]) -> Result<Option<LevelFilter>, String> {
        let lookup = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        };
        level_in(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn levels_of_lambda_are_accepted() {
        for (name, expected) in [
            ("TRACE", LevelFilter::TRACE),
            ("DEBUG", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
        ] {
            assert_eq!(level(&[("AWS_LAMBDA_LOG_LEVEL", name)]), Ok(Some(expected)));
        }
        assert_eq!(level(&[("RUST_LOG", " off ")]), Ok(Some(LevelFilter::OFF)));
    }

    #[test]
    fn variable_of_lambda_has_precedence() {
        let both = [("RUST_LOG", "loud"), ("AWS_LAMBDA_LOG_LEVEL", "warn")];
        assert_eq!(level(&both), Ok(Some(LevelFilter::WARN)));
        let empty = [("AWS_LAMBDA_LOG_LEVEL", ""), ("RUST_LOG", "debug")];
        assert_eq!(level(&empty), Ok(Some(LevelFilter::DEBUG)));
        assert_eq!(level(&[("RUST_LOG", " ")]), Ok(None));
    }

    #[test]
    fn error_names_the_variable_and_the_levels() {
        for value in ["inof", "authorizer=debug", "3"] {
            assert_eq!(
                level(&[("RUST_LOG", value)]),
                Err(format!(
                    "RUST_LOG: invalid value {value:?}, expected trace, debug, info, warn, error, \
                     fatal or off"
                ))
            );
        }
    }
}
