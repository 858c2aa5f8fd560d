//! The output of `keys export`.

use std::fs::{File, OpenOptions, remove_file, rename, symlink_metadata};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::commands::CommandError;
use crate::commands::csv_pages::print_csv;

/// The file of `--out`, or standard output. The file is replaced once the new one is complete, so
/// that an error or Ctrl-C leaves the old one.
pub(super) enum ExportOutput {
    Output,
    File(PartFile),
}

/// An incomplete file next to the one that it replaces. It is removed on drop.
pub(super) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
}

impl ExportOutput {
    /// Checks that the output can be written. Nothing is replaced yet.
    ///
    /// # Errors
    /// [`CommandError`] if the file cannot be created, or is a link or another kind of file.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = path else {
            return Ok(Self::Output);
        };
        if symlink_metadata(path).is_ok_and(|existing| !existing.is_file()) {
            let problem = format!("{}: expected a regular file, not a link", path.display());
            return Err(CommandError::usage(problem));
        }
        let created = part_file(path);
        created
            .map(Self::File)
            .map_err(|error| file_error(path, &error))
    }

    /// Writes rows.
    ///
    /// # Errors
    /// [`CommandError`] if they cannot be written.
    pub(super) fn write(&mut self, rows: &str) -> Result<(), CommandError> {
        match self {
            Self::Output => Ok(print_csv(rows)?),
            Self::File(part) => {
                let written = part.file.write_all(rows.as_bytes());
                written.map_err(|error| file_error(&part.path, &error))
            }
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be replaced.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        let Self::File(part) = self else {
            return Ok(());
        };
        let stored = part.file.sync_all();
        stored
            .and_then(|()| rename(&part.part, &part.path))
            .map_err(|error| file_error(&part.path, &error))
    }
}

fn part_file(path: &Path) -> std::io::Result<PartFile> {
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let part = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
    let part = path.with_file_name(part);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)?;
    Ok(PartFile {
        path: path.to_owned(),
        part,
        file,
    })
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After the rename there is no such file.
        let _ = remove_file(&self.part);
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{read_dir, read_to_string, write};
    use std::os::unix::fs::symlink;

    #[test]
    fn file_is_replaced_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        write(&path, "old").unwrap();

        let mut output = ExportOutput::open(Some(&path)).unwrap();
        output.write("half").unwrap();
        drop(output);
        assert_eq!(read_to_string(&path).unwrap(), "old");
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);

        let mut output = ExportOutput::open(Some(&path)).unwrap();
        output.write("new").unwrap();
        output.finish().unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "new");
        assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(folder.path().join("target"), &link).unwrap();
        for path in [&*link, folder.path()] {
            let error = ExportOutput::open(Some(path)).err().unwrap();
            assert!(
                error.to_string().contains("expected a regular file"),
                "{error}"
            );
        }
    }
}
