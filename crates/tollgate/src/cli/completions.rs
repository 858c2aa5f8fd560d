//! `completions`: prints a script that completes command lines.

use clap::{Args, Command, ValueEnum};

/// The options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// A shell that can complete command lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

impl Completions {
    /// Returns the script for the shell.
    pub(crate) fn script(&self) -> Vec<u8> {
        let mut script = Vec::new();
        let shell = clap_complete::Shell::from(self.shell);
        let mut command = without_hidden(&super::command());
        clap_complete::generate(shell, &mut command, "tollgate", &mut script);
        script
    }
}

/// Returns what is completed of the program. Only the project's own tests use hidden commands.
fn without_hidden(program: &Command) -> Command {
    let visible = program.get_subcommands().filter(|one| !one.is_hide_set());
    Command::new("tollgate")
        .version(super::version::VERSION.as_str())
        .args(program.get_arguments())
        .subcommands(visible)
}
