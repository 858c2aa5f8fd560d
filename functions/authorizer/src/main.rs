//! The authorizer as a Lambda function.

use std::sync::Arc;

use authorizer::{Authorizer, Config, http_calls};
use calls::RecordLog;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;
use usage::EmbeddedStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let mut config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let seeds = config.embedded_store.take().ok_or("EMBEDDED_STORE is not set: there is no other store yet")?;
    let store = Arc::new(EmbeddedStore::new(&seeds)?);
    let authorizer = Arc::new(Authorizer::new(config, store, || http_calls(RecordLog::stdout())));
    authorizer.preload().await;
    run(service_fn(|event: LambdaEvent<Value>| {
        let authorizer = Arc::clone(&authorizer);
        async move { authorizer.handle(event.payload).await }
    }))
    .await
}
