//! Missing credentials, as an operator reads them.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError as ProviderError;

use crate::credentials::ProfileChoice;

/// The longest text of a provider that is shown, in characters.
const MAX_DETAIL_CHARS: usize = 400;

/// The reasons why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsError {
    /// No place has credentials.
    Missing,
    /// The profile does not exist.
    UnknownProfile(ProfileChoice),
    /// The profile exists, and has no credentials.
    EmptyProfile(ProfileChoice),
    /// There is no session of IAM Identity Center, or it has expired.
    SsoSession {
        /// The profile.
        profile: ProfileChoice,
    },
    /// The profile uses a session of `aws login`, which is not supported.
    LoginSession {
        /// The profile.
        profile: ProfileChoice,
    },
    /// The credentials have expired.
    Expired {
        /// The profile.
        profile: ProfileChoice,
    },
    /// The credential process of a profile failed.
    Process {
        /// The profile.
        profile: ProfileChoice,
        /// The output of the process.
        detail: String,
    },
    /// No credentials were found in time.
    TimedOut(Duration),
    /// Another provider failed.
    Other {
        /// The profile.
        profile: ProfileChoice,
        /// The texts of the error and its sources.
        detail: String,
    },
}

impl CredentialsError {
    /// Returns the reason of a provider's error.
    ///
    /// The types of most errors are private to `aws-config`, so they are recognized by their text.
    pub(crate) fn of(error: &ProviderError, profile: &ProfileChoice) -> Self {
        let (text, profile) = (text_of(error), profile.clone());
        let contains = |parts: &[&str]| parts.iter().any(|part| text.contains(part));

        if contains(&["was not defined"]) && profile != ProfileChoice::Chain {
            Self::UnknownProfile(profile)
        } else if matches!(error, ProviderError::CredentialsNotLoaded(_)) {
            match profile {
                ProfileChoice::Chain => Self::Missing,
                profile => Self::EmptyProfile(profile),
            }
        } else if contains(&["credentials-login"]) {
            Self::LoginSession { profile }
        } else if contains(&["SSO token", "UnauthorizedException"]) {
            Self::SsoSession { profile }
        } else if contains(&["external process"]) {
            let detail = after(&text, "external process");
            Self::Process { profile, detail }
        } else if contains(&["ExpiredToken"]) {
            Self::Expired { profile }
        } else {
            let detail = excerpt(&text);
            Self::Other { profile, detail }
        }
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str(MISSING),
            Self::UnknownProfile(profile) => {
                let source = profile.source();
                write!(
                    formatter,
                    "{source}: this profile is neither in {} nor in {}",
                    config_file(),
                    credentials_file()
                )
            }
            Self::EmptyProfile(profile) => {
                let source = profile.source();
                write!(formatter, "{source}: this profile has no credentials")
            }
            Self::SsoSession { profile } => write!(
                formatter,
                "the SSO session has expired or does not exist. Log in with `aws sso login{}`",
                profile.argument()
            ),
            Self::LoginSession { profile } => write!(
                formatter,
                "the profile uses `aws login`, which is not supported. Export its credentials with \
                 `eval \"$(aws configure export-credentials{} --format env)\"`",
                profile.argument()
            ),
            Self::Expired { profile } => write!(
                formatter,
                "the AWS credentials{} have expired",
                profile.of_profile()
            ),
            Self::Process { profile, detail } => write!(
                formatter,
                "the credential process{} failed: {detail}",
                profile.of_profile()
            ),
            Self::TimedOut(limit) => write!(
                formatter,
                "no AWS credentials were found within {} s",
                limit.as_secs()
            ),
            Self::Other { profile, detail } => write!(
                formatter,
                "cannot load the AWS credentials{}: {detail}",
                profile.of_profile()
            ),
        }
    }
}

impl StdError for CredentialsError {}

const MISSING: &str = "no AWS credentials found. These places were searched:
the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
the profile `default` in the AWS configuration files
web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
the container's credentials: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI
the role of an EC2 instance
Select a profile with `--profile NAME`, or log in with `aws sso login`";

