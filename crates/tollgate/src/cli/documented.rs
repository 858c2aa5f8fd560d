//! Tests that every command in the documents is valid.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use testing::documents::{Page, commands, pages};

use super::{ParseError, parse};

/// Writes the arguments of a command to a file instead of running it. Each has the prefix `:`, so that
/// `!` ends a command.
const RECORDER: &str = "#!/bin/bash\n\
    { for word; do printf ':%s\\0' \"$word\"; done; printf '!\\0'; } >> \"$RECORD\"\n";
/// The same for `cargo run`.
const CARGO: &str = "#!/bin/bash\n\
    [ \"$1\" = run ] || exit 0\n\
    shift\n\
    [ \"$1\" != -q ] || shift\n\
    [ $# = 0 ] || shift\n\
    exec tollgate \"$@\"\n";
/// Skips all other programs. The search path has none but `mkdir`.
const OTHER_PROGRAMS: &str = "command_not_found_handle() { return 0; }\n";

fn write_program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the arguments of every command of Tollgate in a page, as bash passes them.
fn recorded(page: &Page) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    write_program(&programs, "tollgate", RECORDER);
    write_program(&programs, "cargo", CARGO);

    std::os::unix::fs::symlink("/bin/mkdir", programs.join("mkdir")).unwrap();

    let record = folder.path().join("record");
    fs::write(&record, "").unwrap();
    let script = OTHER_PROGRAMS.to_owned() + &page.blocks("sh").concat();
    Command::new("/bin/bash")
        .args(["--norc", "-c", &script])
        .env_clear()
        .env("PATH", &programs)
        .env("RECORD", &record)
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();

    arguments(&fs::read_to_string(&record).unwrap())
}

fn arguments(record: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    for entry in record.split_terminator('\0') {
        match entry.strip_prefix(':') {
            Some(word) => words.push(word.to_owned()),
            None => commands.push(std::mem::take(&mut words)),
        }
    }
    commands
}

#[test]
fn documented_commands_are_valid() {
    for page in pages() {
        let expected: usize = page.blocks("sh").iter().map(|block| commands(block)).sum();
        if expected == 0 {
            continue;
        }

        let recorded = recorded(&page);
        assert!(
            recorded.len() >= expected,
            "{}: found {expected} commands, but bash ran {recorded:?}",
            page.path
        );
        for arguments in recorded {
            let words = std::iter::once("tollgate").chain(arguments.iter().map(String::as_str));
            if let Err(ParseError::Invalid(error)) = parse(words.map(Into::into)) {
                panic!("{}: tollgate {}: {error}", page.path, arguments.join(" "));
            }
        }
    }
}
