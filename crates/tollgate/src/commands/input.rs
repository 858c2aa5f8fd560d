//! Files that commands read.

use std::io::Read;

use declaration::DeclarationError;
use serde_json::Value;

use super::CommandError;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";
/// The largest file with a plan or policy, in bytes. The registry stores at most 350,000.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A text file, and its name for errors.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Reads a file, or standard input if the path is `-`.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the file cannot be read, is larger than 1 MiB or is not
    /// UTF-8.
    pub(crate) fn read(path: &str) -> Result<Self, CommandError> {
        if path == STANDARD_INPUT {
            return Self::read_from("standard input", std::io::stdin().lock());
        }

        let file = std::fs::File::open(path);
        let file = file.map_err(|error| CommandError::usage(format!("{path}: {error}")))?;
        Self::read_from(path, file)
    }

    fn read_from(name: &str, reader: impl Read) -> Result<Self, CommandError> {
        let invalid = |problem: &str| CommandError::usage(format!("{name}: {problem}"));
        let mut bytes = Vec::new();

        let read = reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| invalid(&error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(invalid("the file is larger than 1 MiB"));
        }

        let text = String::from_utf8(bytes).map_err(|_| invalid("expected text in UTF-8"))?;
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }
}

/// Reads a file and checks the document in it, before anything is sent. `parse` gets the name and the
/// text of the file.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file cannot be read, or has mistakes.
pub(crate) fn read_document(
    path: &str,
    parse: fn(&str, &str) -> Result<Value, DeclarationError>,
) -> Result<Value, CommandError> {
    let file = TextFile::read(path)?;
    parse(&file.name, &file.text).map_err(|error| CommandError::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str) -> String {
        TextFile::read(path).unwrap_err().to_string()
    }

    #[test]
    fn missing_file_and_folder_are_errors_with_the_path() {
        assert!(problem("no-such-file").starts_with("no-such-file: No such file"));
        assert!(problem(".").starts_with(".: "), "{}", problem("."));
    }

    #[test]
    fn size_is_bounded() {
        let error = TextFile::read_from("a", std::io::repeat(b' ')).unwrap_err();
        assert_eq!(error.to_string(), "a: the file is larger than 1 MiB");
        let largest = std::io::repeat(b' ').take(MAX_FILE_BYTES);
        assert!(TextFile::read_from("a", largest).is_ok());
    }

    #[test]
    fn other_encodings_are_errors() {
        let error = TextFile::read_from("a", &b"\xff\xfe"[..]).unwrap_err();
        assert_eq!(error.to_string(), "a: expected text in UTF-8");
        assert_eq!(error.exit_code(), 2);
    }
}
