//! The way of each attempt: to the VPC endpoint or to the public address, and from the one to the
//! other.

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

/// How long a private address that did not answer a connect is left alone, so that not every call
/// waits for it. One that refuses costs nothing and is asked each time.
const AVOIDANCE_TIME: Duration = Duration::from_secs(30);

/// The way of one client's calls, as the SDK's interceptor and retry classifier.
///
/// The address is changed before signing, in each attempt anew, so that the signature always covers
/// the host that is called. Falling back is a second attempt of the SDK's own, at once, inside the
/// same operation time-out.
#[derive(Debug, Clone)]
pub(crate) struct EndpointFallback {
    private: Option<Uri>,
    falls_back: bool,
    retries: Retries,
    avoided_since: Arc<Mutex<Option<Instant>>>,
}

/// Stands in a call's state once its private address did not connect.
#[derive(Debug)]
struct PrivateEndpointFailure;

impl Storable for PrivateEndpointFailure {
    type Storer = StoreReplace<Self>;
}

impl EndpointFallback {
    /// The way of the calls of one service's client.

    pub(crate) fn new(endpoints: &Endpoints, service: &str, retries: Retries) -> Self {
        Self {
            private: endpoints.private(service).cloned(),
            falls_back: endpoints.falls_back(service),
            retries,
            avoided_since: Arc::default(),
        }
    }

    fn target(&self, not_connected: bool, now: Instant) -> Option<&Uri> {
        let avoided = self.falls_back && (not_connected || self.avoided(now));
        self.private.as_ref().filter(|_| !avoided)
    }

    fn avoided(&self, now: Instant) -> bool {
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
            "VPC endpoint does not answer; calls go to the public address"
        );
    }

    /// The failure to connect to the private address for which this route has another one.
    fn unconnected<'a>(
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
        let target = self.target(
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
            let uri = at(target, request.uri())?;
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
        let Some(failed) = self.unconnected(error.map(|error| error as _)) else {
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
        match (self.unconnected(error), self.retries) {
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

/// The same path and query at another address.
fn at(target: &Uri, uri: &str) -> Result<Uri, http::Error> {
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
    fn a_private_address_that_did_not_answer_is_left_alone_for_30_seconds() {
        let (fallback, now) = (endpoint_fallback("true"), Instant::now());
        assert!(fallback.target(false, now).is_some());
        fallback.avoid(now);
        assert!(
            fallback
                .target(false, now + AVOIDANCE_TIME - Duration::from_millis(1))
                .is_none()
        );
        assert!(fallback.target(false, now + AVOIDANCE_TIME).is_some());
    }

    #[test]
    fn without_fallback_only_the_private_address_is_called() {
        let (fallback, now) = (endpoint_fallback("false"), Instant::now());
        assert!(fallback.target(true, now).is_some());
    }

    #[test]
    fn path_and_query_stay_when_the_address_changes() {
        let target = "https://vpce-1.example:8443".parse().unwrap();
        let uri = at(
            &target,
            "http://dynamodb.eu-central-1.amazonaws.com/a/b?c=d",
        )
        .unwrap();
        assert_eq!(uri, "https://vpce-1.example:8443/a/b?c=d");
    }
}
