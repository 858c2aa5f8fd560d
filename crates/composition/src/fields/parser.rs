//! The grammar of a selection:
//!
//! ```text
//! fields = field *( "," field )
//! field  = name *( "." name ) [ "(" fields ")" ]
//! ```

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::{
    FieldSelection, FieldsError, MAX_FIELDS_BYTES, MAX_FIELDS_DEPTH, MAX_FIELDS_NAMES, Names,
    Unexpected,
};

/// Parses a selection.
pub(super) fn parse(text: &str) -> Result<FieldSelection, FieldsError> {
    if text.len() > MAX_FIELDS_BYTES {
        return Err(FieldsError::TooLong(text.len()));
    }

    let mut parser = Parser {
        rest: text.chars().peekable(),
        position: 1,
        names: 0,
        positions: BTreeMap::new(),
    };
    let names = parser.fields(1)?;
    if parser.peek().is_some() {
        return Err(parser.unexpected("`,` or the end"));
    }

    let positions = parser.positions;
    Ok(FieldSelection { names, positions })
}

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
    /// The position of the next character, from 1.
    position: usize,
    /// The number of names so far.
    names: usize,
    /// The first position of each name at the top.
    positions: BTreeMap<String, usize>,
}

impl Parser<'_> {
    /// Parses fields whose names are `depth` names below the top. The top has depth 1.
    fn fields(&mut self, depth: usize) -> Result<Names, FieldsError> {
        let mut names = Names::default();

        loop {
            let (name, fields) = self.field(depth)?;
            names.add(name, fields);

            if !self.skip(',') {
                return Ok(names);
            }
        }
    }

    /// Parses a field. The depth bounds the recursion.
    fn field(&mut self, depth: usize) -> Result<(String, Names), FieldsError> {
        let name = self.name(depth)?;

        let fields = if self.skip('.') {
            let (name, fields) = self.field(depth + 1)?;
            Names(BTreeMap::from([(name, fields)]))
        } else if self.skip('(') {
            self.group(depth + 1)?
        } else {
            Names::default()
        };

        Ok((name, fields))
    }

    fn group(&mut self, depth: usize) -> Result<Names, FieldsError> {
        let fields = self.fields(depth)?;

        if !self.skip(')') {
            return Err(self.unexpected("`,` or `)`"));
        }
        Ok(fields)
    }

    fn name(&mut self, depth: usize) -> Result<String, FieldsError> {
        let position = self.position;
        let mut name = String::new();
        while let Some(character) = self.peek().filter(|character| is_of_name(*character)) {
            name.push(character);
            self.advance();
        }

        self.names += 1;
        if name.is_empty() {
            return Err(self.unexpected("a field name"));
        }
        if self.names > MAX_FIELDS_NAMES {
            return Err(FieldsError::TooManyNames(position));
        }
        if depth > MAX_FIELDS_DEPTH {
            return Err(FieldsError::TooDeep(position));
        }

        if depth == 1 {
            self.positions.entry(name.clone()).or_insert(position);
        }
        Ok(name)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn advance(&mut self) {
        self.rest.next();
        self.position += 1;
    }

    /// Skips a character if it is the next one.
    fn skip(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.advance();
        }
        is_next
    }

    fn unexpected(&mut self, expected: &'static str) -> FieldsError {
        let found = match self.peek() {
            None => Unexpected::End,
            Some(character) if is_space(character) => Unexpected::Space,
            Some(character) => Unexpected::Character(character),
        };

        FieldsError::Syntax {
            position: self.position,
            found,
            expected,
        }
    }
}

impl Names {
    /// Adds a field. A field that is selected as a whole remains so.
    fn add(&mut self, name: String, fields: Self) {
        match self.0.get_mut(&name) {
            None => {
                self.0.insert(name, fields);
            }
            Some(known) if known.is_whole() => {}
            Some(known) if fields.is_whole() => *known = fields,
            Some(known) => {
                for (name, fields) in fields.0 {
                    known.add(name, fields);
                }
            }
        }
    }
}

fn is_of_name(character: char) -> bool {
    !matches!(character, ',' | '.' | '(' | ')') && !is_space(character)
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}
