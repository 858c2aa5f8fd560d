//! Values in the XML of the AWS Query protocol.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// Returns the texts of the elements with these names, in the order of the document. Names have no
/// prefix.
///
/// # Errors
/// [`XmlDecodeError`] if the document is not XML, or nested too deeply.
pub(crate) fn texts(xml: &str, names: &[&str]) -> Result<Vec<(String, String)>, XmlDecodeError> {
    let mut document = Document::new(xml);
    let mut root = document.root_element()?;
    let mut found = Vec::new();
    collect(&mut root, names, MAX_DEPTH, &mut found)?;
    Ok(found)
}

fn collect(
    element: &mut ScopedDecoder<'_, '_>,
    names: &[&str],
    depth: usize,
    found: &mut Vec<(String, String)>,
) -> Result<(), XmlDecodeError> {
    if depth == 0 {
        return Err(XmlDecodeError::custom("nested too deeply"));
    }
    while let Some(mut child) = element.next_tag() {
        let name = child.start_el().local().to_owned();
        if names.contains(&name.as_str()) {
            found.push((name, try_data(&mut child)?.into_owned()));
        } else {
            collect(&mut child, names, depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_at_any_depth_and_decoded() {
        let xml = "<?xml version=\"1.0\"?><a xmlns=\"b\"><c>\n<Key>x&amp;y</Key><Value/></c><Key>z</Key></a>";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            texts(xml, &["Key", "Value"]).unwrap(),
            [pair("Key", "x&y"), pair("Value", ""), pair("Key", "z")]
        );
    }

    #[test]
    fn text_that_is_not_xml_is_an_error() {
        assert!(texts("not xml", &["a"]).is_err());
        assert!(texts("", &["a"]).is_err());
        let deep = "<a>".repeat(100_000);
        assert!(texts(&deep, &["b"]).is_err());
    }
}
