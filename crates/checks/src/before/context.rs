//! What is known before a deployment: the parameters and the template.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sam_template::{Declaration, Node, ParameterValues, Template, TemplateError};
use serde_json::Value;

use super::file::{ParameterFile, ParameterFileError, read_regular};
use crate::aws::Account;
use crate::stack::Stack;

/// The largest template in bytes (CloudFormation quotas: 1 MB in S3).
const MAX_TEMPLATE_BYTES: u64 = 1_024 * 1_024;
/// The largest file with a policy in bytes. The registry stores at most 350,000.
const MAX_POLICY_BYTES: u64 = 1_024 * 1_024;
/// The account and the stack that rules see if they are not known. No rule of the template depends
/// on them.
const UNKNOWN_ACCOUNT: &str = "000000000000";
const UNKNOWN_REGION: &str = "us-east-1";
const UNKNOWN_STACK: &str = "tollgate";

/// The parameters of a deployment, its template, and optionally the account to deploy to.
pub struct Parameters {
    file: ParameterFile,
    template: Node,
    declarations: Vec<Declaration>,
    stack_name: Option<String>,
    stored_policy: Option<(String, String)>,
    account: Option<Account>,
    resources: OnceLock<Result<Value, TemplateError>>,
    stack: Option<Stack>,
}

