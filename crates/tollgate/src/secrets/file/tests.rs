//! Tests of secrets files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn key(key_id: &str) -> KeyToCreate<'_> {
    KeyToCreate {
        key_id,
        prefix: None,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn new_file_has_mode_0600_and_the_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let mut file = SecretsFile::create(&path).unwrap();
    let keys = [
        key("acme"),
        KeyToCreate {
            key_id: "beta",
            prefix: Some("beta_"),
        },
    ];
    let secrets = file.secrets(&keys).unwrap();

    let (acme, beta) = (secrets[0].expose(), secrets[1].expose());
    assert!(acme.starts_with("tg_") && beta.starts_with("beta_"));
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("key_id,secret\nacme,{acme}\nbeta,{beta}\n"));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn repeated_call_reuses_the_secrets_and_adds_missing_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let mut file = SecretsFile::create(&path).unwrap();
    let first = file.secrets(&[key("acme"), key("beta")]).unwrap();
    drop(file);

    let mut file = SecretsFile::create(&path).unwrap();
    let keys = [key("beta"), key("new"), key("acme"), key("new")];
    let second = file.secrets(&keys).unwrap();
    assert_eq!((&second[0], &second[2]), (&first[1], &first[0]));
    assert_eq!(second[1], second[3], "one key has one secret");
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4);
}

#[test]
fn rotated_secret_replaces_the_one_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let mut file = SecretsFile::create(&path).unwrap();
    file.secrets(&[key("acme")]).unwrap();
    let rotated = Secret::generate(None).unwrap();
    file.append(&[("acme", rotated.clone())]).unwrap();
    drop(file);

    let mut file = SecretsFile::create(&path).unwrap();
    assert_eq!(file.secrets(&[key("acme")]).unwrap(), [rotated]);
}

#[test]
fn interrupted_line_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let mut file = SecretsFile::create(&path).unwrap();
    let acme = file.secrets(&[key("acme")]).unwrap();
    drop(file);
    let complete = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{complete}beta,tg_12")).unwrap();

    let mut file = SecretsFile::create(&path).unwrap();
    let secrets = file.secrets(&[key("acme"), key("beta")]).unwrap();
    assert_eq!(secrets[0], acme[0]);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{complete}beta,{}\n", secrets[1].expose()));
}

#[test]
fn standard_output_is_refused() {
    let error = SecretsFile::create(Path::new("-")).unwrap_err().to_string();
    assert!(error.contains("expected the name of a file"), "{error}");
}

#[test]
fn line_without_a_line_break_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    drop(SecretsFile::create(&path).unwrap());
    let acme = Secret::generate(None).unwrap();
    fs::write(&path, format!("key_id,secret\nacme,{}", acme.expose())).unwrap();

    let mut file = SecretsFile::create(&path).unwrap();
    let secrets = file.secrets(&[key("acme"), key("beta")]).unwrap();
    assert_eq!(secrets[0], acme);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
}

#[test]
fn file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    fs::write(&path, "").unwrap();
    for wide in [0o644, 0o640, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(wide)).unwrap();
        let error = SecretsFile::create(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("mode {wide:04o}")), "{error}");
        assert_eq!((mode(&path), fs::read(&path).unwrap().len()), (wide, 0));
    }
}

#[test]
fn links_and_other_kinds_of_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let link = folder.path().join("link");
    symlink(&target, &link).unwrap();
    let error = SecretsFile::create(&link).unwrap_err().to_string();
    assert!(error.contains("a symbolic link"), "{error}");
    assert!(!target.exists());

    drop(SecretsFile::create(&target).unwrap());
    let error = SecretsFile::create(&link).unwrap_err().to_string();
    assert!(error.contains("a symbolic link"), "{error}");

    for path in [folder.path(), Path::new("/dev/null")] {
        let error = SecretsFile::create(path).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}

#[test]
fn file_with_other_content_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    drop(SecretsFile::create(&path).unwrap());
    fs::write(&path, "shopping: milk").unwrap();
    let error = SecretsFile::create(&path).unwrap_err().to_string();
    assert!(
        error.contains("secrets.csv:1: not a secrets file"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "shopping: milk");
}

#[test]
fn file_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.csv");
    let file = SecretsFile::create(&path).unwrap();
    let error = SecretsFile::create(&path).unwrap_err().to_string();
    assert!(error.contains("another process is using"), "{error}");
    drop(file);
    assert!(SecretsFile::create(&path).is_ok());
}

#[test]
fn missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/secrets.csv");
    let error = SecretsFile::create(&path).unwrap_err().to_string();
    assert!(
        error.contains("no/secrets.csv: No such file or directory"),
        "{error}"
    );
}
