//! Text from outside, cut to a length that fits a log or a response.

use std::fmt::{self, Display, Write};

/// The longest excerpt of a text, without the note about its full length.
pub const MAX_EXCERPT_BYTES: usize = 512;

/// Displays at most [`MAX_EXCERPT_BYTES`] of a text that a client or another service chose.
///
/// A longer text ends with `…` and its full length: `xxx… (70000 bytes)`.
///
/// ```
/// let long = "x".repeat(70_000);
/// assert!(telemetry::Excerpt(&long).to_string().ends_with("x… (70000 bytes)"));
/// assert_eq!(telemetry::Excerpt("timeout").to_string(), "timeout");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'t>(pub &'t str);

impl Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limited = LimitedWriter::new(formatter, MAX_EXCERPT_BYTES);
        limited.write_str(self.0)?;
        limited.finish()
    }
}

/// Returns the text itself if it is short enough, else its [`Excerpt`].
#[must_use]
pub fn shorten(text: String) -> String {
    if text.len() <= MAX_EXCERPT_BYTES {
        text
    } else {
        Excerpt(&text).to_string()
    }
}

/// Forwards the first bytes that are written to it, and counts the rest.
pub(crate) struct LimitedWriter<'w, W: ?Sized> {
    writer: &'w mut W,
    remaining: usize,
    total: usize,
    is_cut: bool,
}

impl<'w, W: Write + ?Sized> LimitedWriter<'w, W> {
    pub(crate) const fn new(writer: &'w mut W, max_bytes: usize) -> Self {
        Self {
            writer,
            remaining: max_bytes,
            total: 0,
            is_cut: false,
        }
    }

    /// Writes the full length if something was cut.
    pub(crate) fn finish(self) -> fmt::Result {
        if self.is_cut {
            write!(self.writer, "… ({} bytes)", self.total)
        } else {
            Ok(())
        }
    }
}

impl<W: Write + ?Sized> Write for LimitedWriter<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.total = self.total.saturating_add(text.len());
        if self.is_cut {
            return Ok(());
        }

        let fitting = &text[..text.floor_char_boundary(self.remaining)];
        self.is_cut = fitting.len() < text.len();
        self.remaining -= fitting.len();
        self.writer.write_str(fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_maximum_length_is_shown_whole() {
        let text = "x".repeat(MAX_EXCERPT_BYTES);
        assert_eq!(Excerpt(&text).to_string(), text);
        assert_eq!(shorten(text.clone()), text);
    }

    #[test]
    fn longer_text_ends_with_its_full_length() {
        let text = "x".repeat(MAX_EXCERPT_BYTES + 1);
        let expected = format!("{}… (513 bytes)", "x".repeat(MAX_EXCERPT_BYTES));
        assert_eq!(Excerpt(&text).to_string(), expected);
        assert_eq!(shorten(text), expected);
    }

    #[test]
    fn no_character_is_cut_in_half() {
        let text = format!("{}é{}", "x".repeat(MAX_EXCERPT_BYTES - 1), "y".repeat(9));
        assert_eq!(
            Excerpt(&text).to_string(),
            format!("{}… (522 bytes)", "x".repeat(MAX_EXCERPT_BYTES - 1))
        );
    }

    #[test]
    fn text_after_a_cut_is_dropped() {
        let mut written = String::new();
        let mut limited = LimitedWriter::new(&mut written, 3);
        for part in ["ab", "cd", "", "e"] {
            limited.write_str(part).unwrap();
        }
        limited.finish().unwrap();

        assert_eq!(written, "abc… (5 bytes)");
    }
}
