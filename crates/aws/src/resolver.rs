//! Name resolution within a [`Reach`].

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::address::Reach;
use crate::connect_error::{ForbiddenAddressError, ResolutionError};

/// A resolver that uses the system's and removes the addresses that must not be called.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    pub(crate) reach: Reach,
}

impl Resolver {
    /// Returns the admitted addresses of a name.
    ///
    /// # Errors
    /// [`ResolutionError`] if the name cannot be resolved, [`ForbiddenAddressError`] if no address
    /// is admitted.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, BoxError> {
        let addresses = tokio::net::lookup_host((name, 0)).await;
        let addresses = addresses.map_err(ResolutionError)?;

        let admitted: Vec<_> = addresses
            .map(|address| address.ip())
            .filter(|address| self.reach.admits(*address))
            .collect();

        if admitted.is_empty() {
            let reason = self.reach.refusal();
            Err(ForbiddenAddressError { reason }.into())
        } else {
            Ok(admitted)
        }
    }
}

/// For the connector of hyper, which fills in the port.
impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let admitted = resolver.resolve(name.as_str()).await?;
            let addresses = admitted.into_iter();
            let addresses: Vec<_> = addresses
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_outside_private_networks_are_not_resolved_for_plain_http() {
        let resolver = Resolver {
            reach: Reach::PrivateNetwork,
        };
        for name in ["localhost", "0x7f.1", "0x8080808", "169.254.43518"] {
            let error = resolver.resolve(name).await.unwrap_err();
            let found = telemetry::find_source::<ForbiddenAddressError>(&*error);
            assert!(
                found.is_some_and(|error| error.reason.starts_with("not a private address")),
                "{name}: {error:?}"
            );
        }

        let addresses = resolver.resolve("10.258").await.unwrap();
        assert_eq!(addresses, [std::net::IpAddr::from([10, 0, 1, 2])]);
    }

    #[tokio::test]
    async fn loopback_names_are_not_resolved_for_a_deployed_function() {
        for name in ["localhost", "0x7f.1", "2130706433"] {
            for reach in [Reach::Deployed, Reach::Services] {
                let error = Resolver { reach }.resolve(name).await.unwrap_err();
                assert!(
                    telemetry::find_source::<ForbiddenAddressError>(&*error).is_some(),
                    "{name}: {error:?}"
                );
            }
            assert!(
                Resolver {
                    reach: Reach::Local
                }
                .resolve(name)
                .await
                .is_ok(),
                "{name}"
            );
        }
    }
}
