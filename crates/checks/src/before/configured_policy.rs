//! The policy that the parameters define, as the authorizer would read it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use policy::{
    FUNCTION_NAME, KeyHeader, KeyOrigin, Policy, PolicyTextError, SecretReference, UNREAD_SECRET,
};

use super::context::Parameters;

/// The policy of a deployment.
pub(crate) enum ConfiguredPolicy {
    /// The parameters contain it.
    Inline(Box<InlinePolicy>),
    /// It is in the registry, under this name.
    Stored(String),
    /// It is invalid, with the place and the problem.
    Invalid(String),
    /// The parameters are invalid, so that there is no policy yet.
    Unknown(String),
}

/// A policy in the parameters.
pub(crate) struct InlinePolicy {
    /// The policy.
    pub(crate) policy: Policy,
    /// The place of its text for messages, such as `parameters.yaml:4:1: AuthPolicy`.
    pub(crate) place: String,
    /// The place and the problem of a private key among the issuers' keys.
    pub(crate) private_key: Option<String>,
    /// The variables that it refers to by `env:NAME`.
    pub(crate) variables: BTreeSet<String>,
}

/// A secret in a policy and its field.
pub(crate) struct PolicySecret<'p> {
    /// The field, such as `introspection.client_secret`.
    pub(crate) field: String,
    /// The reference, or the secret itself.
    pub(crate) reference: &'p SecretReference,
}

impl PolicySecret<'_> {
    /// True if the secret is written in the policy.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(self.reference, SecretReference::Known(text) if text.as_ref() != UNREAD_SECRET)
    }
}

impl ConfiguredPolicy {
    /// Reads the policy that the template gives to the authorizer.
    pub(crate) fn read(parameters: &Parameters) -> Self {
        let setting = match setting(parameters) {
            Ok(setting) => setting,
            Err(problem) => return Self::Unknown(problem),
        };
        if let Some(name) = policy::stored_policy_name(&setting) {
            return match parameters.stored_policy() {
                Some((path, text)) => Self::parse(path, text, parameters),
                None => Self::Stored(name.to_owned()),
            };
        }

        let name = match parameters.text("AuthPolicy") {
            "" => "JwtIssuer",
            _ => "AuthPolicy",
        };
        Self::parse(&parameters.place(name), &setting, parameters)
    }

    fn parse(place: &str, text: &str, parameters: &Parameters) -> Self {
        let key_header: KeyHeader = match parameters.text("KeyHeader").parse() {
            Ok(header) => header,
            Err(_) => return Self::Unknown("KeyHeader is not valid".to_owned()),
        };

        // The functions have no variables for secrets. An unknown one must not hide other mistakes.
        let variables = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| {
            if name == FUNCTION_NAME {
                return Some("authorizer".to_owned());
            }
            variables.borrow_mut().insert(name.to_owned());
            Some(UNREAD_SECRET.to_owned())
        };
        match Policy::parse(text, &key_header, &lookup) {
            Ok(policy) => Self::Inline(Box::new(InlinePolicy {
                policy,
                place: place.to_owned(),
                // The authorizer ignores a private key, but a new policy must not contain one.
                private_key: Policy::parse_new(text, &key_header, &lookup)
                    .err()
                    .map(|error| described(place, text, &error)),
                variables: variables.into_inner(),
            })),
            Err(error) => Self::Invalid(described(place, text, &error)),
        }
    }
}

impl InlinePolicy {
    /// Returns all secrets, in the order of the document.
    pub(crate) fn secrets(&self) -> Vec<PolicySecret<'_>> {
        let mut secrets = Vec::new();
        let mut add = |field: String, reference| secrets.push(PolicySecret { field, reference });

        for reference in self.policy.front.iter().flat_map(|front| &front.secrets) {
            add("front.secret".to_owned(), reference);
        }
        for (index, (_, origin)) in self.policy.issuers.iter().enumerate() {
            if let KeyOrigin::Secrets(shared) = origin {
                for secret in shared {
                    add(format!("issuers[{index}].secret"), &secret.reference);
                }
            }
        }
        if let Some(server) = &self.policy.introspection {
            if let Some(secret) = &server.client_secret {
                add("introspection.client_secret".to_owned(), secret);
            }
            if let Some(key) = &server.client_key {
                add("introspection.client_key".to_owned(), &key.reference);
            }
        }
        secrets
    }
}

/// Returns `AUTH_POLICY` of the authorizer, as the template evaluates it. It also is a policy if
/// only `JwtIssuer` is set, or no parameter at all.
fn setting(parameters: &Parameters) -> Result<String, String> {
    let resources = parameters.resources().map_err(|error| error.problem)?;
    let setting =
        &resources["AuthorizerFunction"]["Properties"]["Environment"]["Variables"]["AUTH_POLICY"];
    let text = setting.as_str().map(str::to_owned);
    text.ok_or_else(|| "the template does not set AUTH_POLICY of AuthorizerFunction".to_owned())
}

fn described(place: &str, text: &str, error: &PolicyTextError) -> String {
    let problem = error.without_position();
    match error.position(text) {
        Some(position) => {
            let (line, column) = (position.line, position.column);
            format!("{place}: line {line}, column {column} of the policy: {problem}")
        }
        None => format!("{place}: {problem}"),
    }
}
