//! The content of a secrets file: CSV with the columns `key_id` and `secret`.

use std::collections::HashMap;

use csv::ReaderBuilder;

use registry::has_valid_checksum;

use super::Secret;

/// The header of a secrets file.
pub(super) const HEADER: &str = "key_id,secret\n";

/// The secrets of a file, by key id.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) secrets: HashMap<String, Secret>,
    /// The number of bytes that are complete lines. The rest was interrupted while it was written.
    pub(super) complete_bytes: usize,
    /// True if the last complete line has no line break.
    pub(super) lacks_line_break: bool,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidRecord {
    pub(super) line: u64,
    pub(super) problem: &'static str,
}

/// Reads the content of a file. Of several secrets of a key, the last one counts, because a rotation
/// appends the new secret.
///
/// # Errors
/// [`InvalidRecord`] if the file is not a secrets file, or a line is invalid.
pub(super) fn parse(text: &[u8]) -> Result<Records, InvalidRecord> {
    // The header, interrupted while it was written.
    if text.len() < HEADER.len() && HEADER.as_bytes().starts_with(text) {
        return Ok(Records::default());
    }

    let mut records = Records {
        complete_bytes: text.len(),
        lacks_line_break: !text.ends_with(b"\n"),
        ..Records::default()
    };
    if records.lacks_line_break {
        let line_begin = text.iter().rposition(|byte| *byte == b'\n');
        let line_begin = line_begin.map_or(0, |place| place + 1);
        let last_line = text.get(line_begin..).unwrap_or_default();
        // A secret is sent only after its whole line was stored, so that this one was not sent. The
        // rest of a secret may be easy to guess.
        if line_begin > 0 && !is_complete(last_line) {
            records.complete_bytes = line_begin;
            records.lacks_line_break = false;
        }
    }

    let complete = text.get(..records.complete_bytes).unwrap_or_default();
    let Some(rows) = complete.strip_prefix(HEADER.as_bytes()) else {
        return Err(InvalidRecord {
            line: 1,
            problem: without_header(text),
        });
    };
    records.secrets = read(rows, 2)?.into_iter().collect();
    Ok(records)
}

/// True if a line has a whole secret, so that an editor has removed only its line break.
fn is_complete(line: &[u8]) -> bool {
    read(line, 1).is_ok_and(|rows| {
        rows.iter()
            .all(|(_, secret)| has_valid_checksum(secret.expose()))
    })
}

/// Returns the reason why a file does not begin with the header.
fn without_header(text: &[u8]) -> &'static str {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match text.strip_prefix(HEADER.trim_end().as_bytes()) {
        Some(rest) if rest.first().is_none_or(|byte| b"\r\n".contains(byte)) => {
            "the file has a byte order mark or line breaks CRLF, expected the file as it was written"
        }
        _ => "not a secrets file, expected the header `key_id,secret`",
    }
}

/// Reads rows without a header. `first_line` is the number of the first one.
fn read(rows: &[u8], first_line: u64) -> Result<Vec<(String, Secret)>, InvalidRecord> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(rows);
    let mut secrets = Vec::new();

    for row in reader.records() {
        let invalid = |line: u64, problem| InvalidRecord {
            line: first_line + line.saturating_sub(1),
            problem,
        };
        let row = row.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            invalid(line, "the line is not UTF-8 text")
        })?;
        let line = row.position().map_or(1, csv::Position::line);
        let secret = match (row.get(0), row.get(1), row.len()) {
            (Some(key_id), Some(text), 2) if !key_id.is_empty() => {
                Secret::from_text(text).map(|secret| (key_id.to_owned(), secret))
            }
            _ => None,
        };
        // The line may contain a secret, so that it is not repeated.
        let secret = secret.ok_or_else(|| {
            let problem = "expected a key id and a secret of 20 to 128 visible ASCII characters";
            invalid(line, problem)
        })?;
        secrets.push(secret);
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "twenty-characters-01";

    fn parsed(text: &str) -> Result<Records, InvalidRecord> {
        parse(text.as_bytes())
    }

    #[test]
    fn empty_file_and_interrupted_header_have_no_secrets() {
        for text in ["", "k", "key_id,secret"] {
            let records = parsed(text).unwrap();
            assert_eq!((records.secrets.len(), records.complete_bytes), (0, 0));
        }
        assert_eq!(parsed(HEADER).unwrap().complete_bytes, HEADER.len());
    }

    #[test]
    fn last_secret_of_a_key_counts() {
        let text = format!("{HEADER}acme,{SECRET}\n\"a,b\",{SECRET}\nacme,{SECRET}-2\n");
        let records = parsed(&text).unwrap();
        assert_eq!(records.secrets.len(), 2);
        assert_eq!(records.secrets["acme"].expose(), format!("{SECRET}-2"));
        assert_eq!(records.secrets["a,b"].expose(), SECRET);
    }

    #[test]
    fn interrupted_line_is_not_part_of_the_file() {
        let complete = format!("{HEADER}acme,{SECRET}\n");
        for rest in ["b", "beta", "beta,", "beta,tg_1234", "\"be"] {
            let records = parsed(&format!("{complete}{rest}")).unwrap();
            assert_eq!(records.complete_bytes, complete.len(), "{rest}");
            assert!(!records.lacks_line_break && records.secrets.len() == 1);
        }
    }

    #[test]
    fn whole_secret_without_a_line_break_is_kept() {
        let secret = Secret::generate(Some("acme_production_live_")).unwrap();
        let text = format!("{HEADER}acme,{}", secret.expose());
        let records = parsed(&text).unwrap();
        assert!(records.lacks_line_break && records.complete_bytes == text.len());
        assert_eq!(records.secrets["acme"], secret);
    }

    #[test]
    fn secret_that_was_cut_off_is_not_used() {
        let secret = Secret::generate(Some("acme_production_live_")).unwrap();
        for end in 0..secret.expose().len() {
            let text = format!("{HEADER}acme,{}", &secret.expose()[..end]);
            let records = parsed(&text).unwrap();
            assert_eq!(
                (records.secrets.len(), records.complete_bytes),
                (0, HEADER.len()),
                "{end}"
            );
        }
    }

    #[test]
    fn file_that_a_spreadsheet_has_saved_is_named() {
        for text in [
            "key_id,secret\r\nacme,x\r\n",
            "\u{feff}key_id,secret\nacme,x\n",
        ] {
            let error = parsed(text).unwrap_err();
            assert!(
                error
                    .problem
                    .contains("byte order mark or line breaks CRLF")
            );
        }
    }

    #[test]
    fn invalid_lines_are_named_without_their_content() {
        for (text, line) in [
            ("notes\n".to_owned(), 1),
            (format!("acme,{SECRET}\n"), 1),
            (format!("{HEADER}acme,{SECRET}\nbeta,short\n"), 3),
            (format!("{HEADER}acme\n"), 2),
            (format!("{HEADER},{SECRET}\n"), 2),
            (format!("{HEADER}acme,{SECRET},more\n"), 2),
        ] {
            let error = parsed(&text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        }
    }
}
