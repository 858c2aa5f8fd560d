//! TLS settings of connections, and the authorities that they trust.
//!
//! A function trusts the authorities of Mozilla's root program, which are part of the program as
//! constants. Files of the system would have to be read and parsed, which takes longer than the
//! rest of startup. `SSL_CERT_FILE` replaces the built-in authorities.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use webpki_roots::TLS_SERVER_ROOTS;

use crate::authorities::{ExtraAuthorities, SYSTEM_FILE, read_system_file};

/// Returns the certificates of the authorities that the operating system trusts.
pub type SystemAuthorities = fn() -> Vec<CertificateDer<'static>>;

static SYSTEM: OnceLock<SystemAuthorities> = OnceLock::new();
static ROOTS: LazyLock<RootCertStore> = LazyLock::new(process_roots);
/// The settings without extra authorities. All pools share them, and so the sessions to resume.
static SHARED: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Makes this process trust the authorities of the operating system in place of the built-in ones.
///
/// This is for programs on a developer's machine, where companies install their own authorities.
/// `load` has to consider `SSL_CERT_FILE`. Call this before the first connection.
pub fn trust_system_authorities(load: SystemAuthorities) {
    // A second call changes nothing, because connections may exist.
    let _ = SYSTEM.set(load);
}

/// Returns the authorities that connections trust: those of the process and the extra ones.
#[must_use]
pub fn trusted_authorities(extra: &ExtraAuthorities) -> RootCertStore {
    let mut roots = ROOTS.clone();
    roots.extend(extra.anchors().iter().cloned());
    roots
}

/// Returns TLS settings without a client certificate. Without extra authorities, all callers share
/// them.
///
/// # Errors
/// [`rustls::Error`] if the TLS library does not support its own default versions.
pub fn tls_config(extra: &ExtraAuthorities) -> Result<Arc<ClientConfig>, rustls::Error> {
    if !extra.is_empty() {
        return new_config(extra);
    }
    if let Some(config) = SHARED.get() {
        return Ok(Arc::clone(config));
    }

    let config = new_config(extra)?;
    Ok(Arc::clone(SHARED.get_or_init(|| config)))
}

fn new_config(extra: &ExtraAuthorities) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted_authorities(extra))
        .with_no_client_auth();

    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Returns the authorities of the process. If their file cannot be used, no server is trusted.
fn process_roots() -> RootCertStore {
    if let Some(load) = SYSTEM.get() {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(load());
        if roots.is_empty() {
            tracing::error!("the operating system has no certificate authority, none is trusted");
        }
        return roots;
    }

    let Some(path) = std::env::var_os(SYSTEM_FILE) else {
        return TLS_SERVER_ROOTS.iter().cloned().collect();
    };
    let path = path.to_string_lossy();
    read_system_file(&path).unwrap_or_else(|problem| {
        tracing::error!(variable = SYSTEM_FILE, %path, %problem, "no certificate authority is trusted");
        RootCertStore::empty()
    })
}

/// TLS settings that are created with the first https connection. Clones share them.
#[derive(Clone)]
pub(crate) struct LazyTls {
    extra: Arc<ExtraAuthorities>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl LazyTls {
    /// Returns settings that also trust these authorities.
    pub(crate) fn new(extra: ExtraAuthorities) -> Self {
        Self {
            extra: Arc::new(extra),
            config: Arc::default(),
        }
    }

    /// Returns the settings, and creates them if this is the first call.
    ///
    /// # Errors
    /// The error of [`tls_config`].
    pub(crate) fn get(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }

        let config = tls_config(&self.extra)?;
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }
}

impl fmt::Debug for LazyTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_created = self.config.get().is_some();
        write!(formatter, "LazyTls({is_created})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_authorities_include_those_of_aws() {
        let roots = trusted_authorities(&ExtraAuthorities::default());
        let has = |name: &str| {
            let subjects = roots.roots.iter().map(|root| root.subject.as_ref());
            let name = name.as_bytes();
            subjects
                .into_iter()
                .any(|subject| subject.windows(name.len()).any(|part| part == name))
        };
        // Regions in China use DigiCert, all others Amazon.
        for name in [
            "Amazon Root CA 1",
            "Amazon Root CA 4",
            "Starfield Services Root Certificate Authority - G2",
            "DigiCert Global Root G2",
            "ISRG Root X1",
        ] {
            assert!(has(name), "{name}");
        }
    }

    #[test]
    fn settings_are_created_once_and_shared_unless_authorities_are_added() {
        let none = ExtraAuthorities::default();
        let (first, second) = (tls_config(&none).unwrap(), tls_config(&none).unwrap());
        assert!(Arc::ptr_eq(&first, &second));

        let lazy = LazyTls::new(none);
        assert_eq!(format!("{lazy:?}"), "LazyTls(false)");
        assert!(Arc::ptr_eq(&lazy.clone().get().unwrap(), &first));
        assert_eq!(format!("{lazy:?}"), "LazyTls(true)");
    }
}
