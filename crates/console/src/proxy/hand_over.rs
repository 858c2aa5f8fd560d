//! The file that hands the one-time code to a browser. A command line would show it to other users.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use registry::{RandomError, random_bytes};

const FILE_NAME: &str = "open.html";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission of others to change the content of a folder.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// The permission to delete only one's own files in a folder.
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// A folder of this process with at most one file, which only the operator can read. Both are deleted on
/// drop.
#[derive(Debug)]
pub struct HandOver {
    folder: PathBuf,
    file: PathBuf,
}

/// The file or its folder cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The folder for the private folder cannot be used.
    #[error("cannot create a private folder in {}: {error}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// Other users could replace files in the folder.
    #[error("other users can replace files in {}, choose another folder with --code-folder", .0.display())]
    Shared(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {error}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The random number generator failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl HandOver {
    /// Creates a private folder in `parent`.
    ///
    /// # Errors
    /// [`HandOverError`] if the folder cannot be created, or if other users can replace files in
    /// `parent`.
    pub fn create_in(parent: &Path) -> Result<Self, HandOverError> {
        let failed = |error| HandOverError::Folder {
            folder: parent.to_owned(),
            error,
        };
        let metadata = fs::metadata(parent).map_err(failed)?;
        let is_writable_by_others = metadata.mode() & WRITABLE_BY_OTHERS != 0;
        let is_of_another_user =
            ![ROOT, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
        if is_of_another_user || (is_writable_by_others && metadata.mode() & STICKY == 0) {
            return Err(HandOverError::Shared(parent.to_owned()));
        }

        let number = u64::from_be_bytes(random_bytes()?);
        let folder = parent.join(format!("tollgate-console-{number:016x}"));
        // Fails if there is anything at this path, also a link.
        DirBuilder::new()
            .mode(FOLDER_MODE)
            .create(&folder)
            .map_err(failed)?;
        let file = folder.join(FILE_NAME);
        Ok(Self { folder, file })
    }

    /// Returns the path of the file, which is the same for all codes.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Replaces the file by a page that sends a browser to `url`, whose characters need no encoding in
    /// HTML.
    ///
    /// # Errors
    /// [`HandOverError`] if the file cannot be written.
    pub fn write(&self, url: &str) -> Result<(), HandOverError> {
        let failed = |error| HandOverError::File {
            file: self.file.clone(),
            error,
        };
        self.remove().map_err(failed)?;
        // Fails if there is anything at this path, also a link.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        let mut file = options.open(&self.file).map_err(failed)?;
        file.write_all(page(url).as_bytes()).map_err(failed)
    }

    /// Deletes the file, if it exists.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        let _ = self.remove();
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Returns a page that opens an address without a script. The address is not sent as a referrer, and
/// the part with the code is not sent at all.
fn page(url: &str) -> String {
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n\
         <title>Tollgate console</title>\n\
         <p><a href=\"{url}\">Open the Tollgate console</a></p>\n\
         </html>\n"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn only_the_operator_can_read_the_file_and_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        let hand_over = HandOver::create_in(parent.path()).unwrap();
        hand_over.write("http://127.0.0.1:1/#code=first").unwrap();

        assert_eq!(mode(&hand_over.folder), 0o700);
        assert_eq!(mode(hand_over.path()), 0o600);
        let text = fs::read_to_string(hand_over.path()).unwrap();
        assert!(
            text.contains("content=\"0; url=http://127.0.0.1:1/#code=first\""),
            "{text}"
        );
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn new_code_replaces_the_file_and_the_end_deletes_both() {
        let parent = tempfile::tempdir().unwrap();
        let hand_over = HandOver::create_in(parent.path()).unwrap();
        hand_over.write("http://127.0.0.1:1/#code=first").unwrap();
        hand_over.write("http://127.0.0.1:1/#code=second").unwrap();
        let text = fs::read_to_string(hand_over.path()).unwrap();
        assert!(text.contains("second") && !text.contains("first"), "{text}");

        hand_over.remove().unwrap();
        hand_over.remove().unwrap();
        assert!(!hand_over.path().exists());
        hand_over.write("http://127.0.0.1:1/#code=third").unwrap();
        drop(hand_over);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn link_at_the_path_of_the_file_is_replaced_and_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let hand_over = HandOver::create_in(parent.path()).unwrap();
        let other = parent.path().join("other");
        fs::write(&other, "unchanged").unwrap();
        symlink(&other, hand_over.path()).unwrap();

        hand_over.write("http://127.0.0.1:1/#code=a").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "unchanged");
        assert!(fs::symlink_metadata(hand_over.path()).unwrap().is_file());
    }

    #[test]
    fn folder_in_which_others_can_replace_files_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let set_mode = |mode| {
            fs::set_permissions(parent.path(), fs::Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o777, 0o770] {
            set_mode(mode);
            let error = HandOver::create_in(parent.path()).unwrap_err();
            assert!(
                error.to_string().contains("--code-folder"),
                "{mode:o}: {error}"
            );
        }
        set_mode(0o1777);
        assert!(HandOver::create_in(parent.path()).is_ok());
    }

    #[test]
    fn missing_folder_is_named() {
        let error = HandOver::create_in(Path::new("/nonexistent")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot create a private folder in /nonexistent: "),
            "{text}"
        );
    }
}
