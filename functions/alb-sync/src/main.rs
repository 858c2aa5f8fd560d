//! alb-sync as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use alb_sync::{AlbSync, Config};
use aws::Deadline;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use otlp::{FlushLayer, Service};
use serde_json::Value;
use telemetry::{
    Invocation, RecordLog, RequestId, RequestScope, Trigger, exit_code, on_current_span, start_log,
};

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
    start_log(["alb_sync", "aws", "dynamodb"], variable)?;
    aws::check_system_authorities(variable)?;
    let otlp = otlp::start_in_function(variable, SERVICE);
    let config = Config::from_lookup(variable).map_err(|error| error.to_string())?;
    let records = RecordLog::stdout().aggregated();
    let sync = Arc::new(AlbSync::open(config, variable, records).await?);
    let handler = service_fn(|event: LambdaEvent<Value>| {
        let invocation = Invocation::new(&event.context.request_id, Trigger::Timer);
        let scope = RequestScope {
            request_id: RequestId::parse(&event.context.request_id),
            traceparent: None,
        };
        let deadline =
            Deadline::of_invocation(event.context.deadline, SystemTime::now(), Instant::now());
        let sync = Arc::clone(&sync);
        invocation.run(scope.serve("alb-sync", async move {
            let result = sync.handle(&event.payload, deadline).await;
            result.inspect_err(|_| on_current_span(|span| span.fail("fault")))
        }))
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(FlushLayer::new(otlp)).run().await
}
