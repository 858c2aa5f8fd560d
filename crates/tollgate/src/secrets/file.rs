//! The file of `--secrets-out`.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata, OpenOptions, TryLockError, remove_file, rename, symlink_metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::records::{self, HEADER, Records};
use super::{Secret, SecretsError};

/// The permissions of the file: its owner reads and writes it.
const MODE: u32 = 0o600;
/// The largest file that is read, in bytes. 10,000 keys have about 1 MB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A file with the secrets of keys, which this process has locked.
///
/// A secret is on the disk before [`SecretsFile::secrets`] returns it. A process that is interrupted
/// therefore loses no secret that was sent, and its repetition finds the same secrets.
#[derive(Debug)]
pub(crate) struct SecretsFile {
    path: PathBuf,
    file: File,
    secrets: HashMap<String, Secret>,
}

/// A key that needs a secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyToCreate<'a> {
    pub(crate) key_id: &'a str,
    /// The beginning of the secret. Default: `tg_`.
    pub(crate) prefix: Option<&'a str>,
}

impl SecretsFile {
    /// Creates the file with mode 0600, or opens the file of an earlier call and reads its secrets.
    ///
    /// # Errors
    /// [`SecretsError`] if the file cannot be created, is not a regular file of this user with mode
    /// 0600, is in use by another process, or has other content.
    pub(crate) fn create(path: &Path) -> Result<Self, SecretsError> {
        if path == Path::new("-") {
            let problem = "expected the name of a file, because secrets are not printed";
            return Err(unsafe_file(path, problem.to_owned()));
        }
        let failed = |error| SecretsError::File {
            path: path.to_owned(),
            error,
        };
        let mut file = open(path)?;
        lock(&file, path)?;

        let text = read(&mut file, path)?;
        let records = records::parse(&text).map_err(|record| SecretsError::Record {
            path: path.to_owned(),
            line: record.line,
            problem: record.problem,
        })?;
        complete(&mut file, &records).map_err(failed)?;
        sync_folder(path).map_err(failed)?;

        Ok(Self {
            path: path.to_owned(),
            file,
            secrets: records.secrets,
        })
    }

    /// Returns the path of the file, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True if the file has a secret of this key.
    pub(crate) fn has(&self, key_id: &str) -> bool {
        self.secrets.contains_key(key_id)
    }

