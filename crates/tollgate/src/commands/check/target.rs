//! What is checked: a parameter file, an API and a stack.

use std::path::Path;
use std::time::Duration;

use admin_client::AwsAccount;
use checks::aws::{Account, Call, Service, Unread};
use checks::before::{Parameters, ParametersError};
use checks::{Deployment, DeploymentError, Group, Stack, catalogue};
use tokio::time::timeout;

use super::CheckOptions;
use super::scope::Scope;
use crate::commands::CommandError;
use crate::output::note;

/// The time in which AWS must accept credentials that were not asked for. A search for the
/// credentials of a machine takes seconds if there are none.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the API, and reads the stack.
///
/// # Errors
/// [`CommandError`] if the target is invalid, or the stack cannot be read.
pub(super) async fn open(options: &CheckOptions) -> Result<Deployment, CommandError> {
    let target = options.target.options();
    let opened = Deployment::open(&target, options.api_id.as_deref()).await;
    opened.map_err(|error| match error {
        DeploymentError::Client(error) => error.into(),
        DeploymentError::Stack {
            reason: Unread::Denied { .. },
            ..
        } => CommandError::refused(error.to_string()),
        DeploymentError::Stack { .. } => CommandError::usage(error.to_string()),
    })
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
