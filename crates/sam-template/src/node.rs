//! YAML with positions, in which calls of CloudFormation's functions are distinct from data.

use saphyr::{MarkedYaml, Scalar, ScalarStyle, Tag, YamlData, YamlLoader};
use saphyr_parser::{Event, Marker, Parser};

use super::{Position, TemplateError};

/// The deepest nesting of values. Parsing uses stack for each level.
const MAX_DEPTH: i32 = 64;

/// A value and its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The position of the first character.
    pub position: Position,
    /// The value.
    pub kind: Kind,
    /// True for a scalar without quotes, such as `true` or `30`. Only the conversion to JSON needs
    /// it: CloudFormation treats all scalars as strings.
    pub is_plain: bool,
}

/// The value of a [`Node`].
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Null, or nothing at all.
    Null,
    /// Any other scalar, as written.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the text, with the position of each key.
    Map(Vec<(String, Position, Node)>),
    /// A function such as `Ref` or `If` (without `Fn::`), and its argument.
    Call(String, Box<Node>),
}

impl Node {
    pub(super) const fn new(position: Position, kind: Kind) -> Self {
        Self {
            position,
            kind,
            is_plain: false,
        }
    }

    pub(super) fn text(position: Position, text: impl Into<String>) -> Self {
        Self::new(position, Kind::Text(text.into()))
    }

    pub(super) fn call(position: Position, function: &str, argument: Self) -> Self {
        let call = Kind::Call(function.to_owned(), Box::new(argument));
        Self::new(position, call)
    }

    /// True for a call of a function.
    pub(super) const fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call(..))
    }

    /// Returns the string, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a field of a map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        let (.., node) = entries.iter().find(|(known, ..)| known == name)?;
        Some(node)
    }

    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`] if the text is not YAML, has a duplicate key, is nested too deeply or is
    /// not a single map.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let node = Self::parse_document(text)?;
        match node.kind {
            Kind::Map(_) => Ok(node),
            _ => Err(TemplateError::whole("a template must be one map")),
        }
    }

    /// Parses any YAML document. An empty text is null.
    ///
    /// # Errors
    /// [`TemplateError`] under the conditions of [`Self::parse`], except that the document can be
    /// of any type.
    pub fn parse_document(text: &str) -> Result<Self, TemplateError> {
        check_depth(text)?;
        let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
        // Keeps scalars as written: `1.10` does not become 1.1.
        loader.early_parse(false);
        let scanned = Parser::new_from_str(text).load(&mut loader, true);
        if let Some(error) = scanned.as_ref().err().or(loader.error()) {
            return Err(TemplateError::at(position(error.marker()), error.info()));
        }

        match loader.into_documents().as_slice() {
            [] => Ok(Self::new(Position { line: 1, column: 1 }, Kind::Null)),
            [document] => Self::from_yaml(document),
            _ => Err(TemplateError::whole("more than one document")),
        }
    }

    fn from_yaml(yaml: &MarkedYaml<'_>) -> Result<Self, TemplateError> {
        let position = position(&yaml.span.start);
        let kind = match &yaml.data {
            YamlData::Representation(text, style, tag) => {
                return Ok(scalar(position, text, *style, tag.as_deref()));
            }
            YamlData::Sequence(items) => Kind::List(
                items
                    .iter()
                    .map(Self::from_yaml)
                    .collect::<Result<_, _>>()?,
            ),
            YamlData::Mapping(entries) => return map(position, entries.iter()),
            YamlData::Tagged(tag, inner) => {
                Kind::Call(tag.suffix.clone(), Box::new(Self::from_yaml(inner)?))
            }
            YamlData::Value(Scalar::Null) => Kind::Null,
            YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => {
                return Err(TemplateError::at(
                    position,
                    "this YAML value is not supported",
                ));
            }
        };
        Ok(Self::new(position, kind))
    }
}

/// Checks the nesting before the values are built, because building them is recursive.
fn check_depth(text: &str) -> Result<(), TemplateError> {
    let mut depth = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| TemplateError::at(position(error.marker()), error.info()))?;

        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(TemplateError::at(
                position(&span.start),
                "values are nested too deeply",
            ));
        }
    }
    Ok(())
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

fn scalar(position: Position, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let is_plain = style == ScalarStyle::Plain;
    let is_null = is_plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    let kind = if is_null {
        Kind::Null
    } else {
        Kind::Text(text.to_owned())
    };

    let node = Node {
        position,
        kind,
        is_plain,
    };
    match tag.filter(|tag| !tag.is_yaml_core_schema()) {
        Some(tag) => Node::call(position, &tag.suffix, node),
        None => node,
    }
}

fn map<'y, 'i: 'y>(
    position: Position,
    entries: impl ExactSizeIterator<Item = (&'y MarkedYaml<'i>, &'y MarkedYaml<'i>)>,
) -> Result<Node, TemplateError> {
    let mut map = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = Node::from_yaml(key)?;
        let Kind::Text(name) = key.kind else {
            return Err(TemplateError::at(key.position, "a key must be a string"));
        };
        map.push((name, key.position, Node::from_yaml(value)?));
    }

    if map.len() == 1 && (map[0].0 == "Ref" || map[0].0.starts_with("Fn::")) {
        let (name, _, argument) = map.swap_remove(0);
        let function = name.trim_start_matches("Fn::");
        return Ok(Node::call(position, function, argument));
    }
    Ok(Node::new(position, Kind::Map(map)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms_of_functions_are_equal() {
        let short = Node::parse("a: !Ref b").unwrap();
        let long = Node::parse("a: {Ref: b}").unwrap();
        for node in [short, long] {
            let Kind::Map(entries) = node.kind else {
                panic!("{node:?}")
            };
            let Kind::Call(name, argument) = &entries[0].2.kind else {
                panic!("{entries:?}")
            };
            assert_eq!(
                (name.as_str(), &argument.kind),
                ("Ref", &Kind::Text("b".to_owned()))
            );
        }
    }

    #[test]
    fn scalars_are_kept_as_written() {
        let Kind::Map(entries) = Node::parse("a: 1.10\nb: true\nc: \"null\"\nd: null\ne:")
            .unwrap()
            .kind
        else {
            panic!()
        };
        let kinds: Vec<_> = entries.into_iter().map(|entry| entry.2.kind).collect();
        let text = |text: &str| Kind::Text(text.to_owned());
        assert_eq!(
            kinds,
            [
                text("1.10"),
                text("true"),
                text("null"),
                Kind::Null,
                Kind::Null
            ]
        );
    }

    #[test]
    fn errors_have_line_and_column() {
        assert_eq!(
            Node::parse("a: 1\nb: [1\nc: 2")
                .unwrap_err()
                .position
                .map(|at| at.line),
            Some(3)
        );
        assert_eq!(
            Node::parse("a: 1\na: 2").unwrap_err().position,
            Some(Position { line: 2, column: 1 })
        );
        let deep: String = (0..3_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect();
        assert!(
            Node::parse(&deep)
                .unwrap_err()
                .to_string()
                .contains("nested too deeply")
        );
        assert_eq!(
            Node::parse("- a").unwrap_err().to_string(),
            "a template must be one map"
        );
    }

    #[test]
    fn anchors_are_resolved() {
        let Kind::Map(entries) = Node::parse("a: &x {b: 1}\nc: *x").unwrap().kind else {
            panic!()
        };
        assert_eq!(entries[0].2.kind, entries[1].2.kind);
    }
}
