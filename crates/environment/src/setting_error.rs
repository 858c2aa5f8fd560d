use std::fmt;

/// A missing or invalid environment variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A required variable is missing or empty.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A variable has an invalid value.
    #[error("{variable}: invalid value{value}, expected {expected}")]
    Invalid {
        /// The name of the variable.
        variable: &'static str,
        /// The value, unless it may be a secret.
        value: QuotedValue,
        /// A description of the valid values.
        expected: String,
    },
    /// A variable contains a document, such as JSON, with an error in it.
    #[error("{variable}: {problem}")]
    Document {
        /// The name of the variable.
        variable: &'static str,
        /// The error and its place in the document.
        problem: String,
    },
}

/// The value of a variable, quoted and escaped for an error message. Empty if it is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotedValue(Option<String>);

impl SettingError {
    /// Reports an invalid value. The message contains the value.
    #[must_use]
    pub fn invalid(variable: &'static str, value: &str, expected: impl Into<String>) -> Self {
        Self::Invalid {
            variable,
            value: QuotedValue(Some(value.to_owned())),
            expected: expected.into(),
        }
    }

    /// Reports an invalid value that may be a secret. The message does not contain the value.
    #[must_use]
    pub fn invalid_secret(variable: &'static str, expected: impl Into<String>) -> Self {
        Self::Invalid {
            variable,
            value: QuotedValue::default(),
            expected: expected.into(),
        }
    }

    /// Reports an error in a document, with its place.
    #[must_use]
    pub fn document(variable: &'static str, problem: impl Into<String>) -> Self {
        Self::Document {
            variable,
            problem: problem.into(),
        }
    }

    /// Removes the value from the message.
    #[must_use]
    pub fn without_value(self) -> Self {
        match self {
            Self::Invalid {
                variable, expected, ..
            } => Self::invalid_secret(variable, expected),
            other => other,
        }
    }
}

impl fmt::Display for QuotedValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => write!(formatter, " {value:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_the_value_unless_it_may_be_a_secret() {
        let error = SettingError::invalid("DRY_RUN", "ye\"s\n", "true or false");
        assert_eq!(
            error.to_string(),
            r#"DRY_RUN: invalid value "ye\"s\n", expected true or false"#
        );

        let hidden = "DRY_RUN: invalid value, expected true or false";
        assert_eq!(error.without_value().to_string(), hidden);
        assert_eq!(
            SettingError::invalid_secret("DRY_RUN", "true or false").to_string(),
            hidden
        );
    }

    #[test]
    fn errors_without_a_value_name_the_variable() {
        assert_eq!(
            SettingError::Missing("USAGE_TABLE")
                .without_value()
                .to_string(),
            "USAGE_TABLE is not set"
        );
        assert_eq!(
            SettingError::document("SYNC_TARGETS", "[0].port: not an integer").to_string(),
            "SYNC_TARGETS: [0].port: not an integer"
        );
    }
}
