//! Colours, for terminals only.

use std::ffi::OsStr;
use std::io::IsTerminal as _;

/// The end of each styled text.
const RESET: &str = "\u{1b}[0m";

/// Adds colours to text, or none if the output is not a terminal that should show them.
///
/// The variable `NO_COLOR` with any value, see <https://no-color.org>, and `TERM=dumb` turn colours
/// off. A text must be escaped before it is styled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    is_coloured: bool,
}

impl Style {
    /// Returns the style of standard output.
    pub(crate) fn stdout() -> Self {
        Self::for_output(std::io::stdout().is_terminal())
    }

    /// Returns the style of standard error.
    pub(crate) fn stderr() -> Self {
        Self::for_output(std::io::stderr().is_terminal())
    }

    /// Returns a style without colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { is_coloured: false }
    }

    /// Returns a style with colours, independent of the environment.
    #[cfg(test)]
    pub(crate) fn coloured() -> Self {
        Self { is_coloured: true }
    }

    fn for_output(is_terminal: bool) -> Self {
        let variable = |name| std::env::var_os(name);
        Self {
            is_coloured: shows_colours(
                is_terminal,
                variable("NO_COLOR").as_deref(),
                variable("TERM").as_deref(),
            ),
        }
    }

    /// Returns the text in bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Returns the text in red, for errors and what is removed.
    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    /// Returns the text in green, for success and what is added.
    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Returns the text in yellow, for warnings and what is changed.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.is_coloured && !text.is_empty() {
            format!("\u{1b}[{code}m{text}{RESET}")
        } else {
            text.to_owned()
        }
    }
}

fn shows_colours(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    let is_refused = no_color.is_some_and(|value| !value.is_empty());
    is_terminal && !is_refused && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal() {
        let xterm = Some(OsStr::new("xterm"));
        assert!(shows_colours(true, None, xterm));
        assert!(shows_colours(true, None, None));
        assert!(!shows_colours(false, None, xterm));
    }

    #[test]
    fn no_color_turns_colours_off_unless_it_is_empty() {
        assert!(!shows_colours(true, Some(OsStr::new("1")), None));
        assert!(!shows_colours(true, Some(OsStr::new("0")), None));
        assert!(shows_colours(true, Some(OsStr::new("")), None));
    }

    #[test]
    fn dumb_terminal_has_no_colours() {
        assert!(!shows_colours(true, None, Some(OsStr::new("dumb"))));
    }

    #[test]
    fn plain_text_is_unchanged() {
        assert_eq!(Style::plain().red("a"), "a");
        assert_eq!(Style::coloured().red("a"), "\u{1b}[31ma\u{1b}[0m");
        assert_eq!(Style::coloured().red(""), "");
    }
}
