//! Name resolution within a [`Reach`].

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::address::Reach;
use crate::connect_error::{ForbiddenAddressError, ResolutionError};

/// A resolver that uses the system's and removes the addresses that must not be called.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    pub(crate) reach: Reach,
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await;
            let addresses =
                addresses.map_err(|error| ResolveDnsError::new(ResolutionError(error)))?;

            let admitted: Vec<_> = addresses
                .map(|address| address.ip())
                .filter(|address| self.reach.admits(*address))
                .collect();

            if admitted.is_empty() {
                Err(ResolveDnsError::new(ForbiddenAddressError {
                    reason: self.reach.refusal(),
                }))
            } else {
                Ok(admitted)
            }
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
            let error = resolver.resolve_dns(name).await.unwrap_err();
            let found = telemetry::find_source::<ForbiddenAddressError>(&error);
            assert!(
                found.is_some_and(|error| error.reason.starts_with("not a private address")),
                "{name}: {error:?}"
            );
        }

        let addresses = resolver.resolve_dns("10.258").await.unwrap();
        assert_eq!(addresses, [std::net::IpAddr::from([10, 0, 1, 2])]);
    }

    #[tokio::test]
    async fn loopback_names_are_not_resolved_for_a_deployed_function() {
        for name in ["localhost", "0x7f.1", "2130706433"] {
            for reach in [Reach::Deployed, Reach::Services] {
                let error = Resolver { reach }.resolve_dns(name).await.unwrap_err();
                assert!(
                    telemetry::find_source::<ForbiddenAddressError>(&error).is_some(),
                    "{name}: {error:?}"
                );
            }
            assert!(
                Resolver {
                    reach: Reach::Local
                }
                .resolve_dns(name)
                .await
                .is_ok(),
                "{name}"
            );
        }
    }
}
