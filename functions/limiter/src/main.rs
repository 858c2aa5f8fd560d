//! The Lambda function of the limiter.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use limiter::{Config, Limiter, handle_event, open};
use serde_json::Value;
use telemetry::{RecordLog, exit_code, start_log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

/// Serves events until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    start_log(
        ["limiter", "aws", "dynamodb", "registry", "store"],
        variable,
    )?;

    let config = Config::from_lookup(variable)?;
    let records = RecordLog::stdout().aggregated();
    let store = Arc::new(open(&config.store, variable, records.clone()).await?);
    let limiter = Limiter::new(store, config.key_header)
        .with_policy_in_use(config.policy_in_use)
        .with_rate_limit_headers(config.rate_limit_headers);
    let limiter = Arc::new(limiter);

    run(service_fn(|event: LambdaEvent<Value>| {
        records.flush_ended_minutes(SystemTime::now());
        handle_event(Arc::clone(&limiter), event.payload)
    }))
    .await
}
