//! The quoting of the cells of a CSV record, which the CSV reader does not report.
//!
//! Spaces around a cell without quotation marks are not part of the cell; spaces inside quotation
//! marks are. To the CSV reader, a quotation mark after a space and text after a closing quotation
//! mark are part of the cell, and could become part of a secret.

/// The quoting of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Without quotation marks.
    Plain,
    /// In quotation marks.
    Quoted {
        /// The number of bytes of white space after the closing quotation mark.
        trailing: usize,
    },
    /// In quotation marks, with text after the closing one.
    TextAfterQuote,
    /// With an opening quotation mark but no closing one.
    Unclosed,
}

/// Returns the form of each cell of a record. Empty lines before the record are skipped, and a line
/// break at its end is optional.
pub(crate) fn forms(record: &[u8]) -> Vec<Form> {
    let begin = record
        .iter()
        .position(|byte| !is_line_break(*byte))
        .unwrap_or(record.len());
    let mut rest = &record[begin..];

    let mut forms = Vec::new();
    loop {
        let (form, length) = first_form(rest);
        forms.push(form);
        match rest[length..].split_first() {
            Some((b',', next)) => rest = next,
            _ => return forms,
        }
    }
}

/// Returns the form of the first cell, and its length in bytes.
fn first_form(text: &[u8]) -> (Form, usize) {
    let end = |from: usize| {
        let length = text[from..]
            .iter()
            .position(|byte| *byte == b',' || is_line_break(*byte));
        length.map_or(text.len(), |length| from + length)
    };
    if text.first() != Some(&b'"') {
        return (Form::Plain, end(0));
    }

    let mut after_quote = 1;
    loop {
        let Some(offset) = text[after_quote..].iter().position(|byte| *byte == b'"') else {
            return (Form::Unclosed, text.len());
        };
        after_quote += offset + 1;
        if text.get(after_quote) != Some(&b'"') {
            break;
        }
        after_quote += 1;
    }

    let end = end(after_quote);
    let is_blank = text[after_quote..end]
        .iter()
        .all(|byte| b" \t".contains(byte));
    let form = if is_blank {
        Form::Quoted {
            trailing: end - after_quote,
        }
    } else {
        Form::TextAfterQuote
    };
    (form, end)
}

fn is_line_break(byte: u8) -> bool {
    b"\r\n".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_distinguished() {
        use Form::{Plain, Quoted, TextAfterQuote, Unclosed};
        let quoted = Quoted { trailing: 0 };

        for (record, expected) in [
            ("a,b\n", vec![Plain, Plain]),
            ("\r\n\n\"a\",b,\"\"\r\n", vec![quoted, Plain, quoted]),
            (
                "\"a,\"\"b\"\"\n\",\"c\"  ,d",
                vec![quoted, Quoted { trailing: 2 }, Plain],
            ),
            (" \"a\", \"b\"\n", vec![Plain, Plain]),
            ("\"a\"b,\"c\" d", vec![TextAfterQuote, TextAfterQuote]),
            ("a,\"b,c\n", vec![Plain, Unclosed]),
            ("", vec![Plain]),
            (",", vec![Plain, Plain]),
        ] {
            assert_eq!(forms(record.as_bytes()), expected, "{record:?}");
        }
    }

    proptest! {
        /// The cells are the same as those of the CSV reader.
        #[test]
        fn every_cell_has_a_form(text in "[a\", \t\r\n]{0,40}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut record = csv::ByteRecord::new();
            while reader.read_byte_record(&mut record).unwrap() {
                let begin = usize::try_from(record.position().unwrap().byte()).unwrap();
                let end = usize::try_from(reader.position().byte()).unwrap();
                let found = forms(&text.as_bytes()[begin..end]);
                prop_assert_eq!(found.len(), record.len(), "{:?}", &text[begin..end]);
                for (form, cell) in found.into_iter().zip(&record) {
                    let trailing = if let Form::Quoted { trailing } = form { trailing } else { 0 };
                    let (_, blanks) = cell.split_at_checked(cell.len() - trailing).unwrap();
                    prop_assert!(blanks.iter().all(|byte| b" \t".contains(byte)), "{:?}", &text[begin..end]);
                }
            }
        }
    }
}
