//! Reads files.

use std::path::Path;

use super::StartError;

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::File {
        path: path.to_owned(),
        error,
    })
}
