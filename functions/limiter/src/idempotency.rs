//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is repeated is answered as it was.
//!
//! The answer holds a key, which is stored nowhere in clear. So it is kept encrypted (AES-256-GCM) under a key that is
//! derived (HKDF-SHA-256) from what the client sent as `Idempotency-Key`; of that only another derivation is kept, as
//! the item's name. Who reads the table would have to guess it, which is why it has 16 characters at least.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::IF_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use usage::{Admin, AdminError, Keep, KeptAnswer, KeyRecord, Once, Stored, Version};

use crate::key_document::{Key, KeyWithSecret};
use crate::problem::{Mistake, Problem, refused};

const HEADER: &str = "idempotency-key";
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=255;
const NONCE: usize = 12;

/// What a request's `Idempotency-Key` stands for.
pub(crate) struct Idempotency {
    id: String,
    request: String,
    prk: Prk,
}

impl Idempotency {
    /// `operation`, `body` and what `If-Match` says are what has to be the same in a repetition.
    ///
    /// # Errors
    /// 400 for a header that cannot be one.
    pub(crate) fn of(headers: &HeaderMap, operation: &str, body: &[u8]) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.as_bytes();
        let plain = text.iter().all(|byte| byte.is_ascii_graphic()) && LENGTHS.contains(&text.len());
        if !plain || values.next().is_some() {
            let detail = "it is 16 to 255 visible ASCII characters, as random as a UUID";
            return Err(Problem::parameters(vec![Mistake::in_parameter("Idempotency-Key", detail)]));
        }
        let prk = Salt::new(HKDF_SHA256, b"tollgate idempotency").extract(text);
        let mut id = [0; 32];
        derive(&prk, b"name", &mut id)?;
        let mut request = operation.as_bytes().to_vec();
        for value in headers.get_all(IF_MATCH) {
            request.extend([b"\nif-match: ", value.as_bytes()].concat());
        }
        request.push(b'\n');
        request.extend(body);
        let request = URL_SAFE_NO_PAD.encode(digest(&SHA256, &request));
        Ok(Some(Self { id: URL_SAFE_NO_PAD.encode(id), request, prk }))
    }

    /// A name for what the request does, so that it is done once.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What is to be kept beside what the request does: the answer, sealed, and the version of what it shows. `None`
    /// where it cannot be sealed.
    fn once(&self, answer: &[u8], version: &Version) -> Option<Once> {
        let mut sealed = answer.to_vec();
        let nonce = self.key().ok()?.seal_in_place_append_tag(Aad::from(self.request.as_bytes()), &mut sealed);
        let sealed = URL_SAFE_NO_PAD.encode([nonce.ok()?.as_ref().as_slice(), &sealed].concat());
        let (request, version) = (self.request.clone(), Some(version.as_str().to_owned()));
        Some(Once { id: self.id.clone(), answer: KeptAnswer { request, sealed, version } })
    }

    /// The answer that was given before, if the request was made before.
    ///
    /// # Errors
    /// 422 where that was another request.
    pub(crate) async fn replay(
        &self,
        admin: &Admin<'_>,
        now: Timestamp,
    ) -> Result<Option<(Vec<u8>, Option<Version>)>, Problem> {
        let kept = admin.kept_answer(&self.id, now).await.map_err(|error| refused(error, "answer"))?;
        let Some(kept) = kept else { return Ok(None) };
        if kept.request != self.request {
            return Err(Problem::another_request());
        }
        let answer = self.open(&kept.sealed).ok_or_else(failure)?;
        Ok(Some((answer, kept.version.as_deref().map(Version::told))))
    }

    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let opened = self.key().ok()?.open_in_place(nonce, Aad::from(self.request.as_bytes()), &mut text).ok()?;
        Some(opened.to_vec())
    }

    fn key(&self) -> Result<RandomizedNonceKey, Problem> {
        let mut key = [0; 32];
        derive(&self.prk, b"answer", &mut key)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| failure())
    }
}

/// Says that an answer was given before.
pub(crate) fn mark_replayed(response: &mut Response) {
    response.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
}

/// Answers with a key and its secret, and has the answer kept where the request says so.
pub(crate) struct KeyAnswer<'r> {
    pub(crate) key: String,
    pub(crate) now: Timestamp,
    pub(crate) idempotency: Option<&'r Idempotency>,
}

impl KeyAnswer<'_> {
    /// The answer's body.
    ///
    /// # Errors
    /// None that texts and numbers can have.
    pub(crate) fn body(&self, made: &KeyRecord) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&KeyWithSecret { key: self.key.clone(), shown: Key::of(made.clone(), self.now) })
    }
}

impl Keep for KeyAnswer<'_> {
    fn keep(&self, made: &Stored<KeyRecord>) -> Result<Option<Once>, AdminError> {
        let Some(idempotency) = self.idempotency else { return Ok(None) };
        let body = self.body(&made.document).map_err(|_| AdminError::Unsealed)?;
        idempotency.once(&body, &made.version).map(Some).ok_or(AdminError::Unsealed)
    }
}

fn derive(prk: &Prk, purpose: &[u8], out: &mut [u8; 32]) -> Result<(), Problem> {
    let info = [purpose];
    let okm = prk.expand(&info, HKDF_SHA256).map_err(|_| failure())?;
    okm.fill(out).map_err(|_| failure())
}

fn failure() -> Problem {
    tracing::error!(reason = "fault", "an answer can be neither sealed nor opened");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "This is our failure. The log says more.").because("fault")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, body: &str) -> Idempotency {
        let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(key).unwrap())]);
        Idempotency::of(&headers, "POST /keys", body.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn an_answer_opens_with_the_same_key_and_request_alone() {
        let first = of("0123456789abcdef", "{}");
        let once = first.once(b"the answer", &Version::told("1")).unwrap();
        assert_eq!(of("0123456789abcdef", "{}").open(&once.answer.sealed).unwrap(), b"the answer");
        assert_eq!(of("0123456789abcdeF", "{}").open(&once.answer.sealed), None);
        assert_eq!(of("0123456789abcdef", "{ }").open(&once.answer.sealed), None);
        assert_ne!(first.once(b"the answer", &Version::told("1")).unwrap().answer.sealed, once.answer.sealed);
    }

    #[test]
    fn neither_the_key_nor_the_answer_is_kept_in_clear() {
        let once = of("0123456789abcdef", "{}").once(b"tg_secret", &Version::told("1")).unwrap();
        let kept = format!("{once:?}");
        assert!(!kept.contains("0123456789abcdef") && !kept.contains("tg_secret"), "{kept}");
    }

    #[test]
    fn what_could_be_guessed_is_no_idempotency_key() {
        for key in ["", "short", "fifteen-letters", &"x".repeat(256), "sixteen letters!"] {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(key).unwrap())]);
            assert!(Idempotency::of(&headers, "", b"").is_err(), "{key}");
        }
        assert!(Idempotency::of(&HeaderMap::new(), "", b"").unwrap().is_none());
    }
}
