//! The file `tollgate.yaml`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use declaration::{Declaration, MAX_FILE_BYTES};

use super::CommandError;

/// Reads a file. `-` is standard input.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file cannot be read, or has mistakes.
pub(super) fn read(file: &Path) -> Result<Declaration, CommandError> {
    let is_input = file.as_os_str() == "-";
    let name = if is_input {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };

    let text = if is_input {
        text_of(std::io::stdin().lock())
    } else {
        File::open(file).and_then(text_of)
    };
    let text = text.map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    Declaration::parse(&name, &text).map_err(|error| CommandError::usage(error.to_string()))
}

/// Reads a text, and one byte more than the largest file at most.
fn text_of(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    reader
        .take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    Ok(text)
}
