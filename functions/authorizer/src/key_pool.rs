//! The signing keys of all issuers. Issuers with the same key set share it.

use std::sync::Arc;

use aws::HttpCalls;
use policy::{Issuer, KeyOrigin};

use crate::issuer_keys::{FetchedKeys, IssuerKeys, IssuerSecrets, KeySource};
use crate::secrets::SecretReader;

/// The signing keys of the issuers of a policy.
pub(crate) struct KeyPool {
    /// `None` if nothing is fetched.
    calls: Option<HttpCalls>,
    secrets: Arc<SecretReader>,
    /// The keys of this policy.
    fetched: Vec<Arc<FetchedKeys>>,
    /// The keys of the previous policy.
    known: Vec<Arc<FetchedKeys>>,
}

impl KeyPool {
    /// Creates a pool that takes keys over from the `previous` one.
    pub(crate) fn new(
        calls: Option<HttpCalls>,
        secrets: &Arc<SecretReader>,
        previous: Option<&Self>,
    ) -> Self {
        Self {
            calls,
            secrets: Arc::clone(secrets),
            fetched: Vec::new(),
            known: previous.map_or_else(Vec::new, |previous| previous.fetched.clone()),
        }
    }

    /// Returns the keys of an issuer. `None` if they would be fetched, and nothing can be.
    pub(crate) fn keys(&mut self, issuer: &Issuer, origin: KeyOrigin) -> Option<IssuerKeys> {
        let (address, discovers) = match origin {
            KeyOrigin::Inline(set) => return Some(IssuerKeys::Inline(Arc::new(set))),
            KeyOrigin::Secrets(secrets) => {
                let secrets = IssuerSecrets::new(secrets, &self.secrets);
                return Some(IssuerKeys::Secrets(secrets));
            }
            KeyOrigin::Address(address) => (address, false),
            KeyOrigin::Discovery(address) => (address, true),
        };
        let source = KeySource {
            calls: self.calls.clone()?,
            issuer: issuer.iss().to_owned(),
            address,
            discovers,
            kid: issuer.kid,
        };
        Some(IssuerKeys::Fetched(self.shared(source)))
    }

    /// Drops the keys of the previous policy that this one does not use.
    pub(crate) fn forget_previous(&mut self) {
        self.known.clear();
    }

    /// Returns the keys of this policy.
    pub(crate) fn fetched(&self) -> impl Iterator<Item = &Arc<FetchedKeys>> {
        self.fetched.iter()
    }

    /// Returns the keys from a source, which other issuers or the previous policy may have too.
    fn shared(&mut self, source: KeySource) -> Arc<FetchedKeys> {
        let is_same = |keys: &&Arc<FetchedKeys>| keys.are_from(&source);
        if let Some(keys) = self.fetched.iter().find(is_same) {
            return Arc::clone(keys);
        }

        let known = self.known.iter().find(is_same).map(Arc::clone);
        let keys = known.unwrap_or_else(|| Arc::new(FetchedKeys::new(source)));
        self.fetched.push(Arc::clone(&keys));
        keys
    }
}
