//! The SDK interceptor that writes a call record for each AWS call.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry;
use telemetry::{ErrorKind, OpenRecord, RecordLog, TRACEPARENT, is_traced, propagates};

use crate::error_code::CONDITION_FAILED;
use crate::error_response::ErrorResponse;
use crate::failure::Failure;
use crate::span_attributes::{describe_aws_call, describe_aws_request};

/// Writes one record per operation of a client; see [`ServiceConfig`](crate::ServiceConfig).
#[derive(Debug, Clone)]
pub(crate) struct RecordInterceptor {
    service: &'static str,
    log: RecordLog,
}

impl RecordInterceptor {
    /// Returns an interceptor that records calls under the name of the service's endpoint.
    pub(crate) const fn new(service: &'static str, log: RecordLog) -> Self {
        Self { service, log }
    }
}

/// The record of the current operation in the SDK's configuration.
#[derive(Debug)]
pub(crate) struct StoredRecord(pub(crate) OpenRecord);

impl Storable for StoredRecord {
    type Storer = StoreReplace<Self>;
}

impl Intercept for RecordInterceptor {
    fn name(&self) -> &'static str {
        "RecordInterceptor"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state()
            .store_put(StoredRecord(self.log.begin(self.service, "-")));
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = cfg
            .load::<Metadata>()
            .map(|metadata| metadata.name().to_owned());
        if let Some(StoredRecord(record)) = cfg.get_mut_from_interceptor_state() {
            operation
                .into_iter()
                .for_each(|name| record.set_operation(name));
            record.begin_attempt();
        }
        Ok(())
    }

    /// Adds `traceparent` after the request was signed, so that the signature does not cover it: a
    /// proxy may change it.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !is_traced() {
            return Ok(());
        }
        let Some(StoredRecord(record)) = cfg.get_mut_from_interceptor_state() else {
            return Ok(());
        };

        let request = context.request_mut();
        describe_aws_request(record.span(), &request.uri().parse().unwrap_or_default());
        if let Some(trace) = record.span().context().filter(|_| propagates()) {
            request.headers_mut().insert(TRACEPARENT, trace.to_string());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = if is_traced() {
            cfg.load::<Metadata>().cloned()
        } else {
            None
        };
        if let Some(record) = named_record(cfg) {
            if let Some(operation) = operation {
                describe_aws_call(record.span(), self.service, &operation, context.response());
            }
            record.write(outcome(context, components));
        }
        Ok(())
    }
}

/// Returns the record with the name of the operation, which the SDK does not know when the record
/// begins.
fn named_record(cfg: &mut ConfigBag) -> Option<&mut OpenRecord> {
    let name = cfg.load::<Metadata>()?.name().to_owned();
    let StoredRecord(record) = cfg.get_mut_from_interceptor_state()?;
    record.set_operation(name);
    Some(record)
}

fn outcome(
    context: &FinalizerInterceptorContextRef<'_>,
    components: &RuntimeComponents,
) -> Result<(), ErrorKind> {
    let error = match context.output_or_error() {
        Some(Ok(_)) => return Ok(()),
        Some(Err(error)) => error,
        None => return Err(ErrorKind::Unknown),
    };

    if error.is_timeout_error() {
        return Err(ErrorKind::Timeout);
    }
    if let Some(error) = error.as_connector_error() {
        return Err(Failure::of_connector(error).kind);
    }

    let response = context.response().filter(|_| error.is_operation_error());
    let Some(response) = response else {
        return Err(ErrorKind::Unknown);
    };
    let error = ErrorResponse::of_sdk(response);
    if error.code.as_deref() == Some(CONDITION_FAILED) {
        return Ok(());
    }
    if is_throttled(context, components) {
        return Err(ErrorKind::Throttling);
    }
    Err(error.kind(response.status().as_u16()))
}

/// True if a retry classifier of the SDK, which knows the operation's error type, finds a throttle.
fn is_throttled(
    context: &FinalizerInterceptorContextRef<'_>,
    components: &RuntimeComponents,
) -> bool {
    components.retry_classifiers().any(|classifier| {
        matches!(
            classifier.classify_retry(context.inner()),
            RetryAction::RetryIndicated(RetryReason::RetryableError {
                kind: retry::ErrorKind::ThrottlingError,
                ..
            })
        )
    })
}
