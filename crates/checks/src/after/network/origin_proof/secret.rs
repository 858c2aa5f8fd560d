//! The secret that API Gateway sends.

use serde_json::{Map, Value};

/// The secret that an integration sends. It has no `Debug`, so that it is never printed.
pub(super) struct OriginSecret(String);

impl OriginSecret {
    /// True if the secret is one of the values. The load balancer ignores case.
    pub(super) fn is_in(&self, values: &[&str]) -> bool {
        values
            .iter()
            .any(|value| value.eq_ignore_ascii_case(&self.0))
    }
}

/// Returns the secret in the mappings of an integration, or `None` if they send none.
pub(super) fn origin_secret(mappings: &Map<String, Value>) -> Option<OriginSecret> {
    let value = mappings.get("overwrite:header.x-tollgate-origin")?;
    let secret = value.as_str()?;
    // Without a secret, the template overwrites the header of a client with `-`.
    let is_secret = !matches!(secret, "" | "-");
    is_secret.then(|| OriginSecret(secret.to_owned()))
}