    /// Returns the secret of each key, in the same order: the one in the file, or a new one, which
    /// is stored first. Ask for many keys at once, because each call waits for the disk.
    ///
    /// # Errors
    /// [`SecretsError`] if a secret cannot be generated or stored.
    pub(crate) fn secrets(
        &mut self,
        keys: &[KeyToCreate<'_>],
    ) -> Result<Vec<Secret>, SecretsError> {
        let mut new: Vec<(&str, Secret)> = Vec::new();
        let mut secrets = Vec::with_capacity(keys.len());
        let mut places: HashMap<&str, usize> = HashMap::new();

        for key in keys {
            let earlier = places.get(key.key_id).and_then(|place| new.get(*place));
            let known = self.secrets.get(key.key_id);
            let secret = match known.or(earlier.map(|(_, secret)| secret)) {
                Some(secret) => secret.clone(),
                None => {
                    let secret = Secret::generate(key.prefix)?;
                    places.insert(key.key_id, new.len());
                    new.push((key.key_id, secret.clone()));
                    secret
                }
            };
            secrets.push(secret);
        }
        self.append(&new)?;
        Ok(secrets)
    }

    /// Appends secrets, and waits until they are on the disk. A key's last secret counts.
    ///
    /// # Errors
    /// [`SecretsError::File`] if they cannot be written.
    pub(crate) fn append(&mut self, secrets: &[(&str, Secret)]) -> Result<(), SecretsError> {
        if secrets.is_empty() {
            return Ok(());
        }
        let written = lines(secrets).and_then(|lines| {
            self.file.write_all(&lines)?;
            self.file.sync_all()
        });
        written.map_err(|error| SecretsError::File {
            path: self.path.clone(),
            error,
        })?;

        for (key_id, secret) in secrets {
            self.secrets.insert((*key_id).to_owned(), secret.clone());
        }
        Ok(())
    }

    /// Removes the secrets of keys. Another file replaces this one, so that no other secret is lost if
    /// the process ends.
    ///
    /// # Errors
    /// [`SecretsError`] if the file cannot be replaced. It is unchanged then.
    pub(crate) fn remove(&mut self, key_ids: &[String]) -> Result<(), SecretsError> {
        if key_ids.is_empty() {
            return Ok(());
        }
        let removed: HashSet<&String> = key_ids.iter().collect();
        let kept = self.secrets.iter();
        let kept = kept.filter(|(key_id, _)| !removed.contains(key_id));
        let mut kept: Vec<_> = kept
            .map(|(key_id, secret)| (key_id.as_str(), secret.clone()))
            .collect();
        kept.sort_by_key(|(key_id, _)| *key_id);

        let path = &self.path;
        let failed = |error| SecretsError::File {
            path: path.clone(),
            error,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file = replacement(&part, &kept).map_err(failed)?;
        lock(&file, path)?;
        rename(&part, path).map_err(failed)?;
        sync_folder(path).map_err(failed)?;

        self.file = file;
        self.secrets.retain(|key_id, _| !removed.contains(key_id));
        Ok(())
    }
}

/// Writes a new file with these secrets. It is removed after an error.
fn replacement(path: &Path, secrets: &[(&str, Secret)]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true).mode(MODE);
    let mut file = options.open(path)?;

    let written = lines(secrets).and_then(|lines| {
        file.write_all(HEADER.as_bytes())?;
        file.write_all(&lines)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// Creates the file, or opens one that exists. Neither follows a symbolic link.
fn open(path: &Path) -> Result<File, SecretsError> {
    let failed = |error| SecretsError::File {
        path: path.to_owned(),
        error,
    };
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(MODE);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created.map_err(failed),
    }

    // Opening a FIFO would wait, so that the kind of the file is checked before.
    let listed = symlink_metadata(path).map_err(failed)?;
    check(&listed, path)?;
    let file = options.open(path).map_err(failed)?;

    let opened = file.metadata().map_err(failed)?;
    check(&opened, path)?;
    if (opened.dev(), opened.ino()) != (listed.dev(), listed.ino()) {
        return Err(unsafe_file(path, "the file was replaced".to_owned()));
    }
    Ok(file)
}

/// Checks that only this user can read the file.
fn check(file: &Metadata, path: &Path) -> Result<(), SecretsError> {
    let mode = file.mode() & 0o7777;
    let problem = if file.is_symlink() {
        "a symbolic link, expected a regular file".to_owned()
    } else if !file.is_file() {
        "not a regular file".to_owned()
    } else if file.uid() != rustix::process::geteuid().as_raw() {
        "another user owns the file".to_owned()
    } else if mode & 0o077 != 0 {
        format!("other users have access to the file (mode {mode:04o}), expected mode {MODE:04o}")
    } else {
        return Ok(());
    };
    Err(unsafe_file(path, problem))
}

fn unsafe_file(path: &Path, problem: String) -> SecretsError {
    SecretsError::Unsafe {
        path: path.to_owned(),
        problem,
    }
}

/// Locks the file until it is closed. Two processes could otherwise store different secrets for the
/// same key.
fn lock(file: &File, path: &Path) -> Result<(), SecretsError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            unsafe_file(path, "another process is using the file".to_owned())
        }
        TryLockError::Error(error) => SecretsError::File {
            path: path.to_owned(),
            error,
        },
    })
}

fn read(file: &mut File, path: &Path) -> Result<Vec<u8>, SecretsError> {
    let mut text = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| SecretsError::File {
        path: path.to_owned(),
        error,
    })?;

    if text.len() as u64 > MAX_BYTES {
        let problem = format!("the file has more than {MAX_BYTES} bytes");
        return Err(unsafe_file(path, problem));
    }
    Ok(text)
}

/// Removes an interrupted line, and adds a missing header or line break.
fn complete(file: &mut File, records: &Records) -> io::Result<()> {
    file.set_len(records.complete_bytes as u64)?;
    if records.complete_bytes == 0 {
        file.write_all(HEADER.as_bytes())?;
    } else if records.lacks_line_break {
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

/// Stores the name of a new file, which is a part of its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn lines(secrets: &[(&str, Secret)]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (key_id, secret) in secrets {
        writer.write_record([key_id, secret.expose()])?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests;
