//! Composes one response, without a gateway and its authorizer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use composer::{CallerContext, Composer, Reply, Request};
use composition::Cost;
use http::Uri;
use limits::Caller;
use outcome::{ContextField, Decision, Reason};
use policy::header_value::{access_log_value, header_list, header_value};
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;

use super::compositions::{CompositionsFile, urls};
use super::functions::PolicyFile;
use super::{StartError, backend_or_echo, explain, seeds};
use crate::function::{FunctionError, open_composer};

/// The issuer of tokens if no policy names one.
const ISSUER: &str = "http://tollgate.local";
/// The value of a field of the context that has none.
const NOTHING: &str = "-";

/// The settings of an attempt.
#[derive(Debug)]
pub struct AttemptOptions {
    /// The name of the file of compositions, for errors.
    pub file: PathBuf,
    /// The text of the file.
    pub compositions: String,
    /// The prefix of the paths of compositions.
    pub prefix: String,
    /// The policy file. Without one, every caller may call every part.
    pub policy: Option<PathBuf>,
    /// A file of plans that replaces the built-in ones.
    pub seeds: Option<PathBuf>,
    /// The URL of services that are not named. Without one, a built-in service echoes calls.
    pub backend: Option<Uri>,
    /// The names and URLs of services.
    pub services: Vec<(String, Uri)>,
}

/// The caller of an attempt, as if the authorizer had verified it.
#[derive(Clone, Debug, Default)]
pub struct AttemptCaller {
    /// The user.
    pub user: Option<String>,
    /// The issuer of the token. Without one, the only issuer of the policy.
    pub issuer: Option<String>,
    /// The id of the API key. With a key, the caller has no token.
    pub key_id: Option<String>,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The roles of the token.
    pub roles: Vec<String>,
    /// The email address of the token.
    pub email: Option<String>,
    /// The usage plan.
    pub plan: Option<String>,
}

/// The result of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The response, and a report on each part.
    pub reply: Reply,
    /// The path and query of each part as the document has them, by the name of the part.
    pub templates: BTreeMap<String, String>,
    /// True if the built-in echo service has answered a call.
    pub called_echo: bool,
}

/// The reasons why there is no attempt.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// A file cannot be read or is invalid.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The options do not describe a caller of the policy, or of the composition.
    #[error("{0}")]
    Caller(String),
    /// The policy does not allow the request itself.
    #[error("the policy does not allow this caller to call `{0}`, so that the response is 403")]
    Forbidden(String),
}

/// Composes the response to a request. Parts really call their services.
///
/// # Errors
/// [`AttemptError`] if a file is missing or invalid.
pub async fn attempt(
    options: &AttemptOptions,
    caller: &AttemptCaller,
    mut request: Request,
    records: impl std::io::Write + Send + 'static,
) -> Result<Attempt, AttemptError> {
    let compositions = CompositionsFile::new(&options.file, options.compositions.clone());
    let policy_file = options
        .policy
        .as_deref()
        .map(PolicyFile::read)
        .transpose()?;
    let policy = policy_file
        .as_ref()
        .map_or_else(open_policy, |file| file.text.clone());
    let issuer = issuer(caller, policy_file.as_ref())?;
    request.context = Some(context(caller, issuer.as_deref()));

    let (seeds, _) = seeds::read(options.seeds.as_deref())?;
    let store = EmbeddedStore::new(&seeds).map_err(StartError::from)?;
    let (backend, is_echo) = backend_or_echo(options.backend.as_ref()).await?;
    let urls = urls(&backend, &options.services)?;

    let (text, prefix) = (compositions.text.clone(), options.prefix.clone());
    let key_header = explain::key_header(&policy);
    let setting = move |name: &str| match name {
        "COMPOSITIONS" => Some(text.clone()),
        "COMPOSITIONS_PREFIX" => Some(prefix.clone()),
        "AUTH_POLICY" => Some(policy.clone()),
        "KEY_HEADER" => key_header.clone(),
        _ => None,
    };
    let store = Some(Arc::new(Store::Embedded(store)));
    let composer = open_composer(store, setting, RecordLog::to(records), Some(urls)).await;
    let composer = composer.map_err(|error| start_error(error, &compositions, policy_file))?;
    super::compositions::check_services(&options.services, Some(&composer))?;
    let templates = templates(&composer, &request, caller)?;
    if options.policy.is_some() && !composer.is_permitted(&request).await {
        let line = format!("{} {}", request.method, request.path);
        return Err(AttemptError::Forbidden(line));
    }

    let reply = composer.compose(&request).await;
    let calls = reply.parts.iter().filter(|part| part.attempts > 0);
    let mut urls = calls.filter_map(|part| part.url.as_ref());
    Ok(Attempt {
        called_echo: is_echo && urls.any(|url| url.authority() == backend.authority()),
        reply,
        templates,
    })
}

