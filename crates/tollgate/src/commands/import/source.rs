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
    let (name, bytes) = read_bytes(path)?;
    let text = text(&name, bytes)?;
    Ok((name, text))
}

/// Returns the name and the content of a file. `-` is standard input.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file cannot be read or is too large.
pub(super) fn read_bytes(path: &Path) -> Result<(String, Vec<u8>), CommandError> {
    if path.as_os_str() == "-" {
        let name = "standard input".to_owned();
        let bytes = content(&name, std::io::stdin().lock())?;
        return Ok((name, bytes));
    }

    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    let bytes = content(&name, file)?;
    Ok((name, bytes))
}

fn content(name: &str, reader: impl Read) -> Result<Vec<u8>, CommandError> {
    let failed = |problem: &str| CommandError::usage(format!("{name}: {problem}"));
    let mut bytes = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error.to_string()))?;

    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed("the file is larger than 32 MiB"));
    }
    Ok(bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, CommandError> {
    let problem = |_| CommandError::usage(format!("{name}: the file is not UTF-8"));
    String::from_utf8(bytes).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_and_large_files_are_refused() {
        let error = text("a.yaml", b"\xff\xfea\0".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "a.yaml: the file is not UTF-8");
        let large = vec![b' '; 32 * 1024 * 1024 + 1];
        let error = content("a.yaml", large.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a.yaml: the file is larger than 32 MiB");
    }
}
