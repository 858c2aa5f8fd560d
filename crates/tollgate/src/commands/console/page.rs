//! Opens the page with a new code, at the beginning and for each Enter.

use console::proxy::{CODE_LIFETIME, HandOver, Proxy};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::browser::Browser;
use super::instructions;
use crate::commands::CommandError;
use crate::output::{note, warn};

/// The page in a browser, and the file that opens it.
pub(super) struct Page<'c> {
    proxy: &'c Proxy,
    hand_over: &'c HandOver,
    /// `None` to print instructions instead.
    browser: Option<Browser>,
    /// The attempts of a browser to open the file.
    attempts: JoinSet<Result<(), String>>,
    /// The end of the code in the file.
    deadline: Option<Instant>,
}

impl<'c> Page<'c> {
    pub(super) fn new(proxy: &'c Proxy, hand_over: &'c HandOver, browser: Option<Browser>) -> Self {
        Self {
            proxy,
            hand_over,
            browser,
            attempts: JoinSet::new(),
            deadline: None,
        }
    }

    /// Opens the page, and again for each message in `enter`. Never returns, except with an error.
    ///
    /// # Errors
    /// [`CommandError`] if no code can be handed over.
    pub(super) async fn keep_open(&mut self, mut enter: Receiver<()>) -> Result<(), CommandError> {
        self.open()?;

        loop {
            let deadline = self.deadline.unwrap_or_else(Instant::now);
            // A page that was opened ends the code in the file. That must not happen after Enter
            // has written the next one, so the order matters if both are ready.
            tokio::select! {
                biased;
                () = self.proxy.opened() => self.was_opened()?,
                () = sleep_until(deadline), if self.deadline.is_some() => self.has_expired()?,
                Some(()) = enter.recv() => self.open()?,
                Some(Ok(Err(problem))) = self.attempts.join_next() => self.has_failed(&problem),
            }
        }
    }

    fn open(&mut self) -> Result<(), CommandError> {
        let url = self.proxy.new_page_url();
        let url = url.map_err(|error| CommandError::usage(error.to_string()))?;
        let written = self.hand_over.write(&url);
        written.map_err(|error| CommandError::usage(error.to_string()))?;
        self.deadline = Some(Instant::now() + CODE_LIFETIME);

        match self.browser.clone() {
            Some(browser) => {
                let file = self.hand_over.path().to_owned();
                self.attempts
                    .spawn(async move { browser.open(file.as_ref()).await });
            }
            None => self.print_instructions(),
        }
        Ok(())
    }

    fn print_instructions(&self) {
        for line in instructions::manual(self.hand_over.path(), self.proxy.port()) {
            note(&line);
        }
    }

    fn was_opened(&mut self) -> Result<(), CommandError> {
        self.end_code()?;
        note("The page was opened.");
        Ok(())
    }

    fn has_expired(&mut self) -> Result<(), CommandError> {
        self.end_code()?;
        note(&match self.browser {
            Some(_) => instructions::unopened(self.hand_over.path()),
            None => "The file has expired. Press Enter for a new one.".to_owned(),
        });
        Ok(())
    }

    /// Continues without the browser.
    fn has_failed(&mut self, problem: &str) {
        warn(&format!("no browser was opened: {problem}"));
        self.browser = None;
        if self.deadline.is_some() {
            self.print_instructions();
        }
    }

    fn end_code(&mut self) -> Result<(), CommandError> {
        self.deadline = None;
        self.proxy.revoke_code();
        let removed = self.hand_over.remove();
        removed.map_err(|error| {
            let file = self.hand_over.path().display();
            CommandError::usage(format!("cannot delete {file}: {error}"))
        })
    }
}