/// Returns the path and query of each part of the request's route. Returns an empty list if no route matches.
///
/// # Errors
/// [`AttemptError::Caller`] if the route charges a plan, and the caller has none.
fn templates(
    composer: &Composer,
    request: &Request,
    caller: &AttemptCaller,
) -> Result<BTreeMap<String, String>, AttemptError> {
    let compositions = composer.compositions();
    let Some(found) = compositions.find(&request.method, &request.path) else {
        return Ok(BTreeMap::new());
    };

    let route = found.value;
    let is_charged = route.cost == Cost::Parts || route.parts.iter().any(|part| part.is_charged);
    if is_charged && caller.plan.is_none() {
        return Err(AttemptError::Caller(format!(
            "`{}` charges a plan, expected --plan, such as `--plan pro`",
            route.key
        )));
    }
    let parts = route.parts.iter();
    Ok(parts
        .map(|part| (part.name.clone(), part.template_text().to_owned()))
        .collect())
}

/// Returns an error about a document with the file of the document.
fn start_error(
    error: FunctionError,
    compositions: &CompositionsFile,
    policy: Option<PolicyFile>,
) -> StartError {
    compositions
        .start_error(error)
        .unwrap_or_else(|error| match policy {
            Some(file) => file.start_error(error),
            None => error.into(),
        })
}

/// Returns a policy with which every caller may call every part.
fn open_policy() -> String {
    let issuer = json!({"issuer": ISSUER, "audiences": ["local"], "default_plan": "free", "jwks_uri": "http://127.0.0.1:3000/_tollgate/jwks.json"});
    let rules = ["ANY /", "ANY /{proxy+}"].map(|route| json!({"match": route, "auth": "none"}));
    json!({"issuers": [issuer], "rules": rules}).to_string()
}

/// Returns the issuer of the caller's token. `None` for a caller without a token.
fn issuer(
    caller: &AttemptCaller,
    policy: Option<&PolicyFile>,
) -> Result<Option<String>, AttemptError> {
    if caller.key_id.is_some() || (caller.user.is_none() && caller.issuer.is_none()) {
        return Ok(None);
    }
    if let Some(issuer) = &caller.issuer {
        return Ok(Some(issuer.clone()));
    }
    let Some(policy) = policy else {
        return Ok(Some(ISSUER.to_owned()));
    };

    // An invalid policy is reported when the composer reads it.
    let document: Value = serde_json::from_str(&policy.text).unwrap_or_default();
    let issuers = document["issuers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    match issuers {
        [one] => Ok(one["issuer"].as_str().map(str::to_owned)),
        [] => Err(AttemptError::Caller(
            "--as: the policy has no issuer of tokens, expected --key-id for a caller with a key"
                .to_owned(),
        )),
        _ => Err(AttemptError::Caller(
            "--as: the policy has several issuers, expected --issuer".to_owned(),
        )),
    }
}

/// Returns the context that the authorizer gives an allowed request of the caller.
fn context(caller: &AttemptCaller, issuer: Option<&str>) -> CallerContext {
    let user = caller.user.as_deref().unwrap_or_default();
    let charged = match (&caller.key_id, issuer) {
        (Some(key_id), _) => Some(Caller::Key(key_id.clone())),
        (None, Some(issuer)) => Some(Caller::from_subject(issuer, user)),
        (None, None) => None,
    };
    let auth = match (&caller.key_id, issuer) {
        (Some(_), _) => "api_key",
        (None, Some(_)) => "jwt",
        (None, None) => "none",
    };
    let charged = charged.map(|caller| caller.to_string()).unwrap_or_default();
    let value =
        |text: &Option<String>| header_value(text.as_deref().unwrap_or_default()).into_owned();

    let fields = [
        (ContextField::Decision, Decision::Allowed.to_string()),
        (ContextField::Reason, Reason::Ok.to_string()),
        (ContextField::UserId, value(&caller.user)),
        (
            ContextField::Issuer,
            access_log_value(issuer.unwrap_or_default()).into_owned(),
        ),
        (ContextField::Email, value(&caller.email)),
        (
            ContextField::Roles,
            header_list(&caller.roles, ',').into_owned(),
        ),
        (ContextField::NearLimit, "false".to_owned()),
        (ContextField::OverQuota, "false".to_owned()),
        (ContextField::KeyId, value(&caller.key_id)),
        (
            ContextField::Caller,
            access_log_value(&charged).into_owned(),
        ),
        (ContextField::Plan, value(&caller.plan)),
        (
            ContextField::Scopes,
            header_list(&caller.scopes, ' ').into_owned(),
        ),
        (ContextField::Auth, auth.to_owned()),
    ];
    CallerContext::new(fields.map(|(field, value)| {
        let value = if value.is_empty() {
            NOTHING.to_owned()
        } else {
            value
        };
        (field, value)
    }))
}
