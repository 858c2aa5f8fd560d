//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a repeated request gets the
//! response of the first one.
//!
//! A response with a new secret is stored encrypted. The encryption key and the name of the stored
//! item are derived from the `Idempotency-Key`. A reader of the registry who guesses the
//! `Idempotency-Key` can therefore read the secret, so such a request needs a random one.
//!
//! A stored response is valid for 24 hours. Its `ttl` tells DynamoDB, which deletes late, and every
//! reader. The encrypted text has an expiry of its own, which a writer of the registry cannot
//! change.

mod header;
mod seal;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::IF_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use registry::{Admin, KeptAnswer, Once, RESPONSE_LIFETIME_S, Version};

use crate::problem::Problem;

use seal::Sealer;

/// The `Idempotency-Key` of a request, and the request that it belongs to.
pub(crate) struct Idempotency {
    item_id: String,
    request_hash: String,
    sealer: Sealer,
}

/// A stored response to an earlier request.
pub(crate) struct StoredResponse {
    pub(crate) body: Vec<u8>,
    /// The version of what the response shows.
    pub(crate) version: Option<Version>,
}

impl Idempotency {
    /// Reads the header. `operation`, `body` and `If-Match` must be the same in a repeated request.
    ///
    /// # Errors
    /// 400 if the header is invalid.
    pub(crate) fn of_request(
        headers: &HeaderMap,
        operation: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        header::read(headers)?
            .map(|key| Self::new(key, headers, operation, body))
            .transpose()
    }

    /// Reads the header of a request whose response contains a secret.
    ///
    /// # Errors
    /// 400 if the header is invalid or does not look random.
    pub(crate) fn of_secret_request(
        headers: &HeaderMap,
        operation: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        header::read_random(headers)?
            .map(|key| Self::new(key, headers, operation, body))
            .transpose()
    }

    fn new(key: &[u8], headers: &HeaderMap, operation: &str, body: &[u8]) -> Result<Self, Problem> {
        let mut request = operation.as_bytes().to_vec();
        for value in headers.get_all(IF_MATCH) {
            request.extend([b"\nif-match: ", value.as_bytes()].concat());
        }
        request.push(b'\n');
        request.extend(body);

        let sealer = Sealer::new(key);
        Ok(Self {
            item_id: sealer.item_id()?,
            request_hash: URL_SAFE_NO_PAD.encode(digest(&SHA256, &request)),
            sealer,
        })
    }

    /// Returns the id of the item that marks the request as done.
    pub(crate) fn item_id(&self) -> &str {
        &self.item_id
    }

    /// Seals a response, a JSON object, to be stored together with the change that it reports.
    /// `None` if it cannot be sealed.
    pub(crate) fn seal(&self, response: &[u8], version: &Version, now: Timestamp) -> Option<Once> {
        let expires_at_s = now.as_second() + RESPONSE_LIFETIME_S;
        let sealed = self
            .sealer
            .seal(response, &self.request_hash, expires_at_s)?;

        Some(Once {
            id: self.item_id.clone(),
            answer: KeptAnswer {
                request: self.request_hash.clone(),
                sealed,
                version: Some(version.as_str().to_owned()),
            },
        })
    }

    /// Returns the response to an earlier request with the same header. `None` if this is the first
    /// one.
    ///
    /// # Errors
    /// 422 if the earlier request was a different one.
    pub(crate) async fn replay(
        &self,
        admin: &Admin<'_>,
        now: Timestamp,
    ) -> Result<Option<StoredResponse>, Problem> {
        let stored = admin
            .kept_answer(&self.item_id, now)
            .await
            .map_err(|error| Problem::of_read(error, "response"))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        if stored.request != self.request_hash {
            return Err(Problem::reused_idempotency_key());
        }

        let opened = self
            .sealer
            .open(&stored.sealed, &self.request_hash)
            .ok_or_else(seal::fault)?;
        Ok(seal::unexpired(opened, now).map(|body| StoredResponse {
            body,
            version: stored.version.as_deref().map(Version::told),
        }))
    }
}

/// Marks a response as the one of an earlier request.
pub(crate) fn mark_as_replayed(response: &mut Response) {
    response.headers_mut().insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);
    const KEY: &str = "0123456789abcdef";
    const RESPONSE: &[u8] = br#"{"key":"tg_a"}"#;

    fn idempotency(key: &str, body: &str) -> Idempotency {
        let value = HeaderValue::from_str(key).unwrap();
        let headers = HeaderMap::from_iter([(header::NAME.parse().unwrap(), value)]);
        Idempotency::of_request(&headers, "POST /keys", body.as_bytes())
            .unwrap()
            .unwrap()
    }

    fn seal(idempotency: &Idempotency, response: &[u8]) -> Once {
        let version = Version::told("1");
        idempotency.seal(response, &version, NOW).unwrap()
    }

    fn open(idempotency: &Idempotency, sealed: &str, now: Timestamp) -> Option<Vec<u8>> {
        let opened = idempotency.sealer.open(sealed, &idempotency.request_hash)?;
        seal::unexpired(opened, now)
    }

    #[test]
    fn stored_response_opens_only_with_the_same_key_and_request() {
        let first = idempotency(KEY, "{}");
        let sealed = seal(&first, RESPONSE).answer.sealed;
        let opened = |key: &str, body: &str| open(&idempotency(key, body), &sealed, NOW);

        assert_eq!(opened(KEY, "{}").unwrap(), RESPONSE);
        assert_eq!(opened("0123456789abcdeF", "{}"), None);
        assert_eq!(opened(KEY, "{ }"), None);
        assert_ne!(seal(&first, RESPONSE).answer.sealed, sealed);
    }

    #[test]
    fn stored_response_expires_after_a_day_even_if_its_item_was_changed() {
        let idempotency = idempotency(KEY, "{}");
        let sealed = seal(&idempotency, RESPONSE).answer.sealed;

        let end = NOW + jiff::SignedDuration::from_secs(RESPONSE_LIFETIME_S);
        assert!(open(&idempotency, &sealed, end).is_some());
        let later = end + jiff::SignedDuration::from_secs(1);
        assert_eq!(open(&idempotency, &sealed, later), None);
    }

    #[test]
    fn earlier_release_and_this_one_read_the_same_stored_responses() {
        let idempotency = idempotency(KEY, "{}");
        let sealed = seal(&idempotency, RESPONSE).answer.sealed;
        let opened = idempotency.sealer.open(&sealed, &idempotency.request_hash);

        let read_by_earlier: serde_json::Value = serde_json::from_slice(&opened.unwrap()).unwrap();
        assert_eq!(read_by_earlier["key"], "tg_a");
        assert_eq!(seal::unexpired(RESPONSE.to_vec(), NOW).unwrap(), RESPONSE);
    }

    #[test]
    fn neither_key_nor_response_is_stored_in_plain_text() {
        let once = seal(&idempotency(KEY, "{}"), br#"{"key":"tg_secret"}"#);
        let stored = format!("{once:?}");
        assert!(
            !stored.contains(KEY) && !stored.contains("tg_secret"),
            "{stored}"
        );
    }
}
