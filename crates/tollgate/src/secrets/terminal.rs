//! A line that is typed without echo.

use std::io::{self, BufRead as _, Read as _, StdinLock, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// A terminal without echo. The echo returns on drop.
struct HiddenInput {
    terminal: StdinLock<'static>,
    before: Termios,
}

impl HiddenInput {
    /// Turns the echo of the terminal at standard input off. What was typed before is discarded,
    /// because it was shown.
    fn begin() -> io::Result<Self> {
        let terminal = io::stdin().lock();
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Shows a prompt on standard error, and reads a line of at most `max_bytes` that is not shown.
///
/// # Errors
/// The error of the terminal.
pub(super) fn read_line(prompt: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
    // The prompt comes after, so that nothing is shown that is typed in response to it.
    let mut hidden = HiddenInput::begin()?;
    let mut output = io::stderr();
    output.write_all(prompt.as_bytes())?;
    output.flush()?;

    let mut line = Vec::new();
    (&mut hidden.terminal)
        .take(max_bytes)
        .read_until(b'\n', &mut line)?;
    Ok(line)
}
