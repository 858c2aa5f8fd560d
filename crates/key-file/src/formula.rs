//! Protection of CSV files against formula injection ("CSV Injection", OWASP).
//!
//! A spreadsheet reads a cell as a formula if it begins with `=`, `+`, `-` or `@`. Some also accept
//! full-width forms, and skip spaces, quotation marks and invisible characters before them. A
//! spreadsheet may use another separator than the comma, and then ignores the quotation marks
//! around the cell. A formula can therefore begin at the start of the text, and after each `;`,
//! `|`, tab and line break.
//!
//! An export puts an apostrophe before each such formula, and an import removes it. The apostrophe
//! is one of the skipped characters, so text that already has one gets another. Every text is
//! therefore imported unchanged.

use std::borrow::Cow;

const APOSTROPHE: char = '\'';
const LEADING_BREAKS: [char; 3] = ['\t', '\r', '\n'];

/// Puts an apostrophe before everything that a spreadsheet could read as a formula.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !cells(text).any(|cell| cell.is_formula) {
        return Cow::Borrowed(text);
    }

    let mut cell_text = String::with_capacity(text.len() + 4);
    for cell in cells(text) {
        if cell.is_formula {
            cell_text.push(APOSTROPHE);
        }
        cell_text.push_str(cell.text);
    }
    Cow::Owned(cell_text)
}

/// Reverts [`escape`].
#[must_use]
pub fn unescape(cell_text: &str) -> Cow<'_, str> {
    let is_escaped = |cell: &Cell<'_>| cell.is_formula && cell.text.starts_with(APOSTROPHE);
    if !cells(cell_text).any(|cell| is_escaped(&cell)) {
        return Cow::Borrowed(cell_text);
    }

    let mut text = String::with_capacity(cell_text.len());
    for cell in cells(cell_text) {
        let apostrophe_bytes = if is_escaped(&cell) {
            APOSTROPHE.len_utf8()
        } else {
            0
        };
        text.push_str(&cell.text[apostrophe_bytes..]);
    }
    Cow::Owned(text)
}

/// A part of a text that a spreadsheet may read as one cell, with the separator at its end.
struct Cell<'t> {
    text: &'t str,
    is_formula: bool,
}

fn cells(text: &str) -> impl Iterator<Item = Cell<'_>> {
    // A spreadsheet may skip a tab or a line break at the beginning, and split what follows.
    let begins_with_break = text
        .trim_start_matches(APOSTROPHE)
        .starts_with(LEADING_BREAKS);

    let cells = text.split_inclusive(is_separator).enumerate();
    cells.map(move |(index, text)| {
        let begins_formula = text
            .trim_start_matches(is_skipped)
            .starts_with(is_formula_sign);
        Cell {
            text,
            is_formula: begins_formula || (index == 0 && begins_with_break),
        }
    })
}

/// Returns true for list separators, line breaks, and characters that Unicode folds to one of them
/// (NFKC).
fn is_separator(character: char) -> bool {
    let folded = ['\u{37e}', '\u{fe14}', '\u{fe54}', '\u{ff1b}', '\u{ff5c}'];
    let breaks = [
        '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}',
    ];
    matches!(character, ';' | '|') || breaks.contains(&character) || folded.contains(&character)
}

/// Returns true for `=`, `+`, `-`, `@`, minus signs, and characters that Unicode folds to one of
/// them (NFKC).
fn is_formula_sign(character: char) -> bool {
    matches!(
        character,
        '=' | '+' | '-' | '@'
            | '\u{207a}'..='\u{207c}'
            | '\u{208a}'..='\u{208c}'
            | '\u{2212}'
            | '\u{2a75}'
            | '\u{2a76}'
            | '\u{fb29}'
            | '\u{fe62}'
            | '\u{fe63}'
            | '\u{fe66}'
            | '\u{fe6b}'
            | '\u{ff0b}'
            | '\u{ff0d}'
            | '\u{ff1d}'
            | '\u{ff20}'
    )
}

/// Returns true for characters that may precede a formula: white space, quotation marks, and
/// invisible characters.
fn is_skipped(character: char) -> bool {
    let is_quote = matches!(character, '"' | '\'' | '\u{ff02}' | '\u{ff07}');
    // A separator ends the cell.
    let is_blank =
        (character.is_whitespace() || character.is_control()) && !is_separator(character);
    is_quote || is_blank || is_default_ignorable(character)
}

/// Returns true for Unicode's property `Default_Ignorable_Code_Point`, which contains the byte order
/// mark and zero-width characters, and for the annotation characters U+FFF9 to U+FFFB.
fn is_default_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formula_cells_are_escaped() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("\tTeam", "'\tTeam"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("Team A", "Team A"),
            ("'90s", "'90s"),
            ("a=1", "a=1"),
            ("R&D - Berlin, +49", "R&D - Berlin, +49"),
            ("", ""),
        ] {
            assert_eq!((&*escape(text), &*unescape(cell)), (cell, text), "{text:?}");
        }
    }

    #[test]
    fn formulas_after_invisible_characters_are_escaped() {
        for hidden in [
            " ",
            "\u{a0}",
            "\u{3000}",
            "\u{feff}",
            "\u{200b}",
            "\u{2060}",
            "\u{ad}",
            "\0",
            "\"",
            " \u{feff}'",
        ] {
            let text = format!("{hidden}=1+1");
            assert_eq!(escape(&text), format!("'{text}"), "{text:?}");
        }
    }

    #[test]
    fn characters_that_unicode_folds_to_formula_signs_are_escaped() {
        for sign in [
            "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "₊", "−", "⩵", "﬩",
        ] {
            let text = format!("{sign}1+1");
            assert_eq!(escape(&text), format!("'{text}"), "{text:?}");
        }
    }

    #[test]
    fn formulas_after_separators_are_escaped() {
        for separator in [";", "|", "\t", "\n", "\r\n", "；", "\u{2028}"] {
            let cell = format!("x{separator}'=1+1");
            assert_eq!(escape(&format!("x{separator}=1+1")), cell);
            assert_eq!(unescape(&cell), format!("x{separator}=1+1"));
        }
        // Quotation marks and spaces that a reader may remove do not hide a formula.
        assert_eq!(escape("x; \"=1\";-2; 3"), "x;' \"=1\";'-2; 3");
    }

    proptest! {
        #[test]
        fn every_text_is_restored(text in "[-'\"=+@＝;| \t\r\n\u{feff}\u{200b}a]{0,12}.{0,8}") {
            let cell = escape(&text);
            prop_assert_eq!(&*unescape(&cell), &*text);
        }

        #[test]
        fn no_escaped_text_begins_a_formula(text in "[-'\"=+@＝;| \t\r\n\u{feff}\u{200b}a]{0,12}.{0,8}") {
            for cell in escape(&text).split([';', '|', '\t', '\r', '\n']) {
                let shown = cell.trim_start_matches([' ', '"', '\u{feff}', '\u{200b}']);
                prop_assert!(!shown.starts_with(['=', '+', '-', '@', '＝']), "{cell:?}");
            }
        }
    }
}
