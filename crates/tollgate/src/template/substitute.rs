//! The names inside a text of `Fn::Sub`.

use super::TemplateError;

/// Replaces each `${Name}`; `${!Name}` is a literal `${Name}`. `None` where one is not closed.
pub(super) fn names(
    text: &str,
    mut value_of: impl FnMut(&str) -> Result<String, TemplateError>,
) -> Option<Result<String, TemplateError>> {
    let (mut replaced, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}')?;
        replaced.push_str(before);
        match name.strip_prefix('!') {
            Some(literal) => replaced.push_str(&format!("${{{literal}}}")),
            None => match value_of(name) {
                Ok(value) => replaced.push_str(&value),
                Err(error) => return Some(Err(error)),
            },
        }
        rest = tail;
    }
    replaced.push_str(rest);
    Some(Ok(replaced))
}
