//! The terminal that a command runs in.

use std::io::IsTerminal as _;

/// Returns the number of columns of the terminal at standard output. `None` if it is a file or a
/// pipe.
pub(crate) fn stdout_columns() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;

    // Some terminals report no size at all. Cutting every cell to nothing would be worse than lines
    // that wrap.
    (columns > 0).then_some(usize::from(columns))
}

/// True if a user can read a question at standard error, and answer it at standard input.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
