//! The command that prints a token for this gateway.

use std::path::Path;

use crate::local::DEFAULT_STATE_FOLDER;

/// Returns `cargo run -q -- token --plan pro` if cargo started this process, otherwise a command
/// with the program as it was called. The command names the folder of the signing key, unless cargo
/// runs and the folder is the default.
pub(super) fn token_command(program: Option<&str>, is_under_cargo: bool, state: &Path) -> String {
    let program = if is_under_cargo {
        "cargo run -q --".to_owned()
    } else {
        quoted(program.unwrap_or("tollgate"))
    };

    if is_under_cargo && state == Path::new(DEFAULT_STATE_FOLDER) {
        return format!("{program} token --plan pro");
    }

    let folder = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    format!(
        "{program} token --plan pro --state {}",
        quoted(&folder.to_string_lossy())
    )
}

/// Quotes text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_the_one_that_started_the_gateway() {
        for (program, is_under_cargo, state, expected) in [
            (None, true, ".tollgate", "cargo run -q -- token --plan pro"),
            (
                None,
                true,
                "/k",
                "cargo run -q -- token --plan pro --state /k",
            ),
            (
                Some("tollgate"),
                false,
                "/k",
                "tollgate token --plan pro --state /k",
            ),
            (
                Some("./a b/tollgate"),
                false,
                "/it's",
                r"'./a b/tollgate' token --plan pro --state '/it'\''s'",
            ),
        ] {
            assert_eq!(
                token_command(program, is_under_cargo, Path::new(state)),
                expected
            );
        }
    }

    #[test]
    fn command_without_cargo_has_the_absolute_folder() {
        let command = token_command(Some("tollgate"), false, Path::new(DEFAULT_STATE_FOLDER));
        let folder = command.split_once("--state ").unwrap().1;
        assert!(
            folder.trim_matches('\'').starts_with('/') && folder.contains(DEFAULT_STATE_FOLDER),
            "{command}"
        );
    }
}
