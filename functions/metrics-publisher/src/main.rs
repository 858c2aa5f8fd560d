//! The metrics publisher as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use aws::Deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use metrics_publisher::{open, respond};
use serde_json::value::RawValue;
use telemetry::{RecordLog, exit_code, start_log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

/// Serves events until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    start_log(["metrics_publisher", "aws", "dynamodb"], variable)?;
    let records = RecordLog::stdout().aggregated();
    let publisher = Arc::new(open(variable, records.clone()).await?);
    run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        records.flush_ended_minutes(SystemTime::now());
        let deadline =
            Deadline::of_invocation(event.context.deadline, SystemTime::now(), Instant::now());
        respond(Arc::clone(&publisher), event.payload, deadline)
    }))
    .await
}
