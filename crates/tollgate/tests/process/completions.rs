//! `tollgate completions`: the shells that are installed accept the scripts, and complete with
//! them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{run, text};

/// Completes `plans` and `list` in bash.
const BASH: &str = r#"
source "$1"
complete() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _tollgate tollgate "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
    echo "${COMPREPLY[@]}"
}
complete tollgate pla
complete tollgate plans lis
complete tollgate plans list --sta
complete tollgate serve --log-format te
"#;

/// Completes the same in zsh, which only completes at a terminal. Tab completes, and the key after
/// it prints the line.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT=; autoload -U compinit; compinit -u -D; source ${(q)1}"
zpty -w shell 'show() { print -r -- "<${BUFFER}>"; BUFFER= }; zle -N show'
zpty -w shell 'bindkey "^I" complete-word "^X" show; print -r "<rea""dy>"'
zpty -r shell output '*<ready>*'
for line in 'pla' 'plans lis' 'plans list --sta' 'serve --log-format te'; do
    zpty -w -n shell "tollgate $line"$'\t\x18'
    zpty -r shell output '*<*>*'
    output=${output##*<}
    print -r -- "${output%%>*}"
done
zpty -d shell
"#;

const FISH: &str = r#"
source $argv[1]
complete -C 'tollgate pla'
complete -C 'tollgate plans lis'
complete -C 'tollgate plans list --sta'
complete -C 'tollgate serve --log-format te'
"#;

/// Writes the script for a shell to a file.
fn script(folder: &Path, shell: &str) -> PathBuf {
    let output = run(&["completions", shell]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let path = folder.join(shell);
    std::fs::write(&path, output.stdout).unwrap();
    path
}

/// Runs a program in a shell, and returns what it prints. Returns `None` without the shell.
fn printed(shell: &str, options: &[&str], program: &str, argument: &Path) -> Option<String> {
    let output = Command::new(shell)
        .args(options)
        .args(["-c", program])
        .args((shell != "fish").then_some(shell))
        .arg(argument)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert_eq!(text(&output.stderr), "", "{shell}");
    Some(text(&output.stdout))
}

#[test]
fn bash_completes_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(folder.path(), "bash");
    let completed = printed("bash", &["--norc"], BASH, &path).unwrap();
    assert_eq!(completed, "plans\nlist\n--stack\ntext\n");
}

#[test]
fn fish_completes_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(folder.path(), "fish");
    let Some(completed) = printed("fish", &["--no-config"], FISH, &path) else {
        return;
    };

    let words: Vec<_> = completed
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(words, ["plans", "list", "--stack", "text"]);
}

#[test]
fn zsh_completes_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(folder.path(), "zsh");
    let Some(completed) = printed("zsh", &["-f"], ZSH, &path) else {
        return;
    };

    let lines: Vec<_> = completed.lines().map(str::trim).collect();
    let expected = [
        "tollgate plans",
        "tollgate plans list",
        "tollgate plans list --stack=",
        "tollgate serve --log-format text",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn hidden_commands_are_not_completed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(!text(&output.stdout).contains("evaluated for the given"));
    }
}
