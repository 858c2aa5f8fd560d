//! The files to convert.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::commands::CommandError;

/// The largest file, in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Returns the name and the text of a file. `-` is standard input.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file cannot be read, is too large, or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<(String, String), CommandError> {
    if path.as_os_str() == "-" {
        let name = "standard input".to_owned();
        let text = read_text(&name, std::io::stdin().lock())?;
        return Ok((name, text));
    }

    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    let text = read_text(&name, file)?;
    Ok((name, text))
}

fn read_text(name: &str, reader: impl Read) -> Result<String, CommandError> {
    let failed = |problem: &str| CommandError::usage(format!("{name}: {problem}"));
    let mut bytes = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error.to_string()))?;

    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed("the file is larger than 32 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| failed("the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_and_large_files_are_refused() {
        let problem = |bytes: &[u8]| read_text("a.yaml", bytes).unwrap_err().to_string();
        assert_eq!(problem(b"\xff\xfea\0"), "a.yaml: the file is not UTF-8");
        let large = vec![b' '; 32 * 1024 * 1024 + 1];
        assert_eq!(problem(&large), "a.yaml: the file is larger than 32 MiB");
    }
}
