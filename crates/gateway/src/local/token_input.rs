//! Tokens that people paste.

/// The longest input, in bytes. The authorizer refuses much shorter tokens, and says so.
pub const MAX_TOKEN_INPUT_BYTES: usize = 64 * 1024;

/// The reasons why an input is not a token. They do not repeat the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenInputError {
    /// There is no input.
    #[error("the token is empty")]
    Empty,
    /// The input is longer than any token.
    #[error("the token is longer than {MAX_TOKEN_INPUT_BYTES} bytes")]
    TooLong,
    /// The input is what `jq` prints for a missing field.
    #[error(
        "the input is `null`, which `jq` prints if the provider refused the request for a token"
    )]
    Null,
    /// The input is a JSON document.
    #[error("the input is a JSON document, expected the token alone")]
    Json,
    /// The input has white space within it.
    #[error("the input has several words, expected the token alone")]
    SeveralWords,
}

/// Returns the token in an input, without white space and `Bearer` around it. Other text is sent to no
/// introspection server, because it may contain other secrets.
///
/// ```
/// assert_eq!(gateway::local::bare_token(" Bearer a.b.c\n"), Ok("a.b.c"));
/// ```
///
/// # Errors
/// [`TokenInputError`] if the input cannot be a token.
pub fn bare_token(input: &str) -> Result<&str, TokenInputError> {
    if input.len() > MAX_TOKEN_INPUT_BYTES {
        return Err(TokenInputError::TooLong);
    }

    let input = input.trim();
    let token = match input.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => input,
    };
    match token {
        "" => Err(TokenInputError::Empty),
        "null" => Err(TokenInputError::Null),
        _ if token.starts_with('{') => Err(TokenInputError::Json),
        _ if token.contains(char::is_whitespace) => Err(TokenInputError::SeveralWords),
        _ => Ok(token),
    }
}
