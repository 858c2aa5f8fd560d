//! `policies`: administers authorization policies, for authorizers whose `AuthPolicy` is
//! `table:NAME`.

mod candidate;
mod delete;
mod promote;

use std::process::ExitCode;

use admin_client::path;
use clap::{Args, Subcommand};
use declaration::parse_policy;
use policy::stored_policy_name;
use serde_json::Value;

use super::CommandError;
use super::document::{Condition, Document, DocumentForm};
use super::input::read_document;
use super::list::{ListArgs, cell};
use crate::output::{OutputArgs, Table};
use crate::target::TargetArgs;

use candidate::CandidateCommand;
use delete::DeletePolicy;
use promote::PromoteCandidate;

/// The commands below `policies`.
#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// List the policies
    List(ListArgs),
    /// Print a policy
    Get(GetPolicy),
    /// Create a policy from a file
    Create(CreatePolicy),
    /// Replace a policy by a file, or create it
    Set(SetPolicy),
    /// Delete a policy and its candidate
    Delete(DeletePolicy),
    /// Administer the candidate of a policy, which the authorizer only evaluates
    #[command(subcommand)]
    Candidate(CandidateCommand),
    /// Put the candidate of a policy in force
    Promote(PromoteCandidate),
}

/// The options of `policies get` and `policies candidate get`.
#[derive(Debug, Args)]
pub(crate) struct GetPolicy {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    form: DocumentForm,
}

/// The options of `policies create`.
#[derive(Debug, Args)]
pub(crate) struct CreatePolicy {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    /// File with the policy in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The options of `policies set` and `policies candidate set`.
#[derive(Debug, Args)]
pub(crate) struct SetPolicy {
    /// Name of the policy
    #[arg(value_parser = policy_name)]
    name: String,
    /// File with the policy in YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: String,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs a command below `policies`.
pub(crate) fn run(command: &PoliciesCommand) -> ExitCode {
    match command {
        PoliciesCommand::List(options) => super::run(list(options)),
        PoliciesCommand::Get(options) => super::run(get(options, policy(&options.name))),
        PoliciesCommand::Create(options) => super::run(create(options)),
        PoliciesCommand::Set(options) => super::run(set(options, policy(&options.name))),
        PoliciesCommand::Delete(options) => super::run(delete::run(options)),
        PoliciesCommand::Candidate(command) => candidate::run(command),
        PoliciesCommand::Promote(options) => super::run(promote::run(options)),
    }
}

async fn list(options: &ListArgs) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    let pages = client.pages(&options.paged(path(&["policies"])));
    let table = Table::new(&["NAME", "CANDIDATE", "MANAGED_BY"]);

    let row = |policy: &Value| {
        let candidate = if policy["candidate"] == true {
            "yes"
        } else {
            "no"
        };
        let managed_by = cell(policy, "managed_by");
        vec![cell(policy, "name"), candidate.to_owned(), managed_by]
    };
    options.print(pages, table, row).await
}

async fn get(options: &GetPolicy, document: Document) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    document.print(&client, options.form).await
}

async fn create(options: &CreatePolicy) -> Result<ExitCode, CommandError> {
    let document = read_document(&options.from, parse_policy)?;
    let client = options.target.connect().await?;
    let policy = policy(&options.name);
    policy.create(&client, &document, options.output).await
}

async fn set(options: &SetPolicy, document: Document) -> Result<ExitCode, CommandError> {
    let policy = read_document(&options.from, parse_policy)?;
    let client = options.target.connect().await?;
    document
        .set(&client, &policy, &options.condition, options.output)
        .await
}

fn policy(name: &str) -> Document {
    Document {
        label: format!("policy {name}"),
        path: path(&["policies", name]),
    }
}

fn candidate(name: &str) -> Document {
    Document {
        label: format!("candidate of policy {name}"),
        path: path(&["policies", name, "candidate"]),
    }
}

pub(crate) fn policy_name(name: &str) -> Result<String, String> {
    // Proxies remove these names from a path.
    let is_dots = matches!(name, "." | "..");
    let is_name = !is_dots && stored_policy_name(&format!("table:{name}")) == Some(name);
    is_name
        .then(|| name.to_owned())
        .ok_or_else(|| "expected 1 to 128 letters, digits, `-`, `_` and `.`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_registry() {
        assert!(policy_name("main-2.0_x").is_ok());
        for name in ["", ".", "..", "a b", "a/b", " a", &"a".repeat(129)] {
            assert!(policy_name(name).is_err(), "{name}");
        }
    }
}
