//! Progress of a command that makes many requests, as one line on a terminal.
//!
//! The crate indicatif was considered. It adds four packages to draw one line.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// The shortest time between two drawings.
const INTERVAL: Duration = Duration::from_millis(100);
/// The number of characters of a full bar.
const BAR_WIDTH: usize = 24;

/// A line at the bottom of the terminal. It is not drawn if standard error is a file or a pipe.
pub(crate) struct Progress {
    label: &'static str,
    total: Option<usize>,
    done: usize,
    drawn: Option<Instant>,
    is_visible: bool,
}

impl Progress {
    /// Returns the progress of a task. Without a `total`, only the number of finished steps is shown.
    pub(crate) fn new(label: &'static str, total: Option<usize>) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            label,
            total,
            done: 0,
            drawn: None,
            is_visible: std::io::stderr().is_terminal() && !is_dumb,
        }
    }

    /// Adds finished steps.
    pub(crate) fn advance(&mut self, steps: usize) {
        self.done += steps;
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL);
        if self.is_visible && is_due {
            draw(&self.text());
            self.drawn = Some(Instant::now());
        }
    }

    /// Removes the line, so that other output can follow.
    pub(crate) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            draw("");
        }
    }

    fn text(&self) -> String {
        let Self { label, done, .. } = self;
        match self.total {
            None => format!("{label}: {done}"),
            Some(total) => {
                let filled = BAR_WIDTH * (*done).min(total) / total.max(1);
                let (full, empty) = ("#".repeat(filled), ".".repeat(BAR_WIDTH - filled));
                format!("{label} [{full}{empty}] {done}/{total}")
            }
        }
    }
}

/// Replaces the line.
fn draw(text: &str) {
    // If the terminal is gone, the command goes on.
    let _ = write!(std::io::stderr(), "\r\u{1b}[K{text}");
    let _ = std::io::stderr().flush();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(done: usize, total: Option<usize>) -> String {
        let mut progress = Progress::new("Writing", total);
        progress.is_visible = false;
        progress.advance(done);
        progress.text()
    }

    #[test]
    fn bar_shows_the_finished_part() {
        assert_eq!(text(1, Some(2)), "Writing [############............] 1/2");
        assert_eq!(text(0, Some(0)), "Writing [........................] 0/0");
        assert_eq!(text(3, Some(2)), "Writing [########################] 3/2");
        assert_eq!(text(700, None), "Writing: 700");
    }
}
