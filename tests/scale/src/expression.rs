//! Update and condition expressions of DynamoDB, as far as charges use them: numbers, `SET`,
//! `REMOVE`, `if_not_exists`, comparisons, `AND` and `OR`.

use std::collections::HashMap;
use std::iter::Peekable;
use std::vec::IntoIter;

/// The attributes of an item. All of them are numbers.
pub type Attributes = HashMap<String, i128>;

/// A parsed `UpdateExpression`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Update {
    sets: Vec<(String, Vec<Operand>)>,
    removes: Vec<String>,
}

/// A parsed `ConditionExpression`.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
    /// The attribute exists, or does not.
    Exists(String, bool),
    /// A comparison. It is false if an attribute is missing.
    Compare(Operand, Comparison, Operand),
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A number in an expression.
#[derive(Debug, PartialEq, Eq)]
pub enum Operand {
    /// An attribute, by its placeholder.
    Name(String),
    /// A value, by its placeholder.
    Value(String),
    /// The attribute, or the operand if it is missing.
    IfNotExists(String, Box<Operand>),
}

/// An expression that this program does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown;

/// The placeholders of a request.
pub trait Placeholders {
    /// Returns the attribute's name.
    fn name(&self, placeholder: &str) -> Option<&str>;
    /// Returns the number.
    fn value(&self, placeholder: &str) -> Option<i128>;
}

type Tokens<'t> = Peekable<IntoIter<&'t str>>;

impl Update {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn parse(text: &str) -> Result<Self, Unknown> {
        let (mut update, mut tokens) = (Self::default(), tokens(text));
        while let Some(keyword) = tokens.next() {
            loop {
                let name = tokens.next().filter(|name| name.starts_with('#'));
                let name = name.ok_or(Unknown)?.to_owned();
                match keyword {
                    "SET" => {
                        expect(&mut tokens, "=")?;
                        let mut terms = vec![operand(&mut tokens)?];
                        while tokens.next_if_eq(&"+").is_some() {
                            terms.push(operand(&mut tokens)?);
                        }
                        update.sets.push((name, terms));
                    }
                    "REMOVE" => update.removes.push(name),
                    _ => return Err(Unknown),
                }
                if tokens.next_if_eq(&",").is_none() {
                    break;
                }
            }
        }
        Ok(update)
    }

    /// Applies the expression. All operands are those of the item before.
    ///
    /// # Errors
    /// [`Unknown`] if a placeholder or an attribute is missing.
    pub fn apply(&self, item: &mut Attributes, words: &impl Placeholders) -> Result<(), Unknown> {
        let mut values = Vec::with_capacity(self.sets.len());
        for (name, terms) in &self.sets {
            let mut sum = 0;
            for term in terms {
                sum += term.of(item, words)?.ok_or(Unknown)?;
            }
            values.push((words.name(name).ok_or(Unknown)?, sum));
        }
        for (name, value) in values {
            match item.get_mut(name) {
                Some(present) => *present = value,
                None => drop(item.insert(name.to_owned(), value)),
            }
        }
        for name in &self.removes {
            item.remove(words.name(name).ok_or(Unknown)?);
        }
        Ok(())
    }
}

impl Condition {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn parse(text: &str) -> Result<Self, Unknown> {
        let mut tokens = tokens(text);
        let condition = either(&mut tokens)?;
        match tokens.next() {
            None => Ok(condition),
            Some(_) => Err(Unknown),
        }
    }

