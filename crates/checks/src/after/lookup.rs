//! Lookups of host names in DNS.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// The time for one lookup.
const DNS_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks up the addresses of a host name. `None` if the name does not resolve.
pub(super) type Lookup = dyn Fn(String) -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> + Sync;

/// Looks up a name with the resolver of the system.
pub(super) fn system_addresses(host: String) -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
    Box::pin(async move {
        let lookup = tokio::net::lookup_host((host, 0));
        let found = tokio::time::timeout(DNS_TIMEOUT, lookup).await.ok()?.ok()?;
        Some(found.map(|address| address.ip()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn system_resolver_knows_addresses() {
        let found = system_addresses("127.0.0.1".to_owned()).await.unwrap();
        assert_eq!(
            Vec::from_iter(found),
            ["127.0.0.1".parse::<IpAddr>().unwrap()]
        );
    }
}
