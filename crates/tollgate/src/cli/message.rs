//! Converts clap's errors to one line.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Names of commands in other programs, and names in the singular, each with the name here.
const OTHER_NAMES: [(&str, &str); 18] = [
    ("plan", "plans"),
    ("key", "keys"),
    ("policy", "policies"),
    ("block", "blocks"),
    ("composition", "compose"),
    ("compositions", "compose"),
    ("ls", "list"),
    ("show", "get"),
    ("describe", "get"),
    ("add", "create"),
    ("new", "create"),
    ("edit", "set"),
    ("put", "set"),
    ("update", "set"),
    ("rm", "delete"),
    ("remove", "delete"),
    ("sync", "apply"),
    ("pull", "dump"),
];

/// The longest list of possible values that an error repeats, in bytes.
const MAX_VALUES: usize = 200;
/// A command with options of a command.
const EXAMPLE: &str = "tollgate plans list --stack NAME";

/// Returns the problem and clap's tips, such as a similar name, or a hint to `--help` of the command.
pub(super) fn of(error: &clap::Error, program: &Command, arguments: &[OsString]) -> String {
    let text = error.to_string();
    let path = path(&text).unwrap_or_else(|| given_path(program, arguments));
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return missing_command(program, &path);
    }

    if let Some(problem) = possible_secret(error, &path) {
        return format!("{problem}; see `{path} --help`");
    }

    let command = below(program, &path);
    let tip = other_name(error, command)
        .map(|name| format!("the subcommand is named '{name}'"))
        .or_else(|| misplaced_option(error, program, &path));
    match tip {
        Some(tip) => format!("{}; tip: {tip}", problem(&text)),
        None => one_line(&text, &path),
    }
}

/// Returns the problem for an unexpected argument that could be a secret. Logs keep standard error, so
/// its value is not repeated.
fn possible_secret(error: &clap::Error, path: &str) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    if context(ContextKind::InvalidSubcommand).is_some_and(|given| !is_word(given)) {
        return Some(format!("`{path}` has no such subcommand"));
    }

    let argument = context(ContextKind::InvalidArg)?;
    let is_option = argument
        .strip_prefix("--")
        .or_else(|| argument.strip_prefix('-'))
        .is_some_and(is_word);
    if error.kind() != ErrorKind::UnknownArgument || is_option {
        return None;
    }
    let reason = if path.ends_with(" whois") {
        ": the secret is read from standard input"
    } else {
        ""
    };
    Some(format!("unexpected argument after `{path}`{reason}"))
}

/// True for the form of the names of commands and options, of which secrets have digits or capital
/// letters in addition.
fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.bytes().all(is_letter)
}

/// Returns the command that the arguments name. Errors of values have no usage.
fn given_path(program: &Command, arguments: &[OsString]) -> String {
    let mut names = vec![program.get_name()];
    let mut command = program;
    for argument in arguments.iter().skip(1) {
        let Some(below) = command.find_subcommand(argument) else {
            break;
        };
        names.push(below.get_name());
        command = below;
    }
    names.join(" ")
}

/// Returns the command that the usage names, such as `tollgate plans set`, if the error has a usage.
fn path(text: &str) -> Option<String> {
    let usage = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Usage: "))?;
    let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let names: Vec<_> = usage.split_whitespace().take_while(is_name).collect();
    Some(names.join(" "))
}

/// Returns the command with this path.
fn below<'program>(program: &'program Command, path: &str) -> &'program Command {
    path.split(' ').skip(1).fold(program, |command, name| {
        command.find_subcommand(name).unwrap_or(command)
    })
}

/// Returns the error for a command that requires a command below it.
fn missing_command(program: &Command, path: &str) -> String {
    let names: Vec<_> = below(program, path)
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    format!(
        "`{path}` requires a subcommand: {}; see `{path} --help`",
        names.join(", ")
    )
}

/// Returns the name of the command that another program calls as the user did.
fn other_name<'program>(error: &clap::Error, parent: &'program Command) -> Option<&'program str> {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let (_, name) = OTHER_NAMES.iter().find(|(other, _)| other == given)?;
    parent.find_subcommand(name).map(Command::get_name)
}

/// Returns a tip for an option of commands that was given before the command.
fn misplaced_option(error: &clap::Error, program: &Command, path: &str) -> Option<String> {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let is_unknown = error.kind() == ErrorKind::UnknownArgument && path == program.get_name();
    let option = given.strip_prefix("--").filter(|_| is_unknown)?;

    // An option of a single command, such as `console --port`, may be meant in another way.
    let is_common = count(program, option) > 1;
    is_common.then(|| format!("'{given}' follows a command, as in `{EXAMPLE}`"))
}

/// Returns the number of commands below that accept the option.
fn count(command: &Command, option: &str) -> usize {
    let of_command = |below: &Command| {
        let mut arguments = below.get_arguments();
        let accepts = arguments.any(|one| one.get_long() == Some(option));
        usize::from(accepts) + count(below, option)
    };
    command.get_subcommands().map(of_command).sum()
}

/// Returns the first paragraph of an error.
fn problem(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let is_short = |line: &&str| !line.starts_with("[possible values") || line.len() <= MAX_VALUES;
    let lines: Vec<_> = first.lines().map(str::trim).filter(is_short).collect();
    let line = lines.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn one_line(text: &str, path: &str) -> String {
    let tips: Vec<_> = text
        .split("\n\n")
        .skip(1)
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| is_useful_tip(line))
        .collect();
    let hint = if tips.is_empty() {
        format!("see `{path} --help`")
    } else {
        tips.join("; ")
    };
    format!("{}; {hint}", problem(text))
}

/// False for the tip to pass an argument as a value: no command takes free values.
fn is_useful_tip(line: &str) -> bool {
    line.starts_with("tip: ") && !line.contains("as a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_omitted() {
        let text = "error: unexpected argument '--a' found\n\n  tip: a similar argument exists: '--b'\n\nUsage: x\n";
        assert_eq!(
            one_line(text, "tollgate"),
            "unexpected argument '--a' found; tip: a similar argument exists: '--b'"
        );
    }

    #[test]
    fn error_without_a_tip_refers_to_help_of_the_command() {
        let text = "error: unexpected argument '-v' found\n\n  tip: to pass '-v' as a value, use '-- -v'\n\nUsage: tollgate plans get [OPTIONS] <NAME>";
        assert_eq!(
            one_line(text, &path(text).unwrap()),
            "unexpected argument '-v' found; see `tollgate plans get --help`"
        );
    }

    fn error_of(line: &str) -> String {
        let words = std::iter::once("tollgate").chain(line.split(' '));
        match crate::cli::parse(words.map(Into::into)) {
            Err(crate::cli::ParseError::Invalid(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn secret_in_the_place_of_an_argument_is_not_repeated() {
        let secret = "tg_O4egXyZ0123456789abcdefghij";
        for line in [
            format!("keys whois {secret}"),
            format!("keys get acme {secret}"),
            format!("keys whois --secret {secret}"),
            format!("keys whois --secret={secret}"),
            format!("keys whois -{secret}"),
            format!("keys {secret}"),
            secret.to_owned(),
        ] {
            let error = error_of(&line);
            assert!(!error.contains("O4eg"), "{line}: {error}");
            assert!(
                error.contains("see `tollgate") || error.contains("tip: "),
                "{error}"
            );
        }
        assert!(error_of(&format!("keys whois {secret}")).contains("read from standard input"));
    }

    #[test]
    fn mistyped_names_are_repeated() {
        assert!(error_of("plans lst").contains("'lst'"));
        assert!(error_of("plans list --jsn").contains("'--jsn'"));
    }
}
