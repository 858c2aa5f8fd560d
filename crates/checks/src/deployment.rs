//! An API with the stack that it belongs to.

use admin_client::{AdminClient, AwsAccount, ClientError, StackError, TargetOptions, path};

use crate::aws::{Account, Unread};
use crate::stack::Stack;

/// The exit code of a command whose API cannot be reached.
const UNREACHABLE: u8 = 2;

/// An API, and the stack that it belongs to.
pub struct Deployment {
    /// The client, or the reason why the API of a stack is not known.
    pub client: Result<AdminClient, String>,
    /// The stack. `None` if the API was named by its URL.
    pub stack: Option<Stack>,
    /// The name of the stack in the options.
    stack_name: Option<String>,
}

/// The reason why a deployment cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The API cannot be found or reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The stack cannot be read.
    #[error("stack {name}: {reason}")]
    Stack {
        /// The name of the stack.
        name: String,
        /// The reason.
        reason: Unread,
    },
}

impl Deployment {
    /// Finds the API that the options, or else the environment, select, and reads its stack. `api_id`
    /// is the ID of an API that uses the authorizer of the stack and does not belong to it.
    ///
    /// # Errors
    /// [`DeploymentError`] if the target is invalid, or the stack cannot be read.
    pub async fn open(
        options: &TargetOptions,
        api_id: Option<&str>,
    ) -> Result<Self, DeploymentError> {
        let stack_name = options.selected_stack()?;
        let client = match AdminClient::connect(options).await {
            // The checks of the stack say why the deployment has no API.
            Err(ClientError::Stack(error @ StackError::NoUrl { .. })) => Err(error),
            client => Ok(client?),
        };

        let Some(name) = &stack_name else {
            if let Ok(client) = &client {
                probe(client).await?;
            }
            return Ok(Self {
                client: client.map_err(|error| error.to_string()),
                stack: None,
                stack_name,
            });
        };
        let stack = read(options, name, api_id).await?;
        let client = match client {
            Err(error) if !stack.is_of_tollgate() => return Err(ClientError::from(error).into()),
            client => client.map_err(|error| error.to_string()),
        };
        Ok(Self {
            client,
            stack: Some(stack),
            stack_name,
        })
    }

    /// Returns the name of the target for messages.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.client, &self.stack_name) {
            (Ok(client), _) => client.target().to_owned(),
            (Err(_), Some(name)) => format!("stack {name}"),
            (Err(_), None) => String::new(),
        }
    }
}

async fn read(
    options: &TargetOptions,
    name: &str,
    api_id: Option<&str>,
) -> Result<Stack, DeploymentError> {
    let account = Account::new(AwsAccount::connect(options).await?);
    let stack = Stack::read(account, name)
        .await
        .map_err(|reason| DeploymentError::Stack {
            name: name.to_owned(),
            reason,
        })?;
    Ok(match api_id {
        Some(id) => stack.with_api(id),
        None => stack,
    })
}

/// Shows that there is an admin API. Otherwise every check would fail for the same reason. The checks
/// report a refusal.
async fn probe(client: &AdminClient) -> Result<(), ClientError> {
    let first = path(&["plans"]).query(&[("limit", "1")]);
    match client.pages(&first).next().await {
        Err(error) if error.exit_code() == UNREACHABLE => Err(error),
        _ => Ok(()),
    }
}
