//! The output of `dump`.

use std::fs::{File, OpenOptions, metadata, remove_file, rename, symlink_metadata};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::commands::CommandError;
use crate::output::OutputError;

/// The permissions of a confidential file: only its owner reads it.
const CONFIDENTIAL_MODE: u32 = 0o600;
/// The permissions of other files, without those that the umask removes.
const MODE: u32 = 0o666;

/// The file of `--out`, or standard output.
pub(super) enum DumpFile<'p> {
    /// Standard output.
    Output,
    /// The file of `--out`. Another file next to it replaces it once it is complete.
    File { path: &'p Path, mode: u32 },
}

/// The path of an incomplete file, which is removed on drop.
struct PartPath(PathBuf);

impl<'p> DumpFile<'p> {
    /// Checks that the output can be written. Nothing is replaced yet.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the file cannot be created, or if others could read a
    /// confidential output.
    pub(super) fn open(
        path: Option<&'p Path>,
        is_confidential: bool,
    ) -> Result<Self, CommandError> {
        let Some(path) = path else {
            if is_confidential && is_public_output() {
                return Err(CommandError::usage(
                    "--with-hashes: standard output is a terminal or a file that others can read, add --out FILE",
                ));
            }
            return Ok(Self::Output);
        };

        if path.as_os_str() == "-" {
            let problem = "--out: expected a file. Without --out, the dump is printed";
            return Err(CommandError::usage(problem));
        }
        // A link such as /dev/stdout would be replaced, and not the file that it leads to.
        if symlink_metadata(path).is_ok_and(|existing| !existing.is_file()) {
            let problem = format!("{}: not a regular file", path.display());
            return Err(CommandError::usage(problem));
        }
        let mode = if is_confidential {
            CONFIDENTIAL_MODE
        } else {
            MODE
        };
        // An interruption while the API is read leaves no file.
        create_part(path, mode).map_err(|error| file_error(path, &error))?;
        Ok(Self::File { path, mode })
    }

    /// Writes the text, and replaces the file of `--out`.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be written.
    pub(super) fn write(&self, text: &str) -> Result<(), CommandError> {
        match self {
            Self::Output => {
                let mut output = std::io::stdout().lock();
                let written = output.write_all(text.as_bytes());
                written
                    .and_then(|()| output.flush())
                    .map_err(OutputError::from)?;
            }
            Self::File { path, mode } => {
                replace(path, *mode, text).map_err(|error| file_error(path, &error))?;
            }
        }
        Ok(())
    }
}

fn replace(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    let (mut file, part) = create_part(path, mode)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&part.0, path)
}

/// Creates the file that will replace the one at `path`.
fn create_part(path: &Path, mode: u32) -> std::io::Result<(File, PartPath)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let part = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
    let part = path.with_file_name(part);

    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&part)?;
    Ok((file, PartPath(part)))
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
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn file_is_replaced_when_the_text_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollgate.yaml");
        write(&path, "old").unwrap();

        let file = DumpFile::open(Some(&path), true).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "old");
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
        file.write("new").unwrap();

        assert_eq!(read_to_string(&path).unwrap(), "new");
        assert_eq!(metadata(&path).unwrap().mode() & 0o777, CONFIDENTIAL_MODE);
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();

        let missing = folder.path().join("no/file.yaml");
        for path in [folder.path().to_owned(), missing, link.clone(), "-".into()] {
            let Err(error) = DumpFile::open(Some(&path), false) else {
                panic!("{path:?}")
            };
            assert_eq!(error.exit_code(), 2, "{error}");
        }
        assert!(symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read_to_string(&file).unwrap(), "old");
    }
}