    /// Returns true if an item meets the condition.
    ///
    /// # Errors
    /// [`Unknown`] if a placeholder is missing.
    pub fn is_met(&self, item: &Attributes, words: &impl Placeholders) -> Result<bool, Unknown> {
        match self {
            Self::And(parts) => {
                for part in parts {
                    if !part.is_met(item, words)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(parts) => {
                for part in parts {
                    if part.is_met(item, words)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Exists(name, exists) => {
                Ok(item.contains_key(words.name(name).ok_or(Unknown)?) == *exists)
            }
            Self::Compare(left, comparison, right) => {
                let pair = left.of(item, words)?.zip(right.of(item, words)?);
                Ok(pair.is_some_and(|(left, right)| comparison.holds(left, right)))
            }
        }
    }
}

impl Comparison {
    fn of(token: &str) -> Option<Self> {
        Some(match token {
            "=" => Self::Equal,
            "<>" => Self::Different,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::Greater,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    fn holds(self, left: i128, right: i128) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Different => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Greater => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

impl Operand {
    fn of(&self, item: &Attributes, words: &impl Placeholders) -> Result<Option<i128>, Unknown> {
        let attribute = |name: &str| Ok(item.get(words.name(name).ok_or(Unknown)?).copied());
        match self {
            Self::Name(name) => attribute(name),
            Self::Value(value) => words.value(value).map(Some).ok_or(Unknown),
            Self::IfNotExists(name, otherwise) => match attribute(name)? {
                Some(present) => Ok(Some(present)),
                None => otherwise.of(item, words),
            },
        }
    }
}

fn either(tokens: &mut Tokens<'_>) -> Result<Condition, Unknown> {
    let mut parts = vec![all(tokens)?];
    while tokens.next_if_eq(&"OR").is_some() {
        parts.push(all(tokens)?);
    }
    Ok(single(parts, Condition::Or))
}

fn all(tokens: &mut Tokens<'_>) -> Result<Condition, Unknown> {
    let mut parts = vec![condition(tokens)?];
    while tokens.next_if_eq(&"AND").is_some() {
        parts.push(condition(tokens)?);
    }
    Ok(single(parts, Condition::And))
}

fn single(mut parts: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            several(parts)
        }
    }
}

fn condition(tokens: &mut Tokens<'_>) -> Result<Condition, Unknown> {
    if tokens.next_if_eq(&"(").is_some() {
        let inner = either(tokens)?;
        expect(tokens, ")")?;
        return Ok(inner);
    }
    for (function, exists) in [("attribute_exists", true), ("attribute_not_exists", false)] {
        if tokens.next_if_eq(&function).is_some() {
            expect(tokens, "(")?;
            let name = tokens.next().ok_or(Unknown)?.to_owned();
            expect(tokens, ")")?;
            return Ok(Condition::Exists(name, exists));
        }
    }
    let left = operand(tokens)?;
    let comparison = tokens.next().and_then(Comparison::of).ok_or(Unknown)?;
    Ok(Condition::Compare(left, comparison, operand(tokens)?))
}

fn operand(tokens: &mut Tokens<'_>) -> Result<Operand, Unknown> {
    match tokens.next() {
        Some("if_not_exists") => {
            expect(tokens, "(")?;
            let name = tokens.next().ok_or(Unknown)?.to_owned();
            expect(tokens, ",")?;
            let otherwise = operand(tokens)?;
            expect(tokens, ")")?;
            Ok(Operand::IfNotExists(name, Box::new(otherwise)))
        }
        Some(name) if name.starts_with('#') => Ok(Operand::Name(name.to_owned())),
        Some(value) if value.starts_with(':') => Ok(Operand::Value(value.to_owned())),
        _ => Err(Unknown),
    }
}

fn expect(tokens: &mut Tokens<'_>, token: &str) -> Result<(), Unknown> {
    tokens.next_if_eq(&token).map(drop).ok_or(Unknown)
}

/// Splits an expression at spaces, commas and parentheses.
fn tokens(text: &str) -> Tokens<'_> {
    let mut found = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')', ',']) {
            let (before, after) = rest.split_at(at);
            found.extend(Some(before).filter(|before| !before.is_empty()));
            let (sign, after) = after.split_at(1);
            found.push(sign);
            rest = after;
        }
        found.extend(Some(rest).filter(|rest| !rest.is_empty()));
    }
    found.into_iter().peekable()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#x` is the attribute `x`, and `:5` is 5.
    struct Plain;

    impl Placeholders for Plain {
        fn name(&self, placeholder: &str) -> Option<&str> {
            // The string outlives the test.
            ["a", "b", "c"]
                .into_iter()
                .find(|name| placeholder.strip_prefix('#') == Some(name))
        }

        fn value(&self, placeholder: &str) -> Option<i128> {
            placeholder.strip_prefix(':')?.parse().ok()
        }
    }

    fn item(attributes: &[(&str, i128)]) -> Attributes {
        attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    }

    fn updated(before: &[(&str, i128)], expression: &str) -> Attributes {
        let mut item = item(before);
        Update::parse(expression)
            .unwrap()
            .apply(&mut item, &Plain)
            .unwrap();
        item
    }

    fn is_met(present: &[(&str, i128)], condition: &str) -> bool {
        Condition::parse(condition)
            .unwrap()
            .is_met(&item(present), &Plain)
            .unwrap()
    }

    #[test]
    fn sums_are_of_the_item_before() {
        let after = updated(
            &[("a", 1), ("c", 9)],
            "SET #a = #a + :2, #b = if_not_exists(#b, :0) + #a REMOVE #c",
        );
        assert_eq!(after, item(&[("a", 3), ("b", 1)]));
    }

    #[test]
    fn conditions_of_charges_are_evaluated() {
        let idle = "(attribute_not_exists(#a) OR #a <= :5)";
        assert!(is_met(&[], idle) && is_met(&[("a", 5)], idle) && !is_met(&[("a", 6)], idle));

        let busy = "(#a > :5 AND #a <= :9) AND (attribute_not_exists(#b) OR #b <= :1)";
        assert!(is_met(&[("a", 9)], busy) && is_met(&[("a", 6), ("b", 1)], busy));
        assert!(!is_met(&[], busy) && !is_met(&[("a", 10)], busy));
        assert!(!is_met(&[("a", 6), ("b", 2)], busy));
    }

    #[test]
    fn missing_attribute_meets_no_comparison() {
        for comparison in ["=", "<>", "<", "<=", ">", ">="] {
            assert!(!is_met(&[], &format!("#a {comparison} :1")), "{comparison}");
        }
        assert!(is_met(&[("a", 1)], "attribute_exists(#a)"));
    }

    #[test]
    fn unknown_expressions_are_errors() {
        for text in [
            "ADD #a :1",
            "SET #a = #a - :1",
            "SET #a",
            "SET #a = size(#b)",
        ] {
            assert_eq!(Update::parse(text), Err(Unknown), "{text}");
        }
        for text in ["NOT #a = :1", "#a = :1 #b", "contains(#a, :1)", "(#a = :1"] {
            assert_eq!(Condition::parse(text), Err(Unknown), "{text}");
        }
    }
}
