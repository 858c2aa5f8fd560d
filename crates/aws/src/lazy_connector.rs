//! A connector that is created with the first call.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

type Create = dyn Fn() -> SharedHttpConnector + Send + Sync;

/// A connector that is created with the first call, because creating one reads the root
/// certificates. Clones share it.
#[derive(Clone)]
pub(crate) struct LazyConnector {
    create: Arc<Create>,
    created: Arc<OnceLock<SharedHttpConnector>>,
}

impl LazyConnector {
    /// Returns a connector that `create` creates.
    pub(crate) fn new(create: impl Fn() -> SharedHttpConnector + Send + Sync + 'static) -> Self {
        Self {
            create: Arc::new(create),
            created: Arc::default(),
        }
    }

    /// Returns a connector that has been created.
    pub(crate) fn created(connector: impl HttpConnector + 'static) -> Self {
        let connector = SharedHttpConnector::new(connector);
        let created = OnceLock::from(connector.clone());
        Self {
            create: Arc::new(move || connector.clone()),
            created: Arc::new(created),
        }
    }

    /// Returns the connector, and creates it if this is the first call.
    pub(crate) fn get(&self) -> &SharedHttpConnector {
        self.created.get_or_init(|| (self.create)())
    }
}

impl HttpConnector for LazyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.get().call(request)
    }
}

impl fmt::Debug for LazyConnector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_created = self.created.get().is_some();
        write!(formatter, "LazyConnector({is_created})")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[derive(Debug)]
    struct Unreachable;

    impl HttpConnector for Unreachable {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::ready(Err(ConnectorError::io("unreachable".into())))
        }
    }

    #[tokio::test]
    async fn connector_is_created_once_with_the_first_call() {
        let created = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&created);
        let connector = LazyConnector::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            SharedHttpConnector::new(Unreachable)
        });
        let clone = connector.clone();
        assert_eq!(created.load(Ordering::SeqCst), 0);

        for connector in [&connector, &clone, &connector] {
            assert!(connector.call(HttpRequest::empty()).await.is_err());
        }
        assert_eq!(created.load(Ordering::SeqCst), 1);
    }
}
