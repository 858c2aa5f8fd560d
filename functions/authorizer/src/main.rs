//! The authorizer as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use authorizer::{
    Authorizer, Config, InvocationBody, OWN_CRATES, PolicyLoadError, http_calls, invoke, open,
    reach,
};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use otlp::{FlushLayer, Service};
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
    start_log(OWN_CRATES, variable)?;
    aws::check_system_authorities(variable)?;
    let otlp = otlp::start_in_function(variable, SERVICE);

    let config = Config::from_lookup(variable)?;
    let records = RecordLog::stdout().aggregated();
    let opened = open(&config.store, variable, records.clone()).await?;
    let authorities = config.authorities.clone();
    let shared_records = records.clone();
    let calls = move || http_calls(shared_records.clone(), reach(variable)).trusting(&authorities);
    let authorizer = Arc::new(Authorizer::new(config, Arc::new(opened.store), calls));

    let prepare = async {
        authorizer.load_policy().await?;
        authorizer.preload().await;
        Ok::<_, PolicyLoadError>(())
    };
    let (prepared, ()) = tokio::join!(prepare, opened.connect);
    // A failed startup ends the process, and an instance may serve a single request.
    records.flush();
    prepared?;

    let body = InvocationBody::default();
    let handler = service_fn(|event: LambdaEvent<()>| {
        records.flush_ended_minutes(SystemTime::now());
        let invocation = Invocation::new(&event.context.request_id, Trigger::Http);
        invocation.run(invoke(Arc::clone(&authorizer), body.take()))
    });
    let runtime = Runtime::new(handler).layer(body.clone());
    let runtime = runtime.layer(TracingLayer::new());
    runtime.layer(FlushLayer::new(otlp)).run().await
}
