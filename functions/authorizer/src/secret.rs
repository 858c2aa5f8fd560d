//! Secrets that a policy refers to: `env:NAME`, `ssm:/NAME`, `secretsmanager:ARN`, or the secret itself.
//!
//! What AWS keeps is read when the policy is loaded, and again every five minutes while the value that is held
//! is used, so that a rotated secret needs no deployment. Errors name the reference and never the secret.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::secret_reader::{SecretError, SecretReader};

/// From this age on, a secret is read again while the old value is used.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Between two reads, whatever came of the first.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(10);
/// The longest name of a parameter (AWS Systems Manager, "PutParameter").
const MAX_PARAMETER_BYTES: usize = 1_011;
const MAX_ARN_BYTES: usize = 2_048;

/// A secret of a policy.
pub(crate) struct Secret(Origin);

enum Origin {
    /// Written in the policy or read from the environment.
    Known(Arc<str>),
    /// Kept by AWS.
    Kept(Kept),
}

struct Kept {
    place: Place,
    held: Mutex<Held>,
    reading: tokio::sync::Mutex<()>,
}

/// Where AWS keeps a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A parameter of Systems Manager, by its name.
    Parameter(String),
    /// A secret of Secrets Manager, by its ARN, whose region it names.
    Secret { arn: String, region: String },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(formatter, "ssm:{name}"),
            Self::Secret { arn, .. } => write!(formatter, "secretsmanager:{arn}"),
        }
    }
}

#[derive(Default)]
struct Held {
    value: Option<Arc<str>>,
    read: Option<Timestamp>,
    tried: Option<Timestamp>,
    error: Option<SecretError>,
}

/// What to do about a secret's age.
enum Step {
    Use(Arc<str>),
    Renew(Arc<str>),
    Read,
    Fail(SecretError),
}

/// Why a reference is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    #[error("is empty")]
    Empty,
    #[error("the variable {0} is not set")]
    Unset(String),
    #[error("the variable {0} is empty")]
    EmptyVariable(String),
    #[error("{0} is a variable of Lambda's own")]
    Reserved(String),
    #[error("`ssm:` needs the name of a parameter that begins with `/`, as in `ssm:/tollgate/secret`")]
    Parameter,
    #[error("`secretsmanager:` needs the ARN of a secret")]
    Arn,
}

/// A policy says where the secret is sent, and its author must not learn the function's own credentials so.
fn is_reserved(name: &str) -> bool {
    ["AWS_", "LAMBDA_", "_"].iter().any(|prefix| name.to_ascii_uppercase().starts_with(prefix))
}

impl Secret {
    /// Reads a reference. `lookup` reads environment variables.
    pub(crate) fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ReferenceError> {
        if let Some(name) = text.strip_prefix("env:") {
            return variable(name, lookup).map(|value| Self(Origin::Known(value.into())));
        }
        if let Some(name) = text.strip_prefix("ssm:") {
            return parameter(name).map(Self::kept);
        }
        if let Some(arn) = text.strip_prefix("secretsmanager:") {
            return secret(arn).map(Self::kept);
        }
        if text.is_empty() { Err(ReferenceError::Empty) } else { Ok(Self(Origin::Known(text.into()))) }
    }

    fn kept(place: Place) -> Self {
        Self(Origin::Kept(Kept { place, held: Mutex::default(), reading: tokio::sync::Mutex::default() }))
    }

    /// The value, if no call is needed for it.
    #[cfg(test)]
    pub(crate) fn known(&self) -> Option<String> {
        match &self.0 {
            Origin::Known(value) => Some(value.to_string()),
            Origin::Kept(_) => None,
        }
    }

