//! Falling back from a VPC endpoint that does not connect to the public address.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::ErrorKind;
use http::Uri;
use telemetry::{EndpointKind, find_source};

use crate::connect_error::ConnectError;
use crate::endpoint::Endpoints;
use crate::record_interceptor::StoredRecord;
use crate::retry::Retries;

/// The time for which a private address is avoided after a connect timeout, so that not every call
/// waits for it. An address that refuses connections costs no time and is always tried.
const AVOIDANCE_TIME: Duration = Duration::from_secs(30);

/// The SDK interceptor and retry classifier that select the address of each attempt of a client.
///
/// The address is changed before each attempt is signed, so that the signature covers the called
/// host. Falling back is an immediate second attempt of the SDK within the same operation timeout.
#[derive(Debug, Clone)]
pub(crate) struct EndpointFallback {
    private: Option<Uri>,
    falls_back: bool,
    retries: Retries,
    avoided_since: Arc<Mutex<Option<Instant>>>,
}

/// A marker in the state of a call whose private address did not connect.
#[derive(Debug)]
struct PrivateEndpointFailure;

impl Storable for PrivateEndpointFailure {
    type Storer = StoreReplace<Self>;
}

impl EndpointFallback {
    /// Returns the interceptor for a client of one service.
    pub(crate) fn new(endpoints: &Endpoints, service: &str, retries: Retries) -> Self {
        Self {
            private: endpoints.private(service).cloned(),
            falls_back: endpoints.falls_back(service),
            retries,
            avoided_since: Arc::default(),
        }
    }

    /// Returns the private address, or `None` if the next attempt goes to the public one.
    fn private_target(&self, not_connected: bool, now: Instant) -> Option<&Uri> {
        let is_avoided = self.falls_back && (not_connected || self.is_avoided(now));
        self.private.as_ref().filter(|_| !is_avoided)
    }

    fn is_avoided(&self, now: Instant) -> bool {
        let since = *self
            .avoided_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_duration_since(since) < AVOIDANCE_TIME)
    }

    fn avoid(&self, now: Instant) {
        *self
            .avoided_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
        tracing::warn!(
            for_s = AVOIDANCE_TIME.as_secs(),
            "VPC endpoint does not respond, calls go to the public address"
        );
    }

    /// Returns the failure to connect to the private address, if there is a fallback for it.
    fn private_connect_error<'a>(
        &self,
        error: Option<&'a (dyn std::error::Error + 'static)>,
    ) -> Option<&'a ConnectError> {
        error
            .and_then(find_source::<ConnectError>)
            .filter(|failed| self.falls_back && failed.endpoint == EndpointKind::Vpce)
    }
}

impl Intercept for EndpointFallback {
    fn name(&self) -> &'static str {
        "EndpointFallback"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = self.private_target(
            cfg.load::<PrivateEndpointFailure>().is_some(),
            Instant::now(),
        );
        let endpoint = if target.is_some() {
            EndpointKind::Vpce
        } else {
            EndpointKind::Public
        };

        if let Some(StoredRecord(record)) = cfg.get_mut_from_interceptor_state() {
            record.set_endpoint(endpoint);
        }

        let request = context.request_mut();
        if let Some(target) = target {
            let uri = with_target(target, request.uri())?;
            request.set_uri(uri)?;
        }
        request.add_extension(endpoint);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context
            .output_or_error()
            .and_then(Result::err)
            .and_then(|error| error.as_connector_error());
        let Some(failed) = self.private_connect_error(error.map(|error| error as _)) else {
            return Ok(());
        };

        if failed.timed_out {
            self.avoid(Instant::now());
        }
        cfg.interceptor_state().store_put(PrivateEndpointFailure);
        Ok(())
    }
}

impl ClassifyRetry for EndpointFallback {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };

        let error = error.as_connector_error().map(|error| error as _);
        match (self.private_connect_error(error), self.retries) {
            (Some(_), _) => RetryAction::retryable_error_with_explicit_delay(
                ErrorKind::TransientError,
                Duration::ZERO,
            ),
            (None, Retries::Off) => RetryAction::RetryForbidden,
            (None, Retries::Standard) => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "EndpointFallback"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Returns a URI with the scheme and authority of `target`, and the path and query of `uri`.
fn with_target(target: &Uri, uri: &str) -> Result<Uri, http::Error> {
    let mut parts = uri.parse::<Uri>()?.into_parts();
    parts.scheme = target.scheme().cloned();
    parts.authority = target.authority().cloned();
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint_fallback(on: &str) -> EndpointFallback {
        let endpoints = Endpoints::from_settings(|name| {
            Some(match name {
                "AWS_REGION" => "eu-central-1".to_owned(),
                "USE_VPC_ENDPOINT" => "true".to_owned(),
                "VPC_ENDPOINT_URLS" => r#"{"dynamodb":"https://vpce-1.example"}"#.to_owned(),
                "FALLBACK_TO_PUBLIC" => on.to_owned(),
                _ => return None,
            })
        });
        EndpointFallback::new(&endpoints.unwrap(), "dynamodb", Retries::Standard)
    }

    #[test]
    fn private_address_is_avoided_for_30_seconds_after_a_timeout() {
        let (fallback, now) = (endpoint_fallback("true"), Instant::now());
        assert!(fallback.private_target(false, now).is_some());

        fallback.avoid(now);

        assert!(
            fallback
                .private_target(false, now + AVOIDANCE_TIME - Duration::from_millis(1))
                .is_none()
        );
        assert!(
            fallback
                .private_target(false, now + AVOIDANCE_TIME)
                .is_some()
        );
    }

    #[test]
    fn without_fallback_only_the_private_address_is_called() {
        let (fallback, now) = (endpoint_fallback("false"), Instant::now());
        assert!(fallback.private_target(true, now).is_some());
    }

    #[test]
    fn path_and_query_are_kept_when_the_address_changes() {
        let target = "https://vpce-1.example:8443".parse().unwrap();
        let uri = with_target(
            &target,
            "http://dynamodb.eu-central-1.amazonaws.com/a/b?c=d",
        )
        .unwrap();

        assert_eq!(uri, "https://vpce-1.example:8443/a/b?c=d");
    }
}
