//! Reads YAML or JSON as a tree with line numbers, within bounds.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// The largest file, in bytes.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The deepest nesting of values.
const MAX_DEPTH: usize = 64;
/// The maximum number of values of a file, including the copies that aliases make.
const MAX_VALUES: usize = 2_000_000;
/// The maximum number of entries of one map. Names are compared with each other.
const MAX_ENTRIES: usize = 1_000;
/// The key that merges other maps into its map.
const MERGE_KEY: &str = "<<";

/// The reason why a configuration cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct KongError {
    /// The file, and if it is known, the line and the column.
    pub place: String,
    /// The problem, and what was expected.
    pub problem: String,
}

impl KongError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// A value and its line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) data: Data,
}

/// The value of a [`Node`].
#[derive(Clone, Debug)]
pub(super) enum Data {
    Null,
    /// A scalar as written, so that a key such as `0123` keeps its digits.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Parses a file that contains one document.
    ///
    /// # Errors
    /// [`KongError`] with the position, if the text is not YAML or exceeds a bound.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, KongError> {
        if text.len() > MAX_BYTES {
            let problem = format!("the file is larger than {MAX_BYTES} bytes");
            return Err(KongError::new(file, problem));
        }

        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::new(file);
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|error| builder.error(error.marker(), error.info()))?;
            builder.take(event, &span.start)?;
        }

        builder
            .document
            .ok_or_else(|| KongError::new(file, "the file is empty, expected a map"))
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns a field of a map, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let (_, node) = self.entries().iter().find(|(known, _)| known == name)?;
        (!matches!(node.data, Data::Null)).then_some(node)
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// Returns a scalar as written.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.data {
            Data::Scalar { text, is_plain } if *is_plain => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns a finite number, which is not in quotation marks.
    pub(super) fn number(&self) -> Option<f64> {
        match &self.data {
            Data::Scalar { text, is_plain } if *is_plain => {
                text.parse().ok().filter(|number: &f64| number.is_finite())
            }
            _ => None,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.data, Data::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.data, Data::List(_))
    }

    fn count(&self) -> usize {
        let below: usize = match &self.data {
            Data::Null | Data::Scalar { .. } => 0,
            Data::List(items) => items.iter().map(Self::count).sum(),
            Data::Map(entries) => entries.iter().map(|(_, node)| node.count()).sum(),
        };
        below + 1
    }
}

/// A list or a map whose end has not been read yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key of the next value of a map.
    key: Option<String>,
    /// The maps that `<<` names.
    merged: Vec<Node>,
}

/// Builds the tree from the events of the parser.
struct Builder<'f> {
    file: &'f str,
    open: Vec<Open>,
    /// The nodes with an anchor, each with its number of values.
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    document: Option<Node>,
}

impl<'f> Builder<'f> {
    fn new(file: &'f str) -> Self {
        Self {
            file,
            open: Vec::new(),
            anchors: HashMap::new(),
            values: 0,
            document: None,
        }
    }

    fn error(&self, marker: &Marker, problem: impl Into<String>) -> KongError {
        let place = format!("{}:{}:{}", self.file, marker.line(), marker.col() + 1);
        KongError::new(place, problem)
    }

