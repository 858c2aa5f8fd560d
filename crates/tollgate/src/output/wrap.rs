//! Paragraphs that fit a terminal.
//!
//! The crate textwrap was considered. It adds a package for one loop.

use unicode_width::UnicodeWidthStr as _;

/// The least width to which text is wrapped.
const MIN_COLUMNS: usize = 20;

/// Returns the lines of a paragraph. A word that is wider than a line, such as a URL, is not split.
/// Without a number of columns, the paragraph is one line.
pub(crate) fn wrapped(paragraph: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else {
        return vec![paragraph.to_owned()];
    };

    let columns = columns.max(MIN_COLUMNS);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in paragraph.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_columns() {
        let text = "Only the security group of the VPC link may call the load balancer 負荷分散";
        let lines = wrapped(text, Some(24));
        assert!(lines.iter().all(|line| line.width() <= 24), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn long_word_is_a_line_of_its_own() {
        let url = "https://example.com/docs/operations/check.md#id";
        let lines = wrapped(&format!("See {url} now"), Some(24));
        assert_eq!(lines, ["See", url, "now"]);
    }

    #[test]
    fn text_in_a_pipe_is_not_wrapped() {
        let text = "word ".repeat(100);
        assert_eq!(wrapped(&text, None), [text.as_str()]);
        assert_eq!(wrapped("", Some(80)), [""]);
    }
}
