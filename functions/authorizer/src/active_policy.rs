//! A policy together with everything that verifies its tokens.

use std::sync::{Arc, OnceLock};

use aws::HttpCalls;
use jiff::Timestamp;
use policy::Policy;

use crate::candidate::Candidate;
use crate::front::FrontCheck;
use crate::policy_load_error::PolicyLoadError;
use crate::secrets::SecretReader;
use crate::token_verifier::TokenVerifier;

/// A policy that decides requests.
#[derive(Debug)]
pub(crate) struct ActivePolicy {
    pub(crate) policy: Arc<Policy>,
    pub(crate) tokens: Arc<TokenVerifier>,
    /// The check that a request came through the front, if the policy requires it.
    pub(crate) front: Option<Arc<FrontCheck>>,
    /// The policy that is evaluated in addition to this one, if there is one.
    pub(crate) candidate: Option<Arc<Candidate>>,
}

/// The client for calls to issuers. It is created when the first policy needs it.
pub(crate) struct IssuerCalls {
    create: Box<dyn Fn() -> HttpCalls + Send + Sync>,
    calls: OnceLock<HttpCalls>,
}

impl ActivePolicy {
    /// Prepares `policy`. Signing keys of issuers that the `previous` policy also names are kept.
    pub(crate) fn new(
        mut policy: Policy,
        previous: Option<&Self>,
        calls: &IssuerCalls,
        secrets: &Arc<SecretReader>,
    ) -> Self {
        let issuers = std::mem::take(&mut policy.issuers);
        let server = policy.introspection.take();
        let front = policy.front.take();

        let tokens = TokenVerifier::new(
            issuers,
            server,
            previous.map(|previous| &*previous.tokens),
            secrets,
            || calls.get().clone(),
        );
        let previous_front = previous.and_then(|previous| previous.front.as_deref());
        let front = front.map(|front| FrontCheck::new(front, previous_front, secrets));
        Self {
            policy: Arc::new(policy),
            tokens: Arc::new(tokens),
            front: front.map(Arc::new),
            candidate: None,
        }
    }

    /// Reads the secrets that the policy refers to.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses a reference, or a secret cannot be used.
    pub(crate) async fn load_secrets(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        self.tokens.load_secrets(now).await?;
        match &self.front {
            Some(front) => front.load(now).await,
            None => Ok(()),
        }
    }

    /// Returns the same policy with this candidate.
    pub(crate) fn with_candidate(&self, candidate: Option<Candidate>) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            tokens: Arc::clone(&self.tokens),
            front: self.front.clone(),
            candidate: candidate.map(Arc::new),
        }
    }
}

impl IssuerCalls {
    pub(crate) fn new(create: impl Fn() -> HttpCalls + Send + Sync + 'static) -> Self {
        Self {
            create: Box::new(create),
            calls: OnceLock::new(),
        }
    }

    pub(crate) fn get(&self) -> &HttpCalls {
        self.calls.get_or_init(&self.create)
    }
}
