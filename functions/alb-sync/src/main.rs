//! alb-sync as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use alb_sync::{AlbSync, Config};
use aws::Deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use telemetry::{RecordLog, RequestId, RequestScope, exit_code, start_log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

/// Serves events until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    start_log(["alb_sync", "aws", "dynamodb"], variable)?;
    let config = Config::from_lookup(variable).map_err(|error| error.to_string())?;
    let records = RecordLog::stdout().aggregated();
    let sync = Arc::new(AlbSync::open(config, variable, records).await?);
    run(service_fn(|event: LambdaEvent<Value>| {
        let scope = RequestScope {
            request_id: RequestId::parse(&event.context.request_id),
            traceparent: None,
        };
        let deadline =
            Deadline::of_invocation(event.context.deadline, SystemTime::now(), Instant::now());
        let sync = Arc::clone(&sync);
        scope.serve("alb-sync", async move {
            sync.handle(&event.payload, deadline).await
        })
    }))
    .await
}
