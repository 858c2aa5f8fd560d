//! The metrics publisher as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use aws::Deadline;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use metrics_publisher::{open, respond};
use otlp::{FlushLayer, Service};
use serde_json::value::RawValue;
use telemetry::{Invocation, RecordLog, RequestId, RequestScope, Trigger, exit_code, start_log};

/// The name and version of the service in traces and metrics.
const SERVICE: Service<'_> = Service {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

/// Serves events until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    start_log(["metrics_publisher", "aws", "dynamodb"], variable)?;
    aws::check_system_authorities(variable)?;
    let otlp = otlp::start_in_function(variable, SERVICE);
    let records = RecordLog::stdout().aggregated();
    let publisher = Arc::new(open(variable, records.clone()).await?);
    let handler = service_fn(|event: LambdaEvent<Box<RawValue>>| {
        records.flush_ended_minutes(SystemTime::now());
        let invocation = Invocation::new(&event.context.request_id, Trigger::PubSub);
        let scope = RequestScope {
            request_id: RequestId::parse(&event.context.request_id),
            traceparent: None,
        };
        let deadline =
            Deadline::of_invocation(event.context.deadline, SystemTime::now(), Instant::now());
        let request_id = event.context.request_id;
        let response = respond(Arc::clone(&publisher), event.payload, request_id, deadline);
        invocation.run(scope.carry_into(response))
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(FlushLayer::new(otlp)).run().await
}
