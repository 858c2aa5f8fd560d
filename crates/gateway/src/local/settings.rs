//! The settings of a running gateway, for pages that show them.

use policy::{stored_policy_name, without_literal_secrets};

use super::Options;

/// The settings of a running gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The header of API keys, in lower case.
    pub key_header: String,
    /// The policy of the authorizer. `None` if the template has no authorizer.
    pub policy: Option<ActivePolicy>,
}

/// The policy that decides requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivePolicy {
    /// The place where the policy was read.
    pub origin: PolicyOrigin,
    /// The text. Secrets that are written in it are replaced by `…`. `None` for a policy of the
    /// registry, which changes while the gateway runs.
    pub text: Option<String>,
}

/// The place of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyOrigin {
    /// The file of `--policy`.
    File(String),
    /// The template, and its parameters.
    Template(String),
    /// The registry, under this name.
    Table(String),
}

impl ActivePolicy {
    /// Describes the policy of a gateway. `setting` is the value of `AUTH_POLICY`.
    pub(super) fn new(setting: &str, options: &Options) -> Self {
        if let Some(name) = stored_policy_name(setting) {
            return Self {
                origin: PolicyOrigin::Table(name.to_owned()),
                text: None,
            };
        }

        let template = || PolicyOrigin::Template(options.template.display().to_string());
        let file = options.policy.as_ref();
        Self {
            origin: file.map_or_else(template, |path| {
                PolicyOrigin::File(path.display().to_string())
            }),
            text: Some(without_literal_secrets(setting)),
        }
    }
}
