//! The metrics publisher as a Lambda function.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use aws::Deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use metrics_publisher::{open, respond};
use serde_json::value::RawValue;
use telemetry::{RecordLog, log_panics, log_to};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    tracing::subscriber::set_global_default(log_to(
        ["metrics_publisher", "aws"],
        level.as_deref(),
        std::io::stdout,
    ))?;
    log_panics();
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
