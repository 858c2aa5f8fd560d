//! HTTP clients with the proxy, the certificate authorities and the client certificate of an
//! operator.

use std::io;
use std::time::Duration;

use aws::{Connections, ExtraAuthorities, HttpCalls, Proxy};
use http::Uri;
use telemetry::RecordLog;

use crate::client_certificate::{CertificateError, any_tls_config, tls_config};
use crate::error::ClientError;
use crate::hyper_client::{self, HeaderCase};
use crate::options::TargetOptions;
use crate::target::BaseUrl;

/// The time for name resolution, TCP and TLS, also from far away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// The largest response. API Gateway sends at most 10 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The settings of all connections.
#[derive(Debug)]
pub(crate) struct Network {
    proxy: Option<Proxy>,
    authorities: ExtraAuthorities,
}

impl Network {
    /// Reads the proxy and the certificate authorities of the environment.
    ///
    /// # Errors
    /// [`ClientError`] for the first invalid setting.
    pub(crate) fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ClientError> {
        let proxy = Proxy::from_lookup(&lookup)?;
        aws::check_system_authorities(&lookup)?;
        let authorities = match lookup("EXTRA_CA_CERTS").filter(|path| !path.is_empty()) {
            Some(path) => ExtraAuthorities::read("EXTRA_CA_CERTS", &path)?,
            None => ExtraAuthorities::default(),
        };
        Ok(Self { proxy, authorities })
    }

    /// Returns an HTTP client without a client certificate.
    pub(crate) fn http_calls(&self) -> HttpCalls {
        let connections = Connections::through(self.proxy.as_ref(), CONNECT_TIMEOUT);
        http_calls(connections.trusting(&self.authorities))
    }

    /// Returns an HTTP client for an API, with the certificate of the options if they have one.
    ///
    /// # Errors
    /// [`CertificateError`] if the certificate cannot be used.
    pub(crate) fn http_calls_to(
        &self,
        api: &BaseUrl,
        options: &TargetOptions,
    ) -> Result<HttpCalls, CertificateError> {
        let Some(tls) = tls_config(options, &self.authorities)? else {
            return Ok(self.http_calls());
        };
        let url = api.as_str().parse::<Uri>().ok();
        let url = url.filter(|url| url.scheme_str() == Some("https"));
        let url = url.ok_or(CertificateError::PlainHttp)?;

        let proxy = self.proxy.as_ref();
        let case = HeaderCase::Lower;
        let connections = hyper_client::connections(tls, proxy, &url, CONNECT_TIMEOUT, case)?;
        Ok(http_calls(connections))
    }

    /// Returns an HTTP client for requests without a body to an API, which sends the names of
    /// headers in upper case.
    ///
    /// # Errors
    /// [`CertificateError`] if the certificate of the options cannot be used.
    pub(crate) fn upper_case_calls_to(
        &self,
        api: &BaseUrl,
        options: &TargetOptions,
    ) -> Result<HttpCalls, CertificateError> {
        let tls = any_tls_config(options, &self.authorities)?;
        let url = api.as_str().parse().unwrap_or_default();
        let (proxy, case) = (self.proxy.as_ref(), HeaderCase::Upper);
        let connections = hyper_client::connections(tls, proxy, &url, CONNECT_TIMEOUT, case)?;
        Ok(http_calls(connections))
    }

    /// True if requests to an API go through a proxy.
    pub(crate) fn has_proxy_for(&self, api: &BaseUrl) -> bool {
        let url = api.as_str().parse::<Uri>().unwrap_or_default();
        let proxy = self.proxy.as_ref();
        proxy.and_then(|proxy| proxy.route(&url)).is_some()
    }
}

fn http_calls(connections: Connections) -> HttpCalls {
    HttpCalls::new(connections, RecordLog::to(io::sink()), MAX_BODY_BYTES)
}
