//! A client certificate, for an API with mutual TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::ExtraAuthorities;
use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder};

use crate::options::TargetOptions;

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A client certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Only one of the two options is given.
    #[error("--cert and --key: expected both of them")]
    Incomplete,
    /// A file is invalid.
    #[error("{option} {path}: {problem}", path = path.display())]
    File {
        /// The option that names the file.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// The problem, and the expected form.
        problem: String,
    },
    /// The key does not belong to the certificate.
    #[error("--cert and --key: {0}")]
    Mismatch(rustls::Error),
    /// The API is reached without TLS.
    #[error("--cert: expected an https URL")]
    PlainHttp,
    /// The proxy is itself reached by TLS.
    #[error("HTTPS_PROXY: expected http://HOST:PORT together with --cert")]
    Proxy,
}

/// Returns the TLS settings with the certificate of the options, or `None` if they have none.
///
/// # Errors
/// [`CertificateError`] if a file is invalid, or the key belongs to another certificate.
pub(crate) fn tls_config(
    options: &TargetOptions,
    authorities: &ExtraAuthorities,
) -> Result<Option<ClientConfig>, CertificateError> {
    let (certificate, key) = match (&options.certificate, &options.private_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Err(CertificateError::Incomplete),
    };

    let chain = read_chain(certificate)?;
    let key = read_key(key)?;
    let config = builder(authorities)?
        .with_client_auth_cert(chain, key)
        .map_err(CertificateError::Mismatch)?;
    Ok(Some(config))
}

/// Returns the TLS settings with the certificate of the options, if they have one.
///
/// # Errors
/// See [`tls_config`].
pub(crate) fn any_tls_config(
    options: &TargetOptions,
    authorities: &ExtraAuthorities,
) -> Result<ClientConfig, CertificateError> {
    match tls_config(options, authorities)? {
        Some(config) => Ok(config),
        None => Ok(builder(authorities)?.with_no_client_auth()),
    }
}

fn builder(
    authorities: &ExtraAuthorities,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, CertificateError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Mismatch)?;
    Ok(builder.with_root_certificates(aws::trusted_authorities(authorities)))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let error = |problem: String| CertificateError::File {
        option: "--cert",
        path: path.to_owned(),
        problem,
    };
    let pem = aws::read_limited(path, MAX_FILE_BYTES).map_err(error)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|problem| error(format!("invalid certificate: {problem}")))?;

    if chain.is_empty() {
        let expected = "no certificate found, expected a PEM block CERTIFICATE";
        return Err(error(expected.to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let error = |problem: String| CertificateError::File {
        option: "--key",
        path: path.to_owned(),
        problem,
    };
    let pem = aws::read_limited(path, MAX_FILE_BYTES).map_err(error)?;
    let is_encrypted = pem
        .windows(ENCRYPTED.len())
        .any(|part| part == ENCRYPTED.as_bytes());
    if is_encrypted {
        let expected = "the key is encrypted, expected one without a passphrase";
        return Err(error(expected.to_owned()));
    }

    PrivateKeyDer::from_pem_slice(&pem).map_err(|problem| match problem {
        PemError::NoItemsFound => {
            error("no key found, expected a PEM block PRIVATE KEY".to_owned())
        }
        problem => error(format!("invalid key: {problem}")),
    })
}

/// The words in a PEM file with an encrypted key.
const ENCRYPTED: &str = "ENCRYPTED";

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/tls");
        folder.join(name)
    }

    fn config(certificate: Option<&str>, key: Option<&str>) -> Result<bool, String> {
        let options = TargetOptions {
            certificate: certificate.map(vector),
            private_key: key.map(vector),
            ..TargetOptions::default()
        };
        let config = tls_config(&options, &ExtraAuthorities::default());
        config
            .map(|config| config.is_some_and(|config| config.client_auth_cert_resolver.has_certs()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn certificate_and_key_belong_together() {
        assert_eq!(config(None, None), Ok(false));
        assert_eq!(config(Some("client.pem"), Some("client.key")), Ok(true));

        let incomplete = "--cert and --key: expected both of them";
        assert_eq!(config(Some("client.pem"), None).unwrap_err(), incomplete);
        assert_eq!(config(None, Some("client.key")).unwrap_err(), incomplete);
        let mismatch = config(Some("client.pem"), Some("server.key")).unwrap_err();
        assert!(mismatch.starts_with("--cert and --key: "), "{mismatch}");
    }

    #[test]
    fn invalid_files_are_named_with_their_option() {
        for (certificate, key, expected) in [
            ("none.pem", "client.key", "none.pem: No such file"),
            (
                "client.key",
                "client.key",
                "client.key: no certificate found",
            ),
            ("client.pem", "client.pem", "client.pem: no key found"),
        ] {
            let error = config(Some(certificate), Some(key)).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(
                error.starts_with("--cert ") || error.starts_with("--key "),
                "{error}"
            );
        }
    }
}
