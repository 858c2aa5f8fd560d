//! Tests of the help of all commands.

use clap::Command;

use super::super::{command, parse};
use super::{EXAMPLES, calls_an_api};

/// Calls `check` with each command that has no commands below it, and with its path.
fn each_command(command: &Command, path: &str, check: &mut impl FnMut(&Command, &str)) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        let path = path.trim_start();
        if below.has_subcommands() {
            each_command(below, path, check);
        } else {
            check(below, path);
        }
    }
}

#[test]
fn commands_that_call_an_api_have_examples_and_exit_codes() {
    each_command(&command(), "", &mut |one, path| {
        if !calls_an_api(one) {
            return;
        }

        let help = one.clone().render_help().to_string();
        assert_eq!(help.matches("Examples:\n  ").count(), 1, "{path}: {help}");
        assert!(help.contains("Exit codes: 0 "), "{path}: {help}");
    });
}

#[test]
fn examples_are_valid_command_lines_of_their_command() {
    for (path, examples) in EXAMPLES {
        assert!(!examples.is_empty(), "{path}");
        for example in *examples {
            let command = example.split(" | ").last().unwrap();
            let command = command.split(['<', '>']).next().unwrap();
            let words = shlex::split(command).unwrap();
            let begins = words.join(" ").starts_with(&format!("tollgate {path}"));
            let result = parse(words.into_iter().map(Into::into));
            assert!(begins && result.is_ok(), "{path}: {example}: {result:?}");
        }
    }
}

#[test]
fn help_is_plain_text() {
    each_command(&command(), "", &mut |one, path| {
        let help = one.clone().render_help().to_string();
        let is_plain = |character: char| character == '\n' || !character.is_control();
        assert!(help.chars().all(is_plain), "{path}");
    });
}

#[test]
fn descriptions_are_complete() {
    each_command(&command(), "", &mut |one, path| {
        assert!(one.get_about().is_some(), "{path}");
        for argument in one.get_arguments() {
            let name = argument.get_id().as_str();
            assert!(argument.get_help().is_some(), "{path}: {name}");
        }
    });
}
