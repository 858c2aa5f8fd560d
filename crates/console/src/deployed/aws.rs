//! Reads the AWS account of a deployed API.

use std::fmt;
use std::sync::Arc;

use admin_client::{AwsAccount, TargetOptions};
use checks::aws::{Account, Call, Service, Transport, Unread};
use tokio::sync::OnceCell;

/// The AWS account of a deployed API. It is connected when something is read for the first time.
pub(crate) struct Aws {
    options: TargetOptions,
    connection: OnceCell<Connection>,
    identity: OnceCell<String>,
}

#[derive(Clone)]
struct Connection {
    transport: Arc<dyn Transport>,
    region: String,
}

impl Aws {
    /// Returns the account that the options, or else the environment, select. Nothing is sent.
    pub(crate) fn new(options: TargetOptions) -> Self {
        Self {
            options,
            connection: OnceCell::new(),
            identity: OnceCell::new(),
        }
    }

    /// Returns an account over a transport.
    #[cfg(test)]
    pub(crate) fn over(transport: Arc<dyn Transport>) -> Self {
        let region = "eu-west-1".to_owned();
        Self {
            options: TargetOptions::default(),
            connection: OnceCell::new_with(Some(Connection { transport, region })),
            identity: OnceCell::new(),
        }
    }

    /// Returns a reader of the account that has read nothing yet.
    ///
    /// # Errors
    /// [`Unread`] if there is no region, or a setting of the environment is invalid.
    pub(crate) async fn account(&self) -> Result<Account, Unread> {
        let connecting = async {
            let account = AwsAccount::connect(&self.options).await;
            let account = account.map_err(|error| Unread::NoCredentials(error.to_string()))?;
            let region = account.region().to_owned();
            Ok::<_, Unread>(Connection {
                transport: Arc::new(account),
                region,
            })
        };
        let Connection { transport, region } = self
            .connection
            .get_or_try_init(|| Box::pin(connecting))
            .await?
            .clone();
        Ok(Account::over(transport, region))
    }

    /// Returns the ARN of the identity that signs requests. `None` if AWS does not say. Then the next
    /// call asks again.
    pub(crate) async fn identity(&self) -> Option<String> {
        let asking = async {
            let call = Call::query(Service::Sts, "GetCallerIdentity", &[]);
            let response = self.account().await?.read(&call).await?;
            let arn = &response["GetCallerIdentityResult"]["Arn"];
            arn.as_str()
                .map(str::to_owned)
                .ok_or_else(|| Unread::Failed("the response has no ARN".to_owned()))
        };
        let identity = self.identity.get_or_try_init(|| Box::pin(asking)).await;
        identity.ok().cloned()
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Aws")
    }
}
