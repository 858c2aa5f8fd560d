//! The authorizer as a Lambda function.

use std::sync::Arc;

use authorizer::{Authorizer, Config};
use calls::RecordLog;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let lookup = |name: &str| std::env::var(name).ok();
    let config = Config::from_lookup(lookup)?;
    let store = authorizer::open(&config.store, lookup, RecordLog::stdout()).await?;
    let authorizer = Arc::new(Authorizer::new(config, Arc::new(store)));
    run(service_fn(|event: LambdaEvent<Value>| {
        let authorizer = Arc::clone(&authorizer);
        async move { authorizer.handle(event.payload).await }
    }))
    .await
}
