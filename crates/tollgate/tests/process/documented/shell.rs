//! A shell at a terminal, in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::text;

/// `tollgate` in the search path. It counts the commands, stops a gateway once it serves, and
/// accepts the exit codes of results that are no errors.
const TOLLGATE: &str = r#"#!/bin/bash
echo "$*" >> "$COMMANDS"
case "${1-}" in
"" | serve | --backend | --endpoint | --log-format | --parameter | --policy | --seeds | --template)
    exec 3< <(exec "$BINARY" "$@" --listen 127.0.0.1:0)
    server=$!
    read -r line <&3 || exit 1
    kill "$server"
    exit 0
    ;;
esac

"$BINARY" "$@"
code=$?
case "$1 ${2-}:$code" in
# The token of the test is refused by the policies of other issuers.
"token explain:1") exit 0 ;;
# There are differences.
diff\ *:3) exit 0 ;;
# A limit would become laxer.
import\ *:1) exit 0 ;;
esac
exit "$code"
"#;

/// `cargo` in the search path, which runs the program that the test has built.
const CARGO: &str = r#"#!/bin/bash
[ "$1" = run ] || exit 1
shift
while [ $# != 0 ]; do
    option=$1
    shift
    [ "$option" != -- ] || break
done
exec tollgate "$@"
"#;

/// Other programs whose results are files of the test.
const OTHER_PROGRAMS: [&str; 1] = ["deck"];

/// The answers to questions at the terminal.
const ANSWERS: usize = 100;

pub(crate) struct Shell {
    folder: tempfile::TempDir,
    programs: tempfile::TempDir,
}

/// The result of a script.
pub(crate) struct Run {
    pub(crate) succeeded: bool,
    /// The number of commands of Tollgate that were run.
    pub(crate) commands: usize,
    pub(crate) output: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        let shell = Self {
            folder: tempfile::tempdir().unwrap(),
            programs: tempfile::tempdir().unwrap(),
        };
        shell.add_program("tollgate", TOLLGATE);
        shell.add_program("cargo", CARGO);
        for name in OTHER_PROGRAMS {
            shell.add_program(name, "#!/bin/bash\n");
        }
        shell
    }

    /// The folder in which scripts run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn add_program(&self, name: &str, script: &str) {
        let path = self.programs.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script until its first error. Questions are answered with yes.
    pub(crate) fn run(&self, script: &str, url: &str) -> Run {
        let programs = self.programs.path();
        let (file, commands) = (programs.join("script.sh"), programs.join("commands"));
        // The lines of the script are in the output, so that a failure shows where it happened.
        fs::write(&file, format!("set -veo pipefail\n{script}")).unwrap();
        fs::write(&commands, "").unwrap();

        let path = std::env::var("PATH").unwrap();
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &format!("bash {}", file.display())])
            .arg("/dev/null")
            .current_dir(self.folder())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("BINARY", env!("CARGO_BIN_EXE_tollgate"))
            .env("COMMANDS", &commands)
            .env("TOLLGATE_URL", url)
            .env("HOME", self.folder())
            .env_remove("TOLLGATE_STACK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The script may end before it has read all answers.
        let _ = child
            .stdin
            .take()
            .unwrap()
            .write_all("y\n".repeat(ANSWERS).as_bytes());

        let output = child.wait_with_output().unwrap();
        Run {
            succeeded: output.status.success(),
            commands: fs::read_to_string(&commands).unwrap().lines().count(),
            output: without_answers(&(text(&output.stdout) + &text(&output.stderr))),
        }
    }
}

/// Returns the output without the answers, which the terminal shows.
fn without_answers(output: &str) -> String {
    let lines = output.lines().filter(|line| *line != "y");
    lines.map(|line| format!("{line}\n")).collect()
}
