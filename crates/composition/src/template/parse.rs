//! Reads templates. A template that could leave its path segment is refused.

use http::HeaderName;

use super::{Pair, Piece, Placeholder, Template, is_dot_segment};

/// The longest template in bytes.
pub(crate) const MAX_TEMPLATE_BYTES: usize = 2_048;
/// The characters of a path besides letters and digits (RFC 3986, 3.3). Services read `;` differently.
const PATH_CHARACTERS: &[u8] = b"-._~!$&'()*+,=:@";
/// The characters of the name and the value of a pair, besides letters and digits.
const QUERY_CHARACTERS: &[u8] = b"-._~!$'()*+,;:@/?[]";

/// The message for a template without a path.
const NO_PATH: &str = "expected a path that starts with `/`";

/// The names that a template can use.
#[derive(Debug)]
pub(crate) struct Scope<'s> {
    /// The variables of the route.
    pub(crate) variables: &'s [&'s str],
    /// The variable that may be several segments.
    pub(crate) greedy: Option<&'s str>,
    /// The headers that the route passes on.
    pub(crate) headers: &'s [HeaderName],
    /// The names of all parts, by index.
    pub(crate) parts: &'s [&'s str],
    /// The indexes of the parts that are complete before.
    pub(crate) after: &'s [usize],
    /// The query parameter that selects fields.
    pub(crate) fields_parameter: Option<&'s str>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The problem, and what was expected.
    pub(crate) fn parse(text: &str, scope: &Scope<'_>) -> Result<Self, String> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(format!(
                "{} bytes are too many, expected at most {MAX_TEMPLATE_BYTES}",
                text.len()
            ));
        }

        let pieces = split_placeholders(text, scope)?;
        let mut parser = Parser::default();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => parser.literal(&literal)?,
                Piece::Placeholder(placeholder) => parser.placeholder(placeholder, scope)?,
            }
        }
        parser.finish(text)
    }
}

/// Returns the literal texts and the placeholders between them.
fn split_placeholders(text: &str, scope: &Scope<'_>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err("`{` without `}`, expected a placeholder such as {user_id}".to_owned());
        };
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Placeholder(Placeholder::parse(name, scope)?));
        rest = after;
    }

    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(pieces)
}

/// A template as far as it has been read.
#[derive(Default)]
struct Parser {
    segments: Vec<Vec<Piece>>,
    pairs: Vec<Pair>,
    has_query: bool,
}

impl Parser {
    fn literal(&mut self, text: &str) -> Result<(), String> {
        for letter in text.chars() {
            match letter {
                '#' => {
                    return Err("unexpected fragment `#`, expected a path and a query".to_owned());
                }
                '/' if !self.has_query => self.segments.push(Vec::new()),
                _ if self.segments.is_empty() => {
                    return Err(NO_PATH.to_owned());
                }
                '?' if !self.has_query => {
                    self.has_query = true;
                    self.pairs.push(Pair::default());
                }
                '&' if self.has_query => self.pairs.push(Pair::default()),
                _ if self.has_query => self.query_character(letter)?,
                _ => self.path_character(letter)?,
            }
        }
        Ok(())
    }

    fn path_character(&mut self, letter: char) -> Result<(), String> {
        if !is_one_of(letter, PATH_CHARACTERS) {
            return Err(format!(
                "invalid character {letter:?} in the path, expected letters, digits, `{}` and placeholders",
                String::from_utf8_lossy(PATH_CHARACTERS)
            ));
        }
        if let Some(segment) = self.segments.last_mut() {
            push_literal(segment, letter);
        }
        Ok(())
    }

    fn query_character(&mut self, letter: char) -> Result<(), String> {
        let Some(pair) = self.pairs.last_mut() else {
            return Ok(());
        };
        if letter == '=' && !pair.prefix.contains('=') {
            pair.prefix.push('=');
            return Ok(());
        }
        if letter != '%' && letter != '=' && !is_one_of(letter, QUERY_CHARACTERS) {
            return Err(format!(
                "invalid character {letter:?} in the query, expected percent-encoded text and placeholders"
            ));
        }

        if pair.prefix.contains('=') {
            push_literal(&mut pair.value, letter);
        } else {
            pair.prefix.push(letter);
        }
        Ok(())
    }

    fn placeholder(&mut self, placeholder: Placeholder, scope: &Scope<'_>) -> Result<(), String> {
        let pieces = match self.pairs.last_mut() {
            Some(pair) if pair.prefix.contains('=') => &mut pair.value,
            Some(_) => {
                return Err(
                    "placeholder in the name of a query parameter, expected it after `=`"
                        .to_owned(),
                );
            }
            None => self.segments.last_mut().ok_or(NO_PATH)?,
        };

        match &placeholder {
            Placeholder::Parameter(name) if !self.has_query && scope.greedy == Some(name) => Err(
                format!("`{{{name}}}` may have several segments, expected it in the query"),
            ),
            _ => {
                pieces.push(Piece::Placeholder(placeholder));
                Ok(())
            }
        }
    }

    fn finish(self, text: &str) -> Result<Template, String> {
        if self.segments.is_empty() {
            return Err(NO_PATH.to_owned());
        }
        for (index, segment) in self.segments.iter().enumerate() {
            check_segment(segment, index + 1 == self.segments.len())?;
        }
        for pair in &self.pairs {
            check_pair(pair)?;
        }

        Ok(Template {
            text: text.to_owned(),
            segments: self.segments,
            pairs: self.pairs,
        })
    }
}

fn check_segment(segment: &[Piece], is_last: bool) -> Result<(), String> {
    match segment {
        [] if !is_last => Err("unexpected `//`, expected one slash".to_owned()),
        [Piece::Literal(text)] if is_dot_segment(text) => Err(format!(
            "unexpected segment `{text}`, expected a path without dot segments"
        )),
        pieces if pieces.iter().any(has_two_dots) => {
            Err("unexpected `..`, expected a path without it".to_owned())
        }
        _ => Ok(()),
    }
}

fn has_two_dots(piece: &Piece) -> bool {
    matches!(piece, Piece::Literal(text) if text.contains(".."))
}

fn check_pair(pair: &Pair) -> Result<(), String> {
    if pair.prefix.is_empty() || pair.prefix.starts_with('=') {
        return Err("query parameter without a name, expected a form such as limit=5".to_owned());
    }

    let literals = pair.value.iter().filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text.as_str()),
        Piece::Placeholder(_) => None,
    });
    let mut texts = literals.chain([pair.prefix.as_str()]);
    if texts.all(has_valid_escapes) {
        Ok(())
    } else {
        Err("invalid `%` in the query, expected two hexadecimal digits after it".to_owned())
    }
}

fn has_valid_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn is_one_of(letter: char, others: &[u8]) -> bool {
    letter.is_ascii_alphanumeric() || u8::try_from(letter).is_ok_and(|byte| others.contains(&byte))
}

fn push_literal(pieces: &mut Vec<Piece>, letter: char) {
    if let Some(Piece::Literal(text)) = pieces.last_mut() {
        text.push(letter);
    } else {
        pieces.push(Piece::Literal(letter.to_string()));
    }
}
