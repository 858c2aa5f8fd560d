//! What is checked: a parameter file, an API and a stack.

use std::path::Path;
use std::time::Duration;

use admin_client::{AdminClient, AwsAccount, ClientError, StackError, path};
use checks::aws::{Account, Call, Service, Unread};
use checks::before::{Parameters, ParametersError};
use checks::{Group, Stack, catalogue};
use tokio::time::timeout;

use super::CheckOptions;
use super::scope::Scope;
use crate::INVALID_INPUT;
use crate::commands::CommandError;
use crate::output::note;

/// The time in which AWS must accept credentials that were not asked for. A search for the
/// credentials of a machine takes seconds if there are none.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(10);

/// The API and the stack of a run.
pub(super) struct Target {
    /// The client, or the reason why the API of a stack is not known.
    pub(super) client: Result<AdminClient, String>,
    pub(super) stack: Option<Stack>,
}

impl Target {
    /// Finds the API, and reads the stack.
    ///
    /// # Errors
    /// [`CommandError`] if the target is invalid, or the stack cannot be read.
    pub(super) async fn open(options: &CheckOptions, scope: &Scope) -> Result<Self, CommandError> {
        let api_id = options.api_id.as_deref();
        let options = options.target.options();
        let client = match AdminClient::connect(&options).await {
            // The checks of the stack say why the deployment has no API.
            Err(ClientError::Stack(error @ StackError::NoUrl { .. })) => Err(error),
            client => Ok(client?),
        };

        let Some(name) = &scope.stack else {
            if let Ok(client) = &client {
                probe(client).await?;
            }
            return Ok(Self {
                client: client.map_err(|error| error.to_string()),
                stack: None,
            });
        };
        let account = Account::new(AwsAccount::connect(&options).await?);
        let stack = Stack::read(account, name)
            .await
            .map_err(|reason| unreadable(name, &reason))?;
        let stack = match api_id {
            Some(id) => stack.with_api(id),
            None => stack,
        };
        let client = match client {
            Err(error) if !stack.is_of_tollgate() => return Err(ClientError::from(error).into()),
            client => client.map_err(|error| error.to_string()),
        };
        Ok(Self {
            client,
            stack: Some(stack),
        })
    }
}

/// Shows that there is an admin API. Otherwise every check would fail for the same reason. A refusal is
/// left to the checks.
async fn probe(client: &AdminClient) -> Result<(), ClientError> {
    let first = path(&["plans"]).query(&[("limit", "1")]);
    match client.pages(&first).next().await {
        Err(error) if error.exit_code() == INVALID_INPUT => Err(error),
        _ => Ok(()),
    }
}

/// Reads a parameter file, and finds the account to deploy to if it is needed and there are
/// credentials.
///
/// # Errors
/// [`CommandError`] if the file or the template cannot be read, or if the options select an account
/// that cannot be used.
pub(super) async fn parameters(
    file: &Path,
    options: &CheckOptions,
    scope: &Scope,
    needs_account: bool,
) -> Result<Parameters, CommandError> {
    let invalid = |error: ParametersError| {
        let hint = match error {
            ParametersError::Template { .. } => {
                ". Name the template of the release with --template"
            }
            _ => "",
        };
        CommandError::usage(format!("{error}{hint}"))
    };
    let mut parameters = Parameters::read(file, &options.template)
        .map_err(invalid)?
        .with_values(options.overrides.iter().cloned());
    if let Some(policy) = &options.policy {
        parameters = parameters.with_policy_file(policy).map_err(invalid)?;
    }
    if let Some(name) = &scope.stack {
        parameters = parameters.with_stack_name(name.clone());
    }

    if !needs_account {
        return Ok(parameters);
    }
    let Some(account) = account(options).await? else {
        return Ok(parameters);
    };
    let parameters = parameters.with_account(account.clone());
    let Some(name) = &scope.stack else {
        return Ok(parameters);
    };
    Ok(match Stack::read(account, name).await {
        Ok(stack) => parameters.updating(stack),
        Err(reason) => {
            note(&format!(
                "The stack {name} is not read, so what belongs to it can be reported: {reason}"
            ));
            parameters
        }
    })
}

/// Returns the account, if AWS accepts the credentials. Without credentials, a note says why the
/// account is not checked.
async fn account(options: &CheckOptions) -> Result<Option<Account>, CommandError> {
    let target = options.target.options();
    let is_selected =
        target.profile.is_some() || target.region.is_some() || names_account(&options.only);
    let problem = match AwsAccount::connect(&target).await {
        Err(error) if is_selected => return Err(error.into()),
        Err(error) => error.to_string(),
        Ok(account) => {
            let account = Account::new(account);
            match identity(&account).await {
                Ok(()) => return Ok(Some(account)),
                Err(problem) if is_selected => return Err(CommandError::usage(problem)),
                Err(problem) => problem,
            }
        }
    };

    note(&format!("The account is not checked: {problem}"));
    Ok(None)
}

/// True if a check of the account is named.
fn names_account(names: &[String]) -> bool {
    let of_account = catalogue::all().filter(|check| check.group == Group::Account);
    let known: Vec<&str> = of_account.map(|check| check.id).collect();
    names
        .iter()
        .any(|name| name == Group::Account.name() || known.contains(&name.as_str()))
}

/// Shows that AWS accepts the credentials. The call needs no permission.
async fn identity(account: &Account) -> Result<(), String> {
    let call = Call::query(Service::Sts, "GetCallerIdentity", &[]);
    match timeout(IDENTITY_TIMEOUT, account.read(&call)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(reason)) => Err(reason.to_string()),
        Err(_) => Err(format!(
            "no response of AWS within {} s",
            IDENTITY_TIMEOUT.as_secs()
        )),
    }
}

/// Returns the error for a stack without which nothing can be checked.
fn unreadable(stack: &str, reason: &Unread) -> CommandError {
    let message = format!("stack {stack}: {reason}");
    match reason {
        Unread::Denied { .. } => CommandError::refused(message),
        _ => CommandError::usage(message),
    }
}
