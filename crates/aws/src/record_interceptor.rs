//! The call record of every AWS call, by the SDK's own hooks.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry;
use telemetry::{ErrorKind, OpenRecord, RecordLog};

use crate::error_code::{CONDITION_FAILED, error_code};
use crate::failure::Failure;

/// Writes one record an operation of one service's client; see
/// [`ServiceConfig`](crate::ServiceConfig).
#[derive(Debug, Clone)]
pub(crate) struct RecordInterceptor {
    service: &'static str,
    log: RecordLog,
}

impl RecordInterceptor {
    /// Records under the name of the service's endpoint.
    pub(crate) const fn new(service: &'static str, log: RecordLog) -> Self {
        Self { service, log }
    }
}

/// The record of the operation under way, as the SDK's configuration stores it.
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

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(record) = named_record(cfg) {
            record.write(outcome(context, components));
        }
        Ok(())
    }
}

/// The call's record, with the operation's name, which the SDK knows only after the record has
/// begun.
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
    let answer = context.response().filter(|_| error.is_operation_error());
    let Some(answer) = answer else {
        return Err(ErrorKind::Unknown);
    };
    if error_code(answer).as_deref() == Some(CONDITION_FAILED) {
        return Ok(());
    }
    if throttled(context, components) {
        return Err(ErrorKind::Throttling);
    }
    Err(Failure::of_status(answer.status().as_u16())
        .map_or(ErrorKind::Unknown, |failure| failure.kind))
}

/// Returns true if one of the SDK's classifiers, which know the operation's error type, classifies
/// the error as a throttle.
fn throttled(context: &FinalizerInterceptorContextRef<'_>, components: &RuntimeComponents) -> bool {
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
