//! A listener of a load balancer.

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, text};

/// A listener of an Application Load Balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// The ARN of the load balancer.
    pub(crate) load_balancer: String,
    /// The port.
    pub(crate) port: u16,
    /// The protocol: `HTTP` or `HTTPS`.
    pub(crate) protocol: String,
    /// True if clients must present a certificate.
    pub(crate) verifies_clients: bool,
}

impl Listener {
    fn of(value: &Value) -> Self {
        Self {
            load_balancer: text(&value["LoadBalancerArn"]).to_owned(),
            port: text(&value["Port"]).parse().unwrap_or_default(),
            protocol: text(&value["Protocol"]).to_owned(),
            verifies_clients: value["MutualAuthentication"]["Mode"] == "verify",
        }
    }
}

/// Reads all listeners of a load balancer.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn listeners(
    account: &Account,
    load_balancer: &str,
) -> Result<Vec<Listener>, Unread> {
    let fields = [("LoadBalancerArn", load_balancer)];
    let call = Call::query(Service::LoadBalancing, "DescribeListeners", &fields);
    let found = account
        .read_all(&call, "/DescribeListenersResult/Listeners")
        .await?;
    Ok(found.iter().map(Listener::of).collect())
}

/// Reads a listener.
///
/// # Errors
/// [`Unread`] if it cannot be read or does not exist.
pub(crate) async fn listener(account: &Account, arn: &str) -> Result<Listener, Unread> {
    let call = Call::query(Service::LoadBalancing, "DescribeListeners", &[])
        .with_list("ListenerArns", [arn]);
    let response = account.read(&call).await?;
    let found = &response["DescribeListenersResult"]["Listeners"][0];
    if found.is_null() {
        let permission = call.permission();
        return Err(Unread::NotFound { permission });
    }
    Ok(Listener::of(found))
}
