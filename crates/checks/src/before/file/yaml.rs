//! Parameter values in YAML, as the SAM CLI reads them.

use sam_template::{Kind, Node, Position, TemplateError};

use super::{Entry, Given, Problem, pair};

const EXPECTED: &str = "expected a map of parameter names to values";

pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Problem> {
    let root = Node::parse_document(text)?;
    match root.kind {
        Kind::Null => Err(Problem::whole(format!("empty, {EXPECTED}"))),
        Kind::Map(fields) => of_map(fields),
        Kind::List(items) => of_list(items),
        Kind::Text(_) | Kind::Call(..) => Err(Problem::at(root.position, EXPECTED)),
    }
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        Self {
            position: error.position,
            text: error.problem,
        }
    }
}

/// Returns the entries of a map, or of the map in its only field `Parameters`.
fn of_map(mut fields: Vec<(String, Position, Node)>) -> Result<Vec<Entry>, Problem> {
    if let [(name, _, node)] = fields.as_mut_slice()
        && name == "Parameters"
        && let Kind::Map(inner) = &mut node.kind
    {
        fields = std::mem::take(inner);
    }

    fields
        .into_iter()
        .map(|(name, position, node)| {
            if name == "$include" {
                return Err(Problem::at(position, "`$include` is not supported here"));
            }
            let given = given(node, position)?;
            Ok((name, given))
        })
        .collect()
}

/// Returns the entries of a list of `ParameterKey` and `ParameterValue`, of maps, or of strings
/// `NAME=VALUE`.
fn of_list(items: Vec<Node>) -> Result<Vec<Entry>, Problem> {
    let mut entries = Vec::new();
    for item in items {
        match item.kind {
            Kind::Text(text) => entries.push(pair(&text, Some(item.position))?),
            Kind::Map(fields) => match key_and_value(&fields) {
                Some(entry) => entries.push(entry?),
                None => entries.extend(of_map(fields)?),
            },
            _ => return Err(Problem::at(item.position, "expected a map or NAME=VALUE")),
        }
    }
    Ok(entries)
}

/// Returns the entry of a map with `ParameterKey`, or `None` for any other map.
fn key_and_value(fields: &[(String, Position, Node)]) -> Option<Result<Entry, Problem>> {
    let field = |wanted: &str| fields.iter().find(|(name, ..)| name == wanted);
    let (_, position, key) = field("ParameterKey")?;

    let entry = match (key.as_text(), field("ParameterValue")) {
        (Some(name), Some((_, _, value))) => {
            given(value.clone(), *position).map(|given| (name.to_owned(), given))
        }
        (None, _) => Err(Problem::at(*position, "`ParameterKey` must be a string")),
        (Some(name), None) => Err(Problem::at(
            *position,
            format!("`{name}` has no `ParameterValue`"),
        )),
    };
    Some(entry)
}

fn given(node: Node, position: Position) -> Result<Given, Problem> {
    let converted = node.is_plain.then(|| conversion(&node)).flatten();
    let value = match node.kind {
        Kind::Null => String::new(),
        Kind::Text(text) => text,
        Kind::List(items) => joined(items)?,
        Kind::Map(_) | Kind::Call(..) => {
            return Err(Problem::at(
                node.position,
                "expected a string, a number or a list of strings",
            ));
        }
    };
    Ok(Given {
        value,
        converted,
        position: Some(position),
    })
}

/// Returns the items of a list with commas. The SAM CLI omits empty ones.
fn joined(items: Vec<Node>) -> Result<String, Problem> {
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item.kind {
            Kind::Null => {}
            Kind::Text(text) => texts.push(text.trim().to_owned()),
            _ => return Err(Problem::at(item.position, "expected a string")),
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts.join(","))
}

/// Returns the string that the SAM CLI makes of a scalar without quotes, if it is not the same.
/// Booleans and numbers get the form that Python gives them.
fn conversion(node: &Node) -> Option<String> {
    let text = node.as_text()?;
    match text {
        "true" | "True" | "TRUE" => return Some("True".to_owned()),
        "false" | "False" | "FALSE" => return Some("False".to_owned()),
        _ => {}
    }

    let is_integer = text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !is_integer {
        return None;
    }
    let digits = text.replace('_', "");
    let digits = digits.trim_start_matches('0');
    let number = if digits.is_empty() { "0" } else { digits };
    (number != text).then(|| number.to_owned())
}
