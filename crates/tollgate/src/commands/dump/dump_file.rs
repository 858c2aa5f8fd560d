//! The output of `dump`.

use std::fs::{File, OpenOptions, metadata, remove_file, rename};
use std::io::{BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::commands::CommandError;
use crate::output::OutputError;

/// The permissions of a confidential file: only its owner reads it.
const CONFIDENTIAL_MODE: u32 = 0o600;
/// The permissions of other files, without those that the umask removes.
const MODE: u32 = 0o666;

/// The file of `--out`, or standard output.
pub(super) enum DumpFile {
    /// Standard output.
    Output(BufWriter<std::io::Stdout>),
    /// A file next to the one of `--out`, which replaces it once it is complete.
    File {
        file: BufWriter<File>,
        part: PartPath,
        path: PathBuf,
    },
}

/// The path of an incomplete file, which is removed on drop.
pub(super) struct PartPath(PathBuf);

impl DumpFile {
    /// Opens the output. Nothing is replaced yet.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the file cannot be created, or if others could read a
    /// confidential output.
    pub(super) fn open(path: Option<&Path>, is_confidential: bool) -> Result<Self, CommandError> {
        match path {
            Some(path) => Self::create(path, is_confidential),
            None if is_confidential && is_public_output() => Err(CommandError::usage(
                "--with-hashes: standard output is a terminal or a file that others can read, add --out FILE",
            )),
            None => Ok(Self::Output(BufWriter::new(std::io::stdout()))),
        }
    }

    fn create(path: &Path, is_confidential: bool) -> Result<Self, CommandError> {
        let failed =
            |problem: String| CommandError::usage(format!("{}: {problem}", path.display()));
        if metadata(path).is_ok_and(|existing| !existing.is_file()) {
            return Err(failed("expected a regular file".to_owned()));
        }
        let name = path
            .file_name()
            .ok_or_else(|| failed("expected the path of a file".to_owned()))?;

        let part = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let part = path.with_file_name(part);
        let mode = if is_confidential {
            CONFIDENTIAL_MODE
        } else {
            MODE
        };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&part)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self::File {
            file: BufWriter::new(file),
            part: PartPath(part),
            path: path.to_owned(),
        })
    }

    /// Writes a part of the text.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be written.
    pub(super) fn write(&mut self, text: &str) -> Result<(), CommandError> {
        match self {
            Self::Output(output) => {
                let written = output.write_all(text.as_bytes());
                written.map_err(OutputError::from)?;
            }
            Self::File { file, path, .. } => {
                let written = file.write_all(text.as_bytes());
                written.map_err(|error| file_error(path, &error))?;
            }
        }
        Ok(())
    }

    /// Ends the text, and replaces the file of `--out`.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be written.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        match self {
            Self::Output(mut output) => output.flush().map_err(OutputError::from)?,
            Self::File {
                mut file,
                part,
                path,
            } => {
                let stored = file
                    .flush()
                    .and_then(|()| file.get_ref().sync_all())
                    .and_then(|()| rename(&part.0, &path));
                stored.map_err(|error| file_error(&path, &error))?;
            }
        }
        Ok(())
    }
}

impl Drop for PartPath {
    fn drop(&mut self) {
        // After the rename there is no such file.
        let _ = remove_file(&self.0);
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::usage(format!("{}: {error}", path.display()))
}

/// True if standard output is a terminal, or a file that other users can read.
fn is_public_output() -> bool {
    let is_public_file = metadata("/dev/stdout")
        .is_ok_and(|output| output.is_file() && output.mode() & !CONFIDENTIAL_MODE & 0o777 != 0);
    std::io::stdout().is_terminal() || is_public_file
}

#[cfg(test)]
mod tests {
    use std::fs::{read_dir, read_to_string, write};

    use super::*;

    #[test]
    fn file_is_replaced_when_the_text_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollgate.yaml");
        write(&path, "old").unwrap();

        let mut file = DumpFile::open(Some(&path), true).unwrap();
        file.write("new").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "old");
        file.finish().unwrap();

        assert_eq!(read_to_string(&path).unwrap(), "new");
        assert_eq!(metadata(&path).unwrap().mode() & 0o777, CONFIDENTIAL_MODE);
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn incomplete_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollgate.yaml");
        let mut file = DumpFile::open(Some(&path), false).unwrap();
        file.write("new").unwrap();
        drop(file);
        assert_eq!(read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn folder_cannot_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("no/file.yaml")] {
            let Err(error) = DumpFile::open(Some(&path), false) else {
                panic!("{path:?}")
            };
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }
}
