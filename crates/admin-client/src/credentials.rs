//! AWS credentials that sign requests.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use aws::Connections;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient, http_client_fn};
use tokio::sync::Mutex;

use crate::credentials_error::CredentialsError;

/// The time for finding credentials, in which a credential process may ask its user.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);
/// Credentials are replaced when they expire within this time.
const EXPIRY_MARGIN: Duration = Duration::from_secs(120);
/// The connect timeout of the instance metadata service, which most machines do not have.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The credentials of the AWS credential chain, or of one profile.
pub(crate) struct AwsCredentials {
    provider: SharedCredentialsProvider,
    profile: ProfileChoice,
    current: Mutex<Option<Credentials>>,
}

/// The profile whose credentials are used, and who selected it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChoice {
    /// By `--profile`. No other credentials are used.
    Option(String),
    /// By `AWS_PROFILE`. No other credentials are used, because the environment has none.
    Variable(String),
    /// None. The whole chain is tried, with the profile `default`.
    Chain,
}

impl ProfileChoice {
    /// Selects the profile. Credentials in the environment beat `AWS_PROFILE`, and `--profile`
    /// beats them, as in the AWS CLI.
    pub(crate) fn select(option: Option<&str>, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| lookup(name).filter(|value| !value.is_empty());
        match (option, variable("AWS_PROFILE")) {
            (Some(profile), _) => Self::Option(profile.to_owned()),
            (None, Some(profile)) if variable("AWS_ACCESS_KEY_ID").is_none() => {
                Self::Variable(profile)
            }
            _ => Self::Chain,
        }
    }

    /// Returns the name of the profile. `None` for that of the chain.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Option(profile) | Self::Variable(profile) => Some(profile),
            Self::Chain => None,
        }
    }
}

impl AwsCredentials {
    /// Returns the credentials of a profile, or of the chain. Nothing is read or sent.
    pub(crate) async fn new(
        profile: ProfileChoice,
        region: &str,
        connections: &Connections,
    ) -> Self {
        let config = ProviderConfig::without_region()
            .with_region(Some(Region::new(region.to_owned())))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(http_client(connections));
        let provider = match profile.name() {
            Some(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(name)
                    .build(),
            ),
            None => SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(config)
                    .region(Region::new(region.to_owned()))
                    .build()
                    .await,
            ),
        };

        Self {
            provider,
            profile,
            current: Mutex::new(None),
        }
    }

    /// Returns the credentials `AKIDEXAMPLE`.
    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        Self {
            provider: SharedCredentialsProvider::new(credentials),
            profile: ProfileChoice::Chain,
            current: Mutex::new(None),
        }
    }

    /// Returns credentials that are valid for a few minutes. They are loaded once, and again before
    /// they expire.
    ///
    /// # Errors
    /// [`CredentialsError`] if there are none.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut current = self.current.lock().await;
        let now = SystemTime::now();
        let fresh = current
            .as_ref()
            .filter(|found| !expires_before(found, now + EXPIRY_MARGIN));
        if let Some(credentials) = fresh {
            return Ok(credentials.clone());
        }

        let loading = self.provider.provide_credentials();
        let loaded = tokio::time::timeout(CREDENTIALS_TIMEOUT, loading)
            .await
            .map_err(|_| CredentialsError::TimedOut(CREDENTIALS_TIMEOUT))?
            .map_err(|error| CredentialsError::of(&error, &self.profile))?;
        if expires_before(&loaded, now) {
            return Err(CredentialsError::Expired {
                profile: self.profile.clone(),
            });
        }

        *current = Some(loaded.clone());
        Ok(loaded)
    }

    /// Returns the profile, for messages.
    pub(crate) const fn profile(&self) -> &ProfileChoice {
        &self.profile
    }
}

impl fmt::Debug for AwsCredentials {
    /// Omits the credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AwsCredentials({:?})", self.profile)
    }
}

fn expires_before(credentials: &Credentials, instant: SystemTime) -> bool {
    credentials.expiry().is_some_and(|expiry| expiry < instant)
}

/// Returns the HTTP client of the credential providers. The provider for instance roles asks for a
/// short connect timeout, without which most machines would wait for it.
fn http_client(connections: &Connections) -> SharedHttpClient {
    static METADATA: LazyLock<SharedHttpClient> =
        LazyLock::new(|| Connections::new(METADATA_CONNECT_TIMEOUT).sdk());

    let usual = connections.sdk();
    http_client_fn(move |settings, components| {
        let is_metadata = settings
            .connect_timeout()
            .is_some_and(|timeout| timeout <= METADATA_CONNECT_TIMEOUT);
        let client = if is_metadata { &*METADATA } else { &usual };
        client.http_connector(settings, components)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Provides credentials that expire after a while, and counts how often.
    #[derive(Debug, Clone)]
    struct Expiring(Duration, Arc<AtomicUsize>);

    impl ProvideCredentials for Expiring {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.1.fetch_add(1, Ordering::SeqCst);
            let expiry = Some(SystemTime::UNIX_EPOCH + self.0);
            let credentials = Credentials::new("a", "secret", None, expiry, "test");
            future::ProvideCredentials::ready(Ok(credentials))
        }
    }

    async fn loads(expiry_since_epoch: Duration) -> (Result<(), CredentialsError>, usize) {
        let count = Arc::default();
        let credentials = AwsCredentials {
            provider: SharedCredentialsProvider::new(Expiring(
                expiry_since_epoch,
                Arc::clone(&count),
            )),
            profile: ProfileChoice::Chain,
            current: Mutex::new(None),
        };
        let outcome = credentials.get().await.map(drop);
        let _ = credentials.get().await;
        (outcome, count.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn credentials_are_loaded_again_only_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let hour = Duration::from_secs(3_600);
        assert_eq!(loads(now + hour).await, (Ok(()), 1));
        assert_eq!(loads(now + Duration::from_secs(60)).await, (Ok(()), 2));
        let (outcome, _) = loads(now - hour).await;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "the AWS credentials have expired"
        );
    }

    fn select(option: Option<&str>, variables: &[(&str, &str)]) -> ProfileChoice {
        ProfileChoice::select(option, |name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn credentials_in_the_environment_beat_its_profile_but_not_the_option() {
        let keys = ("AWS_ACCESS_KEY_ID", "AKIA");
        let profile = ("AWS_PROFILE", "dev");
        let of = |name: &str| name.to_owned();

        assert_eq!(select(None, &[]), ProfileChoice::Chain);
        assert_eq!(select(None, &[keys, profile]), ProfileChoice::Chain);
        assert_eq!(select(None, &[profile]), ProfileChoice::Variable(of("dev")));
        assert_eq!(
            select(Some("prod"), &[keys, profile]),
            ProfileChoice::Option(of("prod"))
        );
        assert_eq!(select(None, &[("AWS_PROFILE", "")]), ProfileChoice::Chain);
    }
}
