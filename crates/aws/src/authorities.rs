//! Certificate authorities in PEM files.
//!
//! A file that cannot be used aborts startup, because every later call would fail.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use environment::SettingError;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};

/// The setting that names the file of authorities that replaces the default ones.
pub(crate) const SYSTEM_FILE: &str = "SSL_CERT_FILE";
/// The largest file of certificates, in bytes. All public authorities together have 0.3 MB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Certificate authorities that are trusted in addition to those of the process.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraAuthorities {
    anchors: Vec<TrustAnchor<'static>>,
}

impl ExtraAuthorities {
    /// Reads a PEM file of authorities. `variable` is the setting that names the file.
    ///
    /// # Errors
    /// [`SettingError`] if the file cannot be read, contains no certificate, or contains an invalid
    /// one.
    pub fn read(variable: &'static str, path: &str) -> Result<Self, SettingError> {
        let error =
            |problem: String| SettingError::document(variable, format!("{path}: {problem}"));
        let pem = read_file(path).map_err(error)?;

        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
            let number = index + 1;
            let invalid = |problem: &dyn fmt::Display| {
                error(format!("certificate {number} is invalid: {problem}"))
            };
            let certificate = certificate.map_err(|problem| invalid(&problem))?;
            roots
                .add(certificate)
                .map_err(|problem| invalid(&problem))?;
        }

        if roots.is_empty() {
            return Err(error(NO_CERTIFICATE.to_owned()));
        }
        Ok(Self {
            anchors: roots.roots,
        })
    }

    /// Returns the number of certificates.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.anchors.len()
    }

    /// True if no authorities are added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Returns the names and keys of the authorities.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }
}

/// Omits the certificates.
impl fmt::Debug for ExtraAuthorities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ExtraAuthorities({})", self.len())
    }
}

const NO_CERTIFICATE: &str =
    "no certificate found, expected PEM blocks that begin with -----BEGIN CERTIFICATE-----";

/// Checks the file in `SSL_CERT_FILE`, which replaces the authorities of the process.
///
/// # Errors
/// [`SettingError`] if the file cannot be read, or contains no valid certificate.
pub fn check_system_authorities(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(), SettingError> {
    let Some(path) = lookup(SYSTEM_FILE) else {
        return Ok(());
    };
    match read_system_file(&path) {
        Ok(_) => Ok(()),
        Err(problem) => Err(SettingError::document(
            SYSTEM_FILE,
            format!("{path}: {problem}"),
        )),
    }
}

/// Reads a file that replaces the authorities of the process. Invalid certificates are skipped, as
/// in the files of operating systems.
///
/// # Errors
/// The problem, if the file cannot be read or contains no valid certificate.
pub(crate) fn read_system_file(path: &str) -> Result<RootCertStore, String> {
    let pem = read_file(path)?;

    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if roots.is_empty() {
        return Err(NO_CERTIFICATE.to_owned());
    }
    Ok(roots)
}

fn read_file(path: &str) -> Result<Vec<u8>, String> {
    read_limited(Path::new(path), MAX_FILE_BYTES)
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// The problem, without the path.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|error| error.to_string())?;

    if u64::try_from(content.len()).is_ok_and(|bytes| bytes <= limit) {
        Ok(content)
    } else {
        Err(format!("larger than {limit} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = include_str!("../../../tests/vectors/tls/authority.pem");

    struct PemFile(std::path::PathBuf);

    impl PemFile {
        fn new(name: &str, content: &str) -> Self {
            let name = format!("tollgate-authorities-{}-{name}.pem", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, content).unwrap();
            Self(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for PemFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn problem(name: &str, content: &str) -> String {
        let file = PemFile::new(name, content);
        let error = ExtraAuthorities::read("EXTRA_CA_CERTS", file.path()).unwrap_err();
        let text = error.to_string();
        let place = format!("EXTRA_CA_CERTS: {}: ", file.path());
        text.strip_prefix(&place).unwrap_or(&text).to_owned()
    }

    #[test]
    fn file_may_contain_several_certificates_and_other_text() {
        let file = PemFile::new("two", &format!("# ours\n{AUTHORITY}\n\n{AUTHORITY}"));
        let authorities = ExtraAuthorities::read("EXTRA_CA_CERTS", file.path()).unwrap();
        assert_eq!((authorities.len(), authorities.is_empty()), (2, false));
        assert_eq!(format!("{authorities:?}"), "ExtraAuthorities(2)");
        assert!(ExtraAuthorities::default().is_empty());
    }

    #[test]
    fn error_names_the_file_and_the_certificate() {
        let missing = ExtraAuthorities::read("EXTRA_CA_CERTS", "/no/such.pem").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "EXTRA_CA_CERTS: /no/such.pem: No such file or directory (os error 2)"
        );

        for (name, content) in [("empty", ""), ("text", "not a certificate")] {
            assert_eq!(problem(name, content), NO_CERTIFICATE);
        }
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let text = problem("invalid", &format!("{AUTHORITY}{invalid}"));
        assert!(text.starts_with("certificate 2 is invalid: "), "{text}");
        let cut = &AUTHORITY[..AUTHORITY.len() / 2];
        let text = problem("cut", cut);
        assert!(text.starts_with("certificate 1 is invalid: "), "{text}");
    }

    fn check(path: &str) -> Result<(), SettingError> {
        check_system_authorities(|name| (name == SYSTEM_FILE).then(|| path.to_owned()))
    }

    #[test]
    fn file_of_the_system_needs_one_valid_certificate() {
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let mixed = PemFile::new("mixed", &format!("{invalid}{AUTHORITY}"));
        assert_eq!(check(mixed.path()), Ok(()));

        let none = PemFile::new("none", invalid);
        let error = check(none.path()).unwrap_err();
        assert!(error.to_string().ends_with(NO_CERTIFICATE), "{error}");
        let error = check("").unwrap_err();
        assert!(error.to_string().starts_with("SSL_CERT_FILE: "), "{error}");
    }
}
