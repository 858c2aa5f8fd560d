//! The ends of `--help` of the commands that call an API: examples and exit codes.

mod examples;

use clap::Command;

use examples::EXAMPLES;

/// The exit codes of a command that calls an API, unless its own help lists others.
const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the API refused the request, 2 invalid input or the API cannot be reached";

/// Returns a command, and all commands below it, with examples and exit codes at the end of their
/// help. `path` is the names of the command and those above it, such as `plans list`.
pub(super) fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let command = names.iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |below| with_examples(below, path.trim_start()))
    });

    if calls_an_api(&command) {
        let text = end_of_help(&command, path);
        command.after_help(text)
    } else {
        command
    }
}

/// True if the command has the options of a target.
fn calls_an_api(command: &Command) -> bool {
    command.get_arguments().any(|one| one.get_id() == "stack")
}

/// Returns the end of a command's help. What the command itself has comes first.
fn end_of_help(command: &Command, path: &str) -> String {
    let mut paragraphs: Vec<String> = command
        .get_after_help()
        .map(ToString::to_string)
        .into_iter()
        .collect();

    if let Some((_, examples)) = EXAMPLES.iter().find(|(command, _)| *command == path) {
        let lines: String = examples.iter().map(|one| format!("\n  {one}")).collect();
        paragraphs.push(format!("Examples:{lines}"));
    }
    if !paragraphs.iter().any(|text| text.contains("Exit codes:")) {
        paragraphs.push(EXIT_CODES.to_owned());
    }
    paragraphs.join("\n\n")
}

#[cfg(test)]
mod tests;
