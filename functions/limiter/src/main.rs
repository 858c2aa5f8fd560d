//! The Lambda function of the limiter.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use limiter::{Config, Limiter, handle_event, open};
use otlp::{FlushLayer, Service};
use serde_json::Value;
use telemetry::{Invocation, RecordLog, Trigger, exit_code, start_log};

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
    start_log(
        ["limiter", "aws", "dynamodb", "registry", "store"],
        variable,
    )?;
    aws::check_system_authorities(variable)?;
    let otlp = otlp::start_in_function(variable, SERVICE);

    let config = Config::from_lookup(variable)?;
    let records = RecordLog::stdout().aggregated();
    let store = Arc::new(open(&config.store, variable, records.clone()).await?);
    let limiter = Limiter::new(store, config.key_header)
        .with_policy_in_use(config.policy_in_use)
        .with_composer(config.composer)
        .with_rate_limit_headers(config.rate_limit_headers);
    let limiter = Arc::new(limiter);

    let handler = service_fn(|event: LambdaEvent<Value>| {
        records.flush_ended_minutes(SystemTime::now());
        let invocation = Invocation::new(&event.context.request_id, Trigger::Http);
        invocation.run(handle_event(Arc::clone(&limiter), event.payload))
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(FlushLayer::new(otlp)).run().await
}
