//! Reads the commands in the project's documents.

use std::fs;
use std::path::{Path, PathBuf};

/// A document with shell commands.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path below the project, such as `docs/getting-started.md`.
    pub path: String,
    /// The content.
    pub text: String,
}

/// Returns the root of the project.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the README and all pages below `docs`, sorted by their paths.
///
/// # Panics
/// Panics if a file cannot be read.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut paths = vec![project().join("README.md")];
    add_pages(&project().join("docs"), &mut paths);
    paths.sort();

    let page = |path: &PathBuf| Page {
        path: path.strip_prefix(project()).unwrap().display().to_string(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(page).collect()
}

fn add_pages(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_pages(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

impl Page {
    /// Returns the code of the fenced blocks in a language, without the indentation of their fences.
    #[must_use]
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let fence = line.trim_start();
            let indentation = line.len() - fence.len();
            let Some(info) = fence.strip_prefix("```") else {
                continue;
            };

            let code: Vec<_> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indentation..).unwrap_or_default())
                .collect();
            if info.split_whitespace().next() == Some(language) {
                blocks.push(code.join("\n") + "\n");
            }
        }
        blocks
    }
}

/// Returns the number of commands of Tollgate in a block, as `tollgate …` or `cargo run …`.
#[must_use]
pub fn commands(block: &str) -> usize {
    let lines = block.replace("\\\n", " ");
    let starts = lines.lines().flat_map(|line| {
        // Every place at which a shell can begin a command, in or outside of a substitution.
        line.split(['|', ';', '&', '('])
            .map(|command| command.trim_start_matches(|c: char| c.is_whitespace() || c == '!'))
    });
    starts.filter(|command| is_command(command)).count()
}

/// True for `tollgate plans` and `A=b cargo run`.
fn is_command(text: &str) -> bool {
    let mut words = text
        .split_whitespace()
        .skip_while(|word| is_assignment(word) || matches!(*word, "do" | "if" | "then" | "while"));
    match words.next() {
        Some("tollgate") => true,
        Some("cargo") => words.next() == Some("run"),
        _ => false,
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .chars()
                .all(|one| one.is_ascii_uppercase() || one == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lose_the_indentation_of_their_fences() {
        let page = Page {
            path: "a.md".to_owned(),
            text: "1. a\n   ```sh\n   b \\\n     c\n\n   ```\n```json\n{}\n```\n".to_owned(),
        };
        assert_eq!(page.blocks("sh"), ["b \\\n  c\n\n"]);
        assert_eq!(page.blocks("json"), ["{}\n"]);
    }

    #[test]
    fn commands_are_found_at_the_places_where_a_shell_begins_them() {
        for (block, expected) in [
            ("tollgate plans list\n", 1),
            ("tollgate\ncargo run\n", 2),
            ("a | tollgate keys whois && tollgate audit list\n", 2),
            ("id=$(tollgate keys get a --json | jq .id)\n", 1),
            ("A_B=c cargo run -- --seeds d\n", 1),
            ("for i in 1; do tollgate usage top; done\n", 1),
            ("tollgate plans \\\n  list\n", 1),
            ("cargo build\necho tollgate\ncd tollgate-0.2.0\n", 0),
        ] {
            assert_eq!(commands(block), expected, "{block}");
        }
    }

    #[test]
    fn all_pages_are_read() {
        let pages = pages();
        for path in ["README.md", "docs/README.md", "docs/reference/cli.md"] {
            assert!(pages.iter().any(|page| page.path == path), "{path}");
        }
    }
}
