use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::SettingError;
use crate::namespace::{self, is_custom_namespace};

/// Environment variables, read through a lookup function.
#[derive(Clone, Copy, Debug)]
pub struct Variables<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    /// Creates a reader of the variables that `lookup` returns.
    pub const fn new(lookup: L) -> Self {
        Self { lookup }
    }

    /// Returns a variable, or `None` if it is missing or empty.
    pub fn optional(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.is_empty())
    }

    /// Returns a variable that has no default.
    ///
    /// # Errors
    /// [`SettingError::Missing`] if the variable is missing or empty.
    pub fn required(&self, variable: &'static str) -> Result<String, SettingError> {
        self.optional(variable)
            .ok_or(SettingError::Missing(variable))
    }

    /// Returns true for `true`, and false for `false` or a missing variable.
    ///
    /// # Errors
    /// [`SettingError::Invalid`] for any other value.
    pub fn flag(&self, variable: &'static str) -> Result<bool, SettingError> {
        match self.optional(variable).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(SettingError::invalid(variable, other, "true or false")),
        }
    }

    /// Returns an integer in a range, or the default if the variable is missing. Whitespace around
    /// the number is ignored.
    ///
    /// # Errors
    /// [`SettingError::Invalid`] for a value that is not an integer or is out of range.
    pub fn number<N: FromStr + PartialOrd + Display>(
        &self,
        variable: &'static str,
        default: N,
        range: RangeInclusive<N>,
    ) -> Result<N, SettingError> {
        let Some(value) = self.optional(variable) else {
            return Ok(default);
        };
        let number = value
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number));

        number.ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            SettingError::invalid(variable, &value, format!("an integer from {min} to {max}"))
        })
    }

    /// Returns a duration that the variable states in milliseconds, or the default if the variable
    /// is missing. The default and the range are in milliseconds.
    ///
    /// # Errors
    /// As [`Self::number`].
    pub fn milliseconds(
        &self,
        variable: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<Duration, SettingError> {
        self.number(variable, default, range)
            .map(Duration::from_millis)
    }

    /// Returns a CloudWatch namespace for custom metrics, or the default if the variable is missing.
    ///
    /// # Errors
    /// [`SettingError::Invalid`] for a namespace that is malformed or reserved for AWS.
    pub fn namespace(&self, variable: &'static str, default: &str) -> Result<String, SettingError> {
        let name = self
            .optional(variable)
            .unwrap_or_else(|| default.to_owned());

        if is_custom_namespace(&name) {
            Ok(name)
        } else {
            Err(SettingError::invalid(variable, &name, namespace::EXPECTED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(value: &str) -> Variables<impl Fn(&str) -> Option<String>> {
        Variables::new(move |name: &str| (name == "X").then(|| value.to_owned()))
    }

    fn message<T: std::fmt::Debug>(result: Result<T, SettingError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        assert_eq!(variables("").optional("X"), None);
        assert_eq!(variables("x").optional("Y"), None);
        assert_eq!(variables("x").optional("X").as_deref(), Some("x"));

        assert_eq!(message(variables("").required("X")), "X is not set");
        assert_eq!(variables("").flag("X"), Ok(false));
        assert_eq!(variables("").number("X", 7, 1..=9), Ok(7));
        assert_eq!(variables("").namespace("X", "Shop").as_deref(), Ok("Shop"));
    }

    #[test]
    fn a_flag_is_true_or_false() {
        assert_eq!(variables("true").flag("X"), Ok(true));
        assert_eq!(variables("false").flag("X"), Ok(false));
        assert_eq!(
            message(variables("TRUE").flag("X")),
            r#"X: invalid value "TRUE", expected true or false"#
        );
    }

    #[test]
    fn a_number_is_an_integer_in_its_range() {
        for (value, number) in [("1", 1), ("9", 9), (" 5 ", 5)] {
            assert_eq!(variables(value).number("X", 7, 1..=9), Ok(number));
        }
        for value in ["0", "10", "-1", "1.5", "many"] {
            assert_eq!(
                message(variables(value).number::<u32>("X", 7, 1..=9)),
                format!("X: invalid value \"{value}\", expected an integer from 1 to 9")
            );
        }
        assert_eq!(
            variables("250").milliseconds("X", 100, 1..=300),
            Ok(Duration::from_millis(250))
        );
    }

    #[test]
    fn a_namespace_of_aws_is_invalid() {
        assert!(
            message(variables("AWS/Lambda").namespace("X", "Shop"))
                .starts_with(r#"X: invalid value "AWS/Lambda", expected a CloudWatch namespace"#)
        );
    }
}
