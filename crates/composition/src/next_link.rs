//! Links to the next page of a part, which lead to the composition instead of the service.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Part;
use crate::json::{replace_values, scalar};

/// The longest link that is rewritten, in bytes.
const MAX_LINK_BYTES: usize = 8_192;
/// The characters that a query value contains as they are (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the JSON of a part in which the link to the next page leads to the composition.
///
/// The link is an absolute or relative URL, of which only the query counts. `client_query` is that of
/// the client's request, still encoded. The new link has only a query, which is relative to the URL of
/// the request (RFC 3986, section 5.2.2). The composer does not know the whole path of that URL, which
/// may begin with a stage or an API mapping. If the part has
/// `cursor={query.orders_cursor}`, the value of `cursor` in the link becomes that of
/// `orders_cursor`. Parameters of the part that the link lacks are removed. All others of the client
/// are unchanged.
///
/// A link without a parameter of the part, or of more than 8,192 bytes, becomes `null`, and so does
/// a value that is no string. No address of a service is passed on in it.
#[must_use]
pub fn with_next_link<'j>(json: &'j str, part: &Part, client_query: &str) -> Cow<'j, str> {
    let Some(pointer) = &part.next else {
        return Cow::Borrowed(json);
    };

    let link = scalar(json, pointer);
    let next = link.and_then(|link| rewrite(&link, part.passed_parameters(), client_query));
    replace_values(json, pointer, next.as_deref())
}

/// Returns the link to the next page, or `None` if it has none of the parameters or is too long.
///
/// `parameters` are the names of a query parameter for the service and for the client.
fn rewrite<'p>(
    link: &str,
    parameters: impl Iterator<Item = (Cow<'p, str>, &'p str)>,
    client_query: &str,
) -> Option<String> {
    let query = query_of(link).filter(|_| link.len() <= MAX_LINK_BYTES)?;
    let values = values_of(query, parameters);
    if values.iter().all(|(_, value)| value.is_none()) {
        return None;
    }

    let is_kept = |pair: &&str| !values.iter().any(|(name, _)| name_of(pair) == *name);
    let kept = client_query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(is_kept);
    let replaced = values
        .iter()
        .filter_map(|(name, value)| Some(encode(name, value.as_deref()?)));

    let pairs: Vec<_> = kept
        .map(Cow::Borrowed)
        .chain(replaced.map(Cow::Owned))
        .collect();
    Some(format!("?{}", pairs.join("&")))
}

/// Returns each parameter of the client with the value that the link has for it.
fn values_of<'l, 'p>(
    query: &'l str,
    parameters: impl Iterator<Item = (Cow<'p, str>, &'p str)>,
) -> Vec<(&'p str, Option<Cow<'l, str>>)> {
    let mut values: Vec<(_, Option<_>)> = Vec::new();

    for (key, name) in parameters {
        let value = value_of(query, &key);
        match values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = known.take().or(value),
            None => values.push((name, value)),
        }
    }
    values
}

fn query_of(link: &str) -> Option<&str> {
    let (url, _) = link.split_once('#').unwrap_or((link, ""));
    url.split_once('?').map(|(_, query)| query)
}

/// Returns the decoded value of the first pair with a key.
fn value_of<'q>(query: &'q str, key: &str) -> Option<Cow<'q, str>> {
    let pair = query.split('&').find(|pair| name_of(pair) == key)?;
    let (_, value) = pair.split_once('=').unwrap_or((pair, ""));
    decode(value)
}

/// Returns the decoded name of a pair.
fn name_of(pair: &str) -> Cow<'_, str> {
    let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
    decode(name).unwrap_or(Cow::Borrowed(name))
}

/// Decodes a name or a value. Returns `None` if it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
        Some(Cow::Owned(decoded))
    } else {
        percent_decode_str(text).decode_utf8().ok()
    }
}

fn encode(name: &str, value: &str) -> String {
    let name = utf8_percent_encode(name, ENCODED);
    let value = utf8_percent_encode(value, ENCODED);
    format!("{name}={value}")
}

#[cfg(test)]
mod tests;
