//! Spreadsheets take a cell that begins with `=`, `+`, `-`, `@`, a tab or a line's end for a formula, and a name is
//! whatever somebody called a key ("CSV Injection", OWASP).
//!
//! Such a text is exported behind an apostrophe, which spreadsheets show as text. A text that would then look like one
//! of those, because it begins with apostrophes and then such a character, has one more too. So the import takes one
//! away from just these, and every other text stays as it is in both directions.

use std::borrow::Cow;

const GUARD: char = '\'';

fn is_formula(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

/// The text as a cell that no spreadsheet calculates.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("{GUARD}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that such a cell stands for.
pub(crate) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix(GUARD).filter(|text| is_formula(text)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_be_calculated_is_not() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("Team A", "Team A"),
            ("'90s", "'90s"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!((&*guarded(text), unguarded(cell)), (cell, text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "['=+@\t\r\n-]{0,4}.{0,8}") {
            let cell = guarded(&text);
            prop_assert_eq!(unguarded(&cell), &text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
        }
    }
}
