//! The commands of one page.

use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use testing::documents::{Page, commands};

use super::files::add_files;
use super::shell::Shell;
use crate::program::serve_in;

/// Blocks with these words are not run, for the reason given. Other tests check that the commands
/// in them are valid.
const NOT_RUN: [(&str, &str); 7] = [
    ("--stack", "needs a stack in AWS"),
    ("--parameters ", "needs the parameters of an account"),
    ("--from-account", "needs an account of AWS"),
    ("aws ", "calls AWS"),
    (
        "--endpoint http://127.0.0.1:4566",
        "needs an emulator of AWS",
    ),
    ("kubectl ", "needs a cluster of Kubernetes"),
    ("cargo install", "compiles for minutes"),
];
/// The options that pages name for the gateway.
const GATEWAY_OPTIONS: [(&str, &[&str]); 2] = [
    (
        "docs/guides/composition.md",
        &["--compositions", "compositions.json"],
    ),
    (
        "docs/guides/migrate-from-kong.md",
        &["--parameter", "KeyHeader=apikey"],
    ),
];
/// The address of the local gateway in documents.
const ADDRESS: &str = "http://127.0.0.1:3000";

pub(super) struct PageRun<'p> {
    page: &'p Page,
    blocks: Vec<String>,
}

impl<'p> PageRun<'p> {
    pub(super) fn new(page: &'p Page) -> Self {
        let blocks = page.blocks("sh").into_iter().filter(|block| is_run(block));
        Self {
            page,
            blocks: blocks.collect(),
        }
    }

    /// Runs the blocks in order. Returns the output if one fails, and `None` if all succeed or
    /// there are none.
    pub(super) fn failure(&self) -> Option<String> {
        let expected: usize = self.blocks.iter().map(|block| commands(block)).sum();
        if expected == 0 {
            return None;
        }

        let shell = Shell::new();
        add_files(self.page, shell.folder());
        let options = [&["--log-format", "off"], self.gateway_options()].concat();
        let gateway = serve_in(shell.folder(), &options, &[]);
        let url = format!("http://{}", gateway.address);
        let script = in_present_time(&self.blocks.concat()).replace(ADDRESS, &url);
        let run = shell.run(&script, &url);

        let succeeded = run.succeeded && run.commands >= expected;
        (!succeeded).then(|| {
            let Self { page, .. } = self;
            let commands = run.commands;
            format!(
                "{}: {commands} of {expected} commands were run:\n{}",
                page.path, run.output
            )
        })
    }

    fn gateway_options(&self) -> &'static [&'static str] {
        let found = GATEWAY_OPTIONS
            .iter()
            .find(|(page, _)| *page == self.page.path);
        found.map_or(&[], |(_, options)| options)
    }
}

/// True for a block with commands of Tollgate, or with requests to the local gateway that prepare
/// them.
fn is_run(block: &str) -> bool {
    let is_ours = commands(block) > 0 || block.contains(ADDRESS);
    is_ours && !NOT_RUN.iter().any(|(word, _)| block.contains(word))
}

/// Returns commands with a day of the last week and the present month, because reports end at the
/// present and audit records are kept for 400 days.
fn in_present_time(commands: &str) -> String {
    let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
    let day = today.checked_sub(7.days()).unwrap().to_string();
    let month = today.strftime("%Y-%m").to_string();
    commands
        .replace("2026-11-22", &day)
        .replace("--month 2026-11", &format!("--month {month}"))
}