impl ProfileChoice {
    /// Returns the option or variable with the name of the profile.
    fn source(&self) -> String {
        match self {
            Self::Option(profile) => format!("--profile {profile}"),
            Self::Variable(profile) => format!("AWS_PROFILE={profile}"),
            Self::Chain => "the profile `default`".to_owned(),
        }
    }

    /// Returns the option for a command of the AWS CLI, with a space before it.
    fn argument(&self) -> String {
        self.name()
            .map_or_else(String::new, |name| format!(" --profile {name}"))
    }

    /// Returns ` of the profile NAME`, or nothing for the chain.
    pub(crate) fn of_profile(&self) -> String {
        self.name()
            .map_or_else(String::new, |name| format!(" of the profile `{name}`"))
    }
}

fn config_file() -> String {
    file("AWS_CONFIG_FILE", "~/.aws/config")
}

fn credentials_file() -> String {
    file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
}

fn file(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

/// Returns the texts of an error and its sources.
fn text_of(error: &ProviderError) -> String {
    let mut texts = Vec::new();
    let mut next: Option<&dyn StdError> = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = source.source();
    }
    texts.join(": ")
}

/// Returns the part after a word, without punctuation at its beginning.
fn after(text: &str, word: &str) -> String {
    let rest = text.split_once(word).map_or(text, |(_, rest)| rest);
    excerpt(rest.trim_start_matches([':', ',', ' ']))
}

fn excerpt(text: &str) -> String {
    let text = text.trim_end();
    let mut excerpt: String = text.chars().take(MAX_DETAIL_CHARS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev() -> ProfileChoice {
        ProfileChoice::Option("dev".to_owned())
    }

    fn text(error: &ProviderError, profile: &ProfileChoice) -> String {
        CredentialsError::of(error, profile).to_string()
    }

    #[test]
    fn each_reason_names_the_profile_and_the_next_step() {
        let failed = |text: &str| ProviderError::provider_error(text.to_owned());
        for (error, expected) in [
            (
                failed("the SSO token has expired and cannot be refreshed"),
                "Log in with `aws sso login --profile dev`",
            ),
            (
                failed("failed to load the cached SSO token"),
                "Log in with `aws sso login --profile dev`",
            ),
            (
                failed("service error: UnauthorizedException: Session token not found"),
                "Log in with `aws sso login --profile dev`",
            ),
            (
                ProviderError::invalid_configuration(
                    "ProfileFile provider could not be built: This behavior requires following \
                     cargo feature(s) enabled: credentials-login. ",
                ),
                "`eval \"$(aws configure export-credentials --profile dev --format env)\"`",
            ),
            (
                failed("service error: ExpiredTokenException: The token has expired"),
                "the AWS credentials of the profile `dev` have expired",
            ),
            (
                failed("external process exited with code exit status: 3. Stderr: no VPN"),
                "the credential process of the profile `dev` failed: exited with code exit status: 3. Stderr: no VPN",
            ),
            (
                failed("service error: AccessDenied: not authorized to perform: sts:AssumeRole"),
                "cannot load the AWS credentials of the profile `dev`: service error: AccessDenied",
            ),
            (
                ProviderError::not_loaded("profile `dev` was not defined: could not find it"),
                "--profile dev: this profile is neither in ",
            ),
            (
                ProviderError::not_loaded_no_source(),
                "--profile dev: this profile has no credentials",
            ),
        ] {
            let text = text(&error, &dev());
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn all_places_are_named_if_there_are_no_credentials() {
        let error = ProviderError::not_loaded("no credentials found in chain");
        let text = text(&error, &ProfileChoice::Chain);
        for place in [
            "AWS_ACCESS_KEY_ID",
            "profile `default`",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "EC2",
            "--profile",
        ] {
            assert!(text.contains(place), "{place}: {text}");
        }
    }

    #[test]
    fn long_details_are_cut() {
        let error = ProviderError::provider_error("x".repeat(10_000));
        assert!(text(&error, &dev()).len() < 500);
    }
}
