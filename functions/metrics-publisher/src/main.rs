//! The metrics publisher as a Lambda function.

use std::time::{Instant, SystemTime};

use calls::{Deadline, RecordLog};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use metrics_publisher::{Failure, log_to, open};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    tracing::subscriber::set_global_default(log_to(level.as_deref(), std::io::stdout))?;
    let publisher = &open(variable, RecordLog::stdout()).await?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let deadline = Deadline::of_invocation(event.context.deadline, SystemTime::now(), Instant::now());
        let answer = publisher.handle(event.payload.get(), deadline).await;
        answer.inspect_err(|error: &Failure| tracing::error!(reason = "fault", %error, "not published"))
    }))
    .await
}
