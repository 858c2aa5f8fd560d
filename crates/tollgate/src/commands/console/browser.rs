//! The browser of the operator.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// The time in which a program that starts a browser usually ends. One that runs for longer is the
/// browser itself.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// The part of a command in `BROWSER` that is replaced by the page.
const PLACEHOLDER: &str = "%s";

/// Programs that open a page, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Browser {
    commands: Vec<Vec<String>>,
}

impl Browser {
    /// Returns the browser of this session. `None` if it has no display.
    pub(super) fn of_environment() -> Option<Self> {
        Self::select(cfg!(target_os = "macos"), |name| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        })
    }

    fn select(is_mac: bool, lookup: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let has = |name| lookup(name).is_some_and(|value| !value.is_empty());
        let chosen = lookup("BROWSER").unwrap_or_default();
        let commands: Vec<_> = chosen
            .split(':')
            .map(words)
            .filter(|it| !it.is_empty())
            .collect();
        if !commands.is_empty() {
            return Some(Self { commands });
        }

        let has_display = has("DISPLAY") || has("WAYLAND_DISPLAY");
        let programs: &[&str] = match () {
            () if has("WSL_DISTRO_NAME") => &["wslview", "xdg-open"],
            // The display would be that of the other machine.
            () if is_mac && !has("SSH_CONNECTION") => &["open"],
            () if !is_mac && has_display => &["xdg-open"],
            () => return None,
        };
        let commands = programs.iter().map(|program| words(program)).collect();
        Some(Self { commands })
    }

    /// Opens a file or an address. The browser continues after this process.
    ///
    /// # Errors
    /// The reason why the last program failed.
    pub(super) async fn open(&self, page: &OsStr) -> Result<(), String> {
        let mut problem = String::new();
        for command in &self.commands {
            match start(command, page).await {
                Ok(()) => return Ok(()),
                Err(reason) => problem = reason,
            }
        }
        Err(problem)
    }
}

/// Runs a program without a shell, and waits until it has started a browser.
async fn start(command: &[String], page: &OsStr) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or_else(String::new)?;
    let mut child = Command::new(program)
        .args(with_page(arguments, page))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends this process, not the browser.
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("`{program}` is not installed"),
            _ => format!("cannot run `{program}`: {error}"),
        })?;

    match timeout(START_TIMEOUT, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(format!("`{program}` failed ({status})")),
        Ok(Err(error)) => Err(format!("cannot run `{program}`: {error}")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

/// Returns the arguments with the page in place of `%s`, or else at the end.
fn with_page(arguments: &[String], page: &OsStr) -> Vec<OsString> {
    let has_place = arguments.iter().any(|word| word == PLACEHOLDER);
    let placed = arguments.iter().map(|word| {
        if word == PLACEHOLDER {
            page.to_owned()
        } else {
            word.into()
        }
    });
    placed
        .chain((!has_place).then(|| page.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(is_mac: bool, variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let browser = Browser::select(is_mac, |name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })?;
        Some(
            browser
                .commands
                .iter()
                .map(|words| words.join(" "))
                .collect(),
        )
    }

    #[test]
    fn browser_of_the_environment_is_used() {
        let display = ("DISPLAY", ":0");
        for (is_mac, variables, expected) in [
            (
                false,
                &[display, ("BROWSER", "firefox -P work:w3m")][..],
                Some(vec!["firefox -P work", "w3m"]),
            ),
            (false, &[("BROWSER", "firefox")], Some(vec!["firefox"])),
            (false, &[display, ("BROWSER", "")], Some(vec!["xdg-open"])),
            (
                false,
                &[("WAYLAND_DISPLAY", "wayland-0")],
                Some(vec!["xdg-open"]),
            ),
            (
                false,
                &[("WSL_DISTRO_NAME", "Ubuntu")],
                Some(vec!["wslview", "xdg-open"]),
            ),
            (
                false,
                &[("SSH_CONNECTION", "a b"), display],
                Some(vec!["xdg-open"]),
            ),
            (false, &[("SSH_CONNECTION", "a b")], None),
            (false, &[], None),
            (true, &[], Some(vec!["open"])),
            (true, &[("SSH_CONNECTION", "a b")], None),
        ] {
            let found = commands(is_mac, variables);
            let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn page_replaces_the_placeholder_or_follows_the_arguments() {
        let page = OsStr::new("/run/a b.html");
        let placed = with_page(&words("--new %s --wait"), page);
        assert_eq!(placed, ["--new", "/run/a b.html", "--wait"]);
        assert_eq!(with_page(&words("--new"), page), ["--new", "/run/a b.html"]);
    }

    #[tokio::test]
    async fn next_program_is_tried_and_the_last_problem_is_named() {
        let browser = |commands: &[&str]| Browser {
            commands: commands.iter().map(|command| words(command)).collect(),
        };
        let page = OsStr::new("/dev/null");
        assert!(browser(&["/nonexistent", "true"]).open(page).await.is_ok());
        let problem = browser(&["/nonexistent", "false"])
            .open(page)
            .await
            .unwrap_err();
        assert!(problem.starts_with("`false` failed"), "{problem}");
        let problem = browser(&["/nonexistent"]).open(page).await.unwrap_err();
        assert_eq!(problem, "`/nonexistent` is not installed");
    }
}
