//! A line that is typed without echo.

use std::io::{self, Read as _, StdinLock, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// The character of Ctrl-C.
const CTRL_C: u8 = 3;
/// More than the longest line of a terminal, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024;

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
        // A signal would end the process before the echo returns. Ctrl-C ends the line instead.
        hidden.local_modes.remove(LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
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

/// Shows a prompt on standard error, and reads a line that is not shown.
///
/// # Errors
/// The error of the terminal, or an error after Ctrl-C.
pub(super) fn read_line(prompt: &str) -> io::Result<Vec<u8>> {
    // The prompt comes after, so that nothing is shown that is typed in response to it.
    let mut hidden = HiddenInput::begin()?;
    let mut output = io::stderr();
    output.write_all(prompt.as_bytes())?;
    output.flush()?;

    // A terminal returns at most one line, which ends with Enter, Ctrl-C or Ctrl-D.
    let mut line = vec![0; MAX_LINE_BYTES];
    let length = hidden.terminal.read(&mut line)?;
    line.truncate(length);
    if line.contains(&CTRL_C) {
        return Err(io::Error::other("interrupted"));
    }
    Ok(line)
}