    fn take(&mut self, event: Event<'_>, marker: &Marker) -> Result<(), KongError> {
        let line = marker.line();
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                Err(self.error(marker, "the file has a second document, expected one"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let data = self.scalar(&text, style, tag.as_deref(), marker)?;
                let node = Node { line, data };
                self.remember(anchor, &node, marker)?;
                self.add(node, 1, marker)
            }
            Event::Alias(anchor) => {
                let Some((node, count)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error(marker, "an alias refers to a value that contains it"));
                };
                self.add(node, count, marker)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Data::List(Vec::new()), anchor, tag.as_deref(), marker)
            }
            Event::MappingStart(anchor, tag) => {
                self.start(Data::Map(Vec::new()), anchor, tag.as_deref(), marker)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(marker),
            _ => Ok(()),
        }
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        marker: &Marker,
    ) -> Result<Data, KongError> {
        self.check_tag(tag, marker)?;
        let is_plain = style == ScalarStyle::Plain && tag.is_none();
        let is_null = is_plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");

        Ok(if is_null {
            Data::Null
        } else {
            Data::Scalar {
                text: text.to_owned(),
                is_plain,
            }
        })
    }

    /// Refuses tags other than those of YAML itself: their meaning is not known.
    fn check_tag(&self, tag: Option<&Tag>, marker: &Marker) -> Result<(), KongError> {
        match tag.filter(|tag| !tag.is_yaml_core_schema()) {
            Some(tag) => Err(self.error(
                marker,
                format!("unknown tag `{}{}`", tag.handle, tag.suffix),
            )),
            None => Ok(()),
        }
    }

    fn start(
        &mut self,
        data: Data,
        anchor: usize,
        tag: Option<&Tag>,
        marker: &Marker,
    ) -> Result<(), KongError> {
        self.check_tag(tag, marker)?;
        if self.open.len() >= MAX_DEPTH {
            let problem = format!("values are nested deeper than {MAX_DEPTH} levels");
            return Err(self.error(marker, problem));
        }

        self.open.push(Open {
            node: Node {
                line: marker.line(),
                data,
            },
            anchor,
            key: None,
            merged: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self, marker: &Marker) -> Result<(), KongError> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        merge(&mut open);

        self.remember(open.anchor, &open.node, marker)?;
        self.add(open.node, 1, marker)
    }

    /// Keeps a copy of a value with an anchor. The copy counts too, because it takes memory.
    fn remember(&mut self, anchor: usize, node: &Node, marker: &Marker) -> Result<(), KongError> {
        if anchor == 0 {
            return Ok(());
        }

        let count = node.count();
        self.count(count, marker)?;
        self.anchors.insert(anchor, (node.clone(), count));
        Ok(())
    }

    fn count(&mut self, count: usize, marker: &Marker) -> Result<(), KongError> {
        self.values = self.values.saturating_add(count);
        if self.values > MAX_VALUES {
            let problem = format!("more than {MAX_VALUES} values, including copies by aliases");
            return Err(self.error(marker, problem));
        }
        Ok(())
    }

    /// Adds a value to the list or map that is open. `count` is the number of values that are new.
    fn add(&mut self, node: Node, count: usize, marker: &Marker) -> Result<(), KongError> {
        self.count(count, marker)?;
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        match &mut open.node.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match open.key.take() {
                Some(name) if name == MERGE_KEY => open.merged.push(node),
                Some(name) if entries.iter().any(|(known, _)| *known == name) => {
                    let problem = format!("duplicate key `{name}`");
                    return Err(self.error(marker, problem));
                }
                Some(_) if entries.len() == MAX_ENTRIES => {
                    let problem = format!("a map has more than {MAX_ENTRIES} entries");
                    return Err(self.error(marker, problem));
                }
                Some(name) => entries.push((name, node)),
                None => match node.data {
                    Data::Scalar { text, .. } => open.key = Some(text),
                    _ => return Err(self.error(marker, "a key must be a string")),
                },
            },
            Data::Null | Data::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// Adds the entries of merged maps. The map's own entries take precedence, then the first map.
fn merge(open: &mut Open) {
    let merged = std::mem::take(&mut open.merged);
    let Data::Map(entries) = &mut open.node.data else {
        return;
    };

    let sources = merged.into_iter().flat_map(|node| match node.data {
        Data::List(items) => items,
        _ => vec![node],
    });
    for source in sources {
        for (name, node) in source.entries() {
            if !entries.iter().any(|(known, _)| known == name) {
                entries.push((name.clone(), node.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Node::parse("kong.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn json_is_read_as_yaml() {
        let node = Node::parse("kong.json", "{\n\t\"a\": [1, \"2\", null, true]\n}").unwrap();
        let items = node.get("a").unwrap().items();
        assert_eq!(
            (items[0].number(), items[1].number(), items[1].text()),
            (Some(1.0), None, Some("2"))
        );
        assert!(matches!(items[2].data, Data::Null));
        assert_eq!(items[3].boolean(), Some(true));
    }

    #[test]
    fn digits_of_a_plain_scalar_are_kept() {
        let node = Node::parse("kong.yaml", "key: 0123456789").unwrap();
        assert_eq!(node.get("key").unwrap().text(), Some("0123456789"));
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved() {
        let text = "base: &b {minute: 5, policy: local}\nconfig: {<<: *b, minute: 9}";
        let node = Node::parse("kong.yaml", text).unwrap();
        let config = node.get("config").unwrap();
        assert_eq!(config.get("minute").unwrap().number(), Some(9.0));
        assert_eq!(config.get("policy").unwrap().text(), Some("local"));
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            let copies = vec![alias; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{copies}]\n"));
        }
        assert!(problem(&text).contains("more than 2000000 values"));
    }

    #[test]
    fn invalid_files_are_refused_with_a_position() {
        for (text, expected) in [
            ("", "kong.yaml: the file is empty"),
            ("a: 1\na: 2", "kong.yaml:2:4: duplicate key `a`"),
            ("a: !Ref b", "kong.yaml:1:"),
            (
                "a: 1\n---\nb: 2",
                "kong.yaml:2:1: the file has a second document",
            ),
            ("a: [1", "kong.yaml:"),
            ("? [a]\n: b", "a key must be a string"),
            ("a: &x [*x]", "an alias refers to a value that contains it"),
        ] {
            assert!(
                problem(text).contains(expected),
                "{text}: {}",
                problem(text)
            );
        }
        assert!(problem(&"[".repeat(100)).contains("nested deeper than 64 levels"));
    }
}