/// The reason why there is nothing to check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// The parameter file cannot be read, or has another form.
    #[error(transparent)]
    File(#[from] ParameterFileError),
    /// The template cannot be read.
    #[error("{}: {problem}", .path.display())]
    Template {
        /// The path of the template.
        path: PathBuf,
        /// The problem, with its position.
        problem: String,
    },
    /// The file of the policy cannot be read, or the parameters name no stored policy.
    #[error("{}: {problem}", .path.display())]
    Policy {
        /// The path of the file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
}

impl Parameters {
    /// Reads a parameter file and the template that declares the parameters.
    ///
    /// The file can be a YAML map, or a JSON file in the form of the SAM CLI, the AWS CLI or
    /// CodePipeline.
    ///
    /// # Errors
    /// [`ParametersError`], which names the file and the position.
    pub fn read(file: &Path, template: &Path) -> Result<Self, ParametersError> {
        let values = ParameterFile::read(file)?;
        let invalid = |problem: String| ParametersError::Template {
            path: template.to_owned(),
            problem,
        };
        let content = read_regular(template, MAX_TEMPLATE_BYTES).map_err(invalid)?;
        let text = std::str::from_utf8(&content).map_err(|error| invalid(error.to_string()))?;

        Self::new(values, text).map_err(|error| invalid(error.to_string()))
    }

    pub(crate) fn new(file: ParameterFile, template: &str) -> Result<Self, TemplateError> {
        let template = Node::parse(template)?;
        Ok(Self {
            declarations: Declaration::all(&template)?,
            file,
            template,
            stack_name: None,
            stored_policy: None,
            account: None,
            resources: OnceLock::new(),
            stack: None,
        })
    }

    /// Returns parameters from JSON.
    #[cfg(test)]
    pub(crate) fn of_json(values: &str, template: &str) -> Self {
        let file = ParameterFile::parse("parameters.json", values.as_bytes()).unwrap();
        Self::new(file, template).unwrap()
    }

    /// Replaces values, as `--parameter` does.
    #[must_use]
    pub fn with_values(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in values {
            self.file.replace(name, value);
        }
        self
    }

    /// Sets the name of the stack to deploy.
    #[must_use]
    pub fn with_stack_name(mut self, name: String) -> Self {
        self.stack_name = Some(name);
        self
    }

    /// Reads the policy of the registry that `AuthPolicy` names from a file instead.
    ///
    /// # Errors
    /// [`ParametersError::Policy`] if the file cannot be read, or `AuthPolicy` is not `table:NAME`.
    pub fn with_policy_file(self, path: &Path) -> Result<Self, ParametersError> {
        let invalid = |problem: &str| ParametersError::Policy {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        if policy::stored_policy_name(self.text("AuthPolicy")).is_none() {
            return Err(invalid(
                "AuthPolicy names no policy of the registry, expected table:NAME",
            ));
        }

        let content = read_regular(path, MAX_POLICY_BYTES).map_err(|problem| invalid(&problem))?;
        let text = String::from_utf8(content).map_err(|_| invalid("expected text in UTF-8"))?;
        Ok(self.with_stored_policy(path.display().to_string(), text))
    }

    fn with_stored_policy(mut self, path: String, text: String) -> Self {
        self.stored_policy = Some((path, text));
        self
    }

    /// Sets the account to deploy to.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Sets the stack that the deployment updates. What belongs to it is not in the way of the
    /// deployment.
    #[must_use]
    pub fn updating(mut self, stack: Stack) -> Self {
        self.stack = Some(stack);
        self
    }

    /// True if the account to deploy to is known.
    #[must_use]
    pub const fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Returns the values of the file and of the command line.
    pub(crate) const fn file(&self) -> &ParameterFile {
        &self.file
    }

    /// Returns the parameters that the template declares.
    pub(crate) fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    /// Returns the declaration of a parameter.
    pub(crate) fn declaration(&self, name: &str) -> Option<&Declaration> {
        self.declarations.iter().find(|it| it.name == name)
    }

    /// Returns the name of the stack, if it is known.
    pub(crate) fn stack_name(&self) -> Option<&str> {
        self.stack_name.as_deref()
    }

    /// Returns the path and the text of the policy in the registry, if they are known.
    pub(crate) fn stored_policy(&self) -> Option<(&str, &str)> {
        let (path, text) = self.stored_policy.as_ref()?;
        Some((path, text))
    }

    /// Returns the account to deploy to, if there are credentials for it.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Returns the stack that the deployment updates, if there is one.
    pub(crate) const fn stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    /// Returns the value of a parameter: the given one, or else its default. An unknown parameter is
    /// empty.
    pub(crate) fn text(&self, name: &str) -> &str {
        let given = self.file.get(name).map(|given| given.value.as_str());
        let default = || self.declaration(name)?.default.as_deref();
        given.or_else(default).unwrap_or_default()
    }

    /// Returns the items of a list, without empty ones.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let items = self.text(name).split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).collect()
    }

    /// True if the value is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Returns the place of a value with its name, for messages, such as
    /// `parameters.yaml:4:1: VpcId`.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}: {name}", self.file.place(name))
    }

    /// Returns the region, if the account or the ARNs in the parameters name one.
    pub(crate) fn region(&self) -> Option<&str> {
        let of_account = self.account.as_ref().map(Account::region);
        of_account.or_else(|| super::regions::named(self).next().map(|(_, region)| region))
    }

    /// Returns the resources that the template defines with these values, by name.
    ///
    /// # Errors
    /// [`TemplateError`] if a value is not allowed, or a required one is missing.
    pub(crate) fn resources(&self) -> Result<&Value, TemplateError> {
        let evaluated = || Ok(self.evaluated()?.to_json()?["Resources"].take());
        self.resources
            .get_or_init(evaluated)
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Returns the template with these values.
    ///
    /// # Errors
    /// [`TemplateError`] if a value is not allowed, or a required one is missing.
    pub(crate) fn evaluated(&self) -> Result<Template, TemplateError> {
        let region = self.region().unwrap_or(UNKNOWN_REGION);
        let name = self.stack_name().unwrap_or(UNKNOWN_STACK);
        let partition = match region {
            _ if region.starts_with("cn-") => "aws-cn",
            _ if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let suffix = match partition {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let id = format!(
            "arn:{partition}:cloudformation:{region}:{UNKNOWN_ACCOUNT}:stack/{name}/00000000-0000-0000-0000-000000000000"
        );

        let mut given: ParameterValues = [
            ("AWS::Region", region),
            ("AWS::Partition", partition),
            ("AWS::URLSuffix", suffix),
            ("AWS::AccountId", UNKNOWN_ACCOUNT),
            ("AWS::StackName", name),
            ("AWS::StackId", &id),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        // A name that the template does not have is reported by another check.
        let known = self
            .file
            .iter()
            .filter(|(name, _)| self.declaration(name).is_some());
        given.extend(known.map(|(name, it)| (name.to_owned(), it.value.clone())));

        Template::unresolved(self.template.clone(), &given)
    }
}