    /// Reads the secret with the policy that names it. A reference that AWS refuses is an error of the policy;
    /// if AWS does not answer, that is logged, and the secret is read when it is needed.
    pub(crate) async fn load(self: &Arc<Self>, reader: &Arc<SecretReader>, now: Timestamp) -> Result<(), SecretError> {
        match self.value(reader, now).await {
            Err(error) if error.is_transient => {
                tracing::warn!(%error, "cannot read a secret of the policy yet");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// The value to use at `now`.
    pub(crate) async fn value(
        self: &Arc<Self>,
        reader: &Arc<SecretReader>,
        now: Timestamp,
    ) -> Result<Arc<str>, SecretError> {
        let kept = match &self.0 {
            Origin::Known(value) => return Ok(Arc::clone(value)),
            Origin::Kept(kept) => kept,
        };
        let step = kept.held().step(now);
        match step {
            Step::Use(value) => Ok(value),
            Step::Renew(value) => {
                let (secret, reader) = (Arc::clone(self), Arc::clone(reader));
                tokio::spawn(async move { secret.reloaded(&reader, now).await });
                Ok(value)
            }
            Step::Read => Box::pin(kept.read(reader, now)).await,
            Step::Fail(error) => Err(error),
        }
    }

    /// Reads the secret again, because it is old or was refused. None if it was read a moment ago, cannot be
    /// read, or is not kept by AWS.
    pub(crate) async fn reloaded(&self, reader: &SecretReader, now: Timestamp) -> Option<Arc<str>> {
        let Origin::Kept(kept) = &self.0 else { return None };
        if is_within(kept.held().tried, now, COOL_DOWN) {
            return None;
        }
        let read = Box::pin(kept.read(reader, now)).await;
        if let Err(error) = &read {
            tracing::warn!(%error, "cannot read a secret of the policy again; the last value stays in use");
        }
        read.ok()
    }
}

impl Kept {
    /// One read at a time; whoever waited looks first at what came of it.
    async fn read(&self, reader: &SecretReader, now: Timestamp) -> Result<Arc<str>, SecretError> {
        let _turn = self.reading.lock().await;
        if is_within(self.held().tried, now, COOL_DOWN) {
            match self.held().step(now) {
                Step::Use(value) | Step::Renew(value) => return Ok(value),
                Step::Fail(error) => return Err(error),
                Step::Read => {}
            }
        }

        let outcome = reader.read(&self.place).await.map(Arc::<str>::from);
        let mut held = self.held();
        held.tried = Some(now);
        match &outcome {
            Ok(value) => (held.value, held.read, held.error) = (Some(Arc::clone(value)), Some(now), None),
            Err(error) => held.error = Some(error.clone()),
        }
        drop(held);
        outcome
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn step(&self, now: Timestamp) -> Step {
        let cooling = is_within(self.tried, now, COOL_DOWN);
        match (&self.value, &self.error) {
            (Some(value), _) if cooling || is_within(self.read, now, RENEWED_AFTER) => Step::Use(Arc::clone(value)),
            (Some(value), _) => Step::Renew(Arc::clone(value)),
            (None, Some(error)) if cooling => Step::Fail(error.clone()),
            (None, _) => Step::Read,
        }
    }
}

fn is_within(instant: Option<Timestamp>, now: Timestamp, duration: SignedDuration) -> bool {
    instant.is_some_and(|instant| now.duration_since(instant).abs() < duration)
}

fn variable(name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ReferenceError> {
    if is_reserved(name) {
        return Err(ReferenceError::Reserved(name.to_owned()));
    }
    match lookup(name) {
        None => Err(ReferenceError::Unset(name.to_owned())),
        Some(value) if value.is_empty() => Err(ReferenceError::EmptyVariable(name.to_owned())),
        Some(value) => Ok(value),
    }
}

fn parameter(name: &str) -> Result<Place, ReferenceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte);
    let valid = name.starts_with('/') && (2..=MAX_PARAMETER_BYTES).contains(&name.len()) && name.bytes().all(plain);
    if valid { Ok(Place::Parameter(name.to_owned())) } else { Err(ReferenceError::Parameter) }
}

/// `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`.
fn secret(arn: &str) -> Result<Place, ReferenceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=.@!-".contains(&byte);
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", partition, "secretsmanager", region, account, "secret", name] = parts[..] else {
        return Err(ReferenceError::Arn);
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let valid = arn.len() <= MAX_ARN_BYTES
        && arn.bytes().all(plain)
        && partition.starts_with("aws")
        && (1..=32).contains(&region.len())
        && region.bytes().all(is_region)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.contains(':');
    if valid { Ok(Place::Secret { arn: arn.to_owned(), region: region.to_owned() }) } else { Err(ReferenceError::Arn) }
}

/// Without the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Known(_) => formatter.write_str("Secret"),
            Origin::Kept(kept) => write!(formatter, "Secret({})", kept.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tollgate/idp-Ab3dEf";

    fn parse(text: &str) -> Result<Secret, ReferenceError> {
        Secret::parse(text, &|name| (name == "EMPTY").then(String::new))
    }

    #[test]
    fn references_are_named_and_secrets_are_not_shown() {
        for (text, shown) in [
            ("hush", "Secret"),
            ("ssm:/tollgate/idp", "Secret(ssm:/tollgate/idp)"),
            (&format!("secretsmanager:{ARN}"), &format!("Secret(secretsmanager:{ARN})")),
        ] {
            assert_eq!(format!("{:?}", parse(text).unwrap()), shown);
        }
        let Place::Secret { region, .. } = secret(ARN).unwrap() else { unreachable!() };
        assert_eq!(region, "eu-central-1");
    }

    #[test]
    fn a_reference_that_is_none_says_why() {
        for (text, expected) in [
            ("", "is empty"),
            ("env:MISSING", "the variable MISSING is not set"),
            ("env:EMPTY", "the variable EMPTY is empty"),
            ("env:AWS_SESSION_TOKEN", "AWS_SESSION_TOKEN is a variable of Lambda's own"),
            ("env:aws_session_token", "aws_session_token is a variable of Lambda's own"),
            ("env:_X_AMZN_TRACE_ID", "_X_AMZN_TRACE_ID is a variable of Lambda's own"),
            ("ssm:name", "`ssm:` needs"),
            ("ssm:/", "`ssm:` needs"),
            ("ssm:/a b", "`ssm:` needs"),
            ("secretsmanager:name", "`secretsmanager:` needs"),
            ("secretsmanager:arn:aws:ssm:eu-central-1:123456789012:parameter/x", "`secretsmanager:` needs"),
            ("secretsmanager:arn:aws:secretsmanager:evil.example/:123456789012:secret:x", "`secretsmanager:` needs"),
            ("secretsmanager:arn:aws:secretsmanager:eu-central-1:1234:secret:x", "`secretsmanager:` needs"),
            (
                "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:x:key::",
                "`secretsmanager:` needs",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_is_used_then_renewed_and_a_failure_is_remembered_for_ten_seconds() {
        let at = |seconds: i64| Timestamp::from_second(1_795_348_800 + seconds).unwrap();
        let held =
            |read, tried| Held { value: Some("s".into()), read: Some(at(read)), tried: Some(at(tried)), error: None };
        assert!(matches!(held(0, 0).step(at(299)), Step::Use(_)));
        assert!(matches!(held(0, 0).step(at(300)), Step::Renew(_)));
        assert!(matches!(held(0, 300).step(at(309)), Step::Use(_)));
        assert!(matches!(held(0, 300).step(at(310)), Step::Renew(_)));

        let error = SecretError { reference: "ssm:/x".to_owned(), problem: "down".to_owned(), is_transient: true };
        let failed = Held { tried: Some(at(0)), error: Some(error), ..Held::default() };
        assert!(matches!(failed.step(at(9)), Step::Fail(_)));
        assert!(matches!(failed.step(at(10)), Step::Read));
        assert!(matches!(Held::default().step(at(0)), Step::Read));
    }
}
