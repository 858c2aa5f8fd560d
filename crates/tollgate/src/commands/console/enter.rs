//! The Enter key at the terminal.

use std::io::BufRead as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The time between two looks at a terminal in which another program is in the foreground.
const BACKGROUND_INTERVAL: Duration = Duration::from_secs(1);

/// Returns a channel with a message per line of standard input. It is closed at the end of the input.
///
/// A thread of its own reads, because reading cannot be cancelled. It does not delay the end of the
/// process.
pub(super) fn lines() -> Receiver<()> {
    let (sender, receiver) = channel(1);
    // Without a thread, Enter has no effect.
    let _ = std::thread::Builder::new()
        .name("enter".to_owned())
        .spawn(move || while read(&sender) {});
    receiver
}

/// Waits for a line. Returns false at the end of the input.
fn read(sender: &Sender<()>) -> bool {
    let stdin = std::io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    let interval = Timespec::try_from(BACKGROUND_INTERVAL).ok();
    let is_ready = poll(&mut ready, interval.as_ref()).is_ok_and(|count| count > 0);
    if !is_ready {
        return !sender.is_closed();
    }
    // Reading from a terminal in the background would stop the process.
    if !is_in_foreground() {
        std::thread::sleep(BACKGROUND_INTERVAL);
        return !sender.is_closed();
    }

    let mut input = stdin.lock();
    let Ok(bytes) = input.fill_buf() else {
        return false;
    };
    let (length, has_line) = (bytes.len(), bytes.contains(&b'\n'));
    input.consume(length);
    if has_line {
        // A line that waits already has the same effect.
        let _ = sender.try_send(());
    }
    length > 0
}

/// True if standard input is not a terminal, or if this process is in its foreground.
fn is_in_foreground() -> bool {
    let foreground = rustix::termios::tcgetpgrp(std::io::stdin());
    foreground.map_or(true, |group| group == rustix::process::getpgrp())
}
