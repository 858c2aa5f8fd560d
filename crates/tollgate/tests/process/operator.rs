//! An operator's calls of commands: at a shell, in a pipe, and at a terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Command, Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::apply::{Api, assert_code};
use crate::program::text;

/// Runs a command that succeeds, and returns its standard output.
#[track_caller]
pub(crate) fn ok(api: &Api, arguments: &[&str]) -> String {
    let output = api.tollgate(arguments);
    assert_code(&output, 0);
    text(&output.stdout)
}

/// Runs a command that fails with this exit code and prints nothing, and returns its error.
#[track_caller]
pub(crate) fn fails(api: &Api, arguments: &[&str], code: i32) -> String {
    failure(&api.tollgate(arguments), code)
}

/// Returns the error of a command that has failed with this exit code and printed nothing.
#[track_caller]
pub(crate) fn failure(output: &Output, code: i32) -> String {
    assert_code(output, code);
    assert_eq!(text(&output.stdout), "");

    let error = text(&output.stderr);
    assert!(error.starts_with("tollgate: "), "{error}");
    error
}

/// Runs a command with a standard input.
pub(crate) fn with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that fails early does not read its input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Runs a command at a terminal with this number of columns, types `input`, and returns the exit
/// code and everything on the screen.
pub(crate) fn at_terminal(command: Command, columns: u16, input: &str) -> (i32, String) {
    let (mut control, terminal) = new_terminal(columns);
    control.write_all(input.as_bytes()).unwrap();
    run_at(command, control, terminal, None)
}

/// Runs a command at a terminal, and returns the exit code and everything on the screen. The answer
/// is typed when the prompt is shown.
pub(crate) fn at_prompt(
    command: Command,
    prompt_and_answer: Option<(&str, &str)>,
) -> (i32, String) {
    let (control, terminal) = new_terminal(200);
    run_at(command, control, terminal, prompt_and_answer)
}

/// Returns the two ends of a terminal: that of its user, and that of programs.
fn new_terminal(columns: u16) -> (File, File) {
    let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&control).unwrap();
    unlockpt(&control).unwrap();
    let name = ptsname(&control, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal.as_fd(), size).unwrap();
    (File::from(control), terminal)
}

fn run_at(
    mut command: Command,
    mut control: File,
    terminal: File,
    mut prompt_and_answer: Option<(&str, &str)>,
) -> (i32, String) {
    command
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The terminal is closed once the child is the only one that has it open, and ends.
    drop(command);

    let mut screen = Vec::new();
    let mut buffer = [0; 4096];
    // Linux reports a closed terminal as an error.
    while let Ok(length @ 1..) = control.read(&mut buffer) {
        screen.extend_from_slice(&buffer[..length]);
        if let Some((_, answer)) =
            prompt_and_answer.take_if(|(prompt, _)| text(&screen).contains(*prompt))
        {
            control.write_all(answer.as_bytes()).unwrap();
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    (code, text(&screen).replace("\r\n", "\n"))
}
