//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is repeated is
//! answered as it was.
//!
//! A response with a new secret is stored encrypted (AES-256-GCM) under a key that is derived
//! (HKDF-SHA-256) from the `Idempotency-Key`; another derivation of that is the item's name. So
//! whoever can read the registry and guess the `Idempotency-Key` can read the secret. A request
//! whose response contains a secret is therefore accepted only with an `Idempotency-Key` that looks
//! random.
//!
//! A stored response is valid for 24 hours. Its `ttl` says so to DynamoDB, which deletes late, and
//! to each reader. `exp` says the same within the encrypted text, where whoever can write to the
//! registry cannot change it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::IF_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use outcome::Reason;
use usage::{Admin, AdminError, KEPT_ANSWER_S, Keep, KeptAnswer, KeyRecord, Once, Stored, Version};

use crate::keys::document::{Key, KeyWithSecret};
use crate::problem::{Mistake, Problem, refused};

const HEADER: &str = "idempotency-key";
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=255;
const NONCE: usize = 12;
/// What an encrypted response begins with. An earlier release takes it for a field of the response.
const EXPIRY_PREFIX: &[u8] = b"{\"exp\":";

/// What a request's `Idempotency-Key` stands for.
pub(crate) struct Idempotency {
    id: String,
    request: String,
    prk: Prk,
}

impl Idempotency {
    /// The same for a request whose response contains a secret, so that the header must be hard to
    /// guess.
    ///
    /// # Errors
    /// 400 for a header that is invalid or may be guessed.
    pub(crate) fn of_secret(
        headers: &HeaderMap,
        operation: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let found = Self::of(headers, operation, body)?;
        let sent = headers.get(HEADER).map_or(&[][..], HeaderValue::as_bytes);
        if found.is_some() && !looks_random(sent) {
            return Err(Problem::parameters(vec![Mistake::in_parameter(
                "Idempotency-Key",
                NOT_RANDOM,
            )]));
        }
        Ok(found)
    }

    /// `operation`, `body` and what `If-Match` says are what has to be the same in a repetition.
    ///
    /// # Errors
    /// 400 for a header that cannot be one.
    pub(crate) fn of(
        headers: &HeaderMap,
        operation: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let text = value.as_bytes();
        let plain =
            text.iter().all(|byte| byte.is_ascii_graphic()) && LENGTHS.contains(&text.len());
        if !plain || values.next().is_some() {
            let detail = "expected 16 to 255 visible ASCII characters, such as a random UUID";
            return Err(Problem::parameters(vec![Mistake::in_parameter(
                "Idempotency-Key",
                detail,
            )]));
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
        Ok(Some(Self {
            id: URL_SAFE_NO_PAD.encode(id),
            request,
            prk,
        }))
    }

    /// A name for what the request does, so that it is done once.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What is to be kept beside what the request does: the answer, a JSON object, sealed with its
    /// expiry, and the version of what it shows. `None` where it cannot be sealed.
    fn once(&self, answer: &[u8], version: &Version, now: Timestamp) -> Option<Once> {
        let expires_at = now.as_second() + KEPT_ANSWER_S;
        let mut sealed = [
            EXPIRY_PREFIX,
            expires_at.to_string().as_bytes(),
            b",",
            answer.strip_prefix(b"{")?,
        ]
        .concat();
        let nonce = self
            .key()
            .ok()?
            .seal_in_place_append_tag(Aad::from(self.request.as_bytes()), &mut sealed);
        let sealed = URL_SAFE_NO_PAD.encode([nonce.ok()?.as_ref().as_slice(), &sealed].concat());
        let (request, version) = (self.request.clone(), Some(version.as_str().to_owned()));
        Some(Once {
            id: self.id.clone(),
            answer: KeptAnswer {
                request,
                sealed,
                version,
            },
        })
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
        let kept = admin
            .kept_answer(&self.id, now)
            .await
            .map_err(|error| refused(error, "answer"))?;
        let Some(kept) = kept else { return Ok(None) };
        if kept.request != self.request {
            return Err(Problem::another_request());
        }

        let opened = self.open(&kept.sealed).ok_or_else(failure)?;
        let Some(answer) = unexpired(opened, now) else {
            return Ok(None);
        };
        Ok(Some((answer, kept.version.as_deref().map(Version::told))))
    }

    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let opened = self
            .key()
            .ok()?
            .open_in_place(nonce, Aad::from(self.request.as_bytes()), &mut text)
            .ok()?;
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
    response.headers_mut().insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
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
        serde_json::to_vec(&KeyWithSecret {
            key: self.key.clone(),
            shown: Key::of(made.clone(), self.now),
        })
    }
}

impl Keep for KeyAnswer<'_> {
    fn keep(&self, made: &Stored<KeyRecord>) -> Result<Option<Once>, AdminError> {
        let Some(idempotency) = self.idempotency else {
            return Ok(None);
        };
        let body = self
            .body(&made.document)
            .map_err(|_| AdminError::Unsealed)?;
        idempotency
            .once(&body, &made.version, self.now)
            .map(Some)
            .ok_or(AdminError::Unsealed)
    }
}

const NOT_RANDOM: &str = "it protects the new secret, so it must be random: a UUID of version 4, at least 32 hexadecimal digits with \
    a letter among them, or at least 22 characters of base64url with upper case, lower case and a digit among them; \
    for example from `openssl rand -hex 16`";

/// True for the forms that random numbers of 122 bits or more are written in. A time, a counter or
/// a name is not taken for one.
fn looks_random(text: &[u8]) -> bool {
    let all = |is: fn(&u8) -> bool| text.iter().all(is);
    let any = |is: fn(&u8) -> bool| text.iter().any(is);

    let is_hexadecimal =
        text.len() >= 32 && all(u8::is_ascii_hexdigit) && any(u8::is_ascii_alphabetic);
    let is_base64url = text.len() >= 22
        && all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_digit);
    is_uuid_v4(text) || is_hexadecimal || is_base64url
}

/// RFC 9562, section 5.4: `xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx`, N being 8, 9, a or b.
fn is_uuid_v4(text: &[u8]) -> bool {
    let fits = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => *byte == b'4',
        19 => b"89abAB".contains(byte),
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

/// The response without its expiry. `None` after that. What an earlier release stored has none of
/// its own.
fn unexpired(opened: Vec<u8>, now: Timestamp) -> Option<Vec<u8>> {
    let Some(rest) = opened.strip_prefix(EXPIRY_PREFIX) else {
        return Some(opened);
    };
    let end = rest.iter().position(|byte| *byte == b',')?;
    let expires_at: i64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    (expires_at >= now.as_second()).then(|| [b"{", &rest[end + 1..]].concat())
}

fn derive(prk: &Prk, purpose: &[u8], out: &mut [u8; 32]) -> Result<(), Problem> {
    let info = [purpose];
    let okm = prk.expand(&info, HKDF_SHA256).map_err(|_| failure())?;
    okm.fill(out).map_err(|_| failure())
}

fn failure() -> Problem {
    tracing::error!(
        reason = "fault",
        "an answer can be neither sealed nor opened"
    );
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "This is our failure. The log says more.",
    )
    .because(Reason::Fault.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

    fn of(key: &str, body: &str) -> Idempotency {
        Idempotency::of(&sent(key), "POST /keys", body.as_bytes())
            .unwrap()
            .unwrap()
    }

    fn sent(key: &str) -> HeaderMap {
        HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(key).unwrap())])
    }

    fn once(idempotency: &Idempotency, answer: &[u8]) -> Once {
        idempotency.once(answer, &Version::told("1"), NOW).unwrap()
    }

    fn opened(idempotency: &Idempotency, sealed: &str, now: Timestamp) -> Option<Vec<u8>> {
        unexpired(idempotency.open(sealed)?, now)
    }

    #[test]
    fn an_answer_opens_with_the_same_key_and_request_alone() {
        let first = of("0123456789abcdef", "{}");
        let sealed = once(&first, br#"{"key":"tg_a"}"#).answer.sealed;
        let opened = |key: &str, body: &str| opened(&of(key, body), &sealed, NOW);
        assert_eq!(
            opened("0123456789abcdef", "{}").unwrap(),
            br#"{"key":"tg_a"}"#
        );
        assert_eq!(opened("0123456789abcdeF", "{}"), None);
        assert_eq!(opened("0123456789abcdef", "{ }"), None);
        assert_ne!(once(&first, br#"{"key":"tg_a"}"#).answer.sealed, sealed);
    }

    #[test]
    fn an_answer_does_not_open_after_a_day_whatever_its_item_says() {
        let idempotency = of("0123456789abcdef", "{}");
        let sealed = once(&idempotency, br#"{"key":"tg_a"}"#).answer.sealed;
        let end = NOW + jiff::SignedDuration::from_secs(KEPT_ANSWER_S);
        assert!(opened(&idempotency, &sealed, end).is_some());
        assert_eq!(
            opened(
                &idempotency,
                &sealed,
                end + jiff::SignedDuration::from_secs(1)
            ),
            None
        );
    }

    #[test]
    fn the_release_before_and_this_one_open_what_the_other_has_sealed() {
        let idempotency = of("0123456789abcdef", "{}");
        let sealed = once(&idempotency, br#"{"key":"tg_a"}"#).answer.sealed;
        let as_before: serde_json::Value =
            serde_json::from_slice(&idempotency.open(&sealed).unwrap()).unwrap();
        assert_eq!(as_before["key"], "tg_a");
        assert_eq!(
            unexpired(br#"{"key":"tg_a"}"#.to_vec(), NOW).unwrap(),
            br#"{"key":"tg_a"}"#
        );
    }

    #[test]
    fn neither_the_key_nor_the_answer_is_kept_in_clear() {
        let once = once(&of("0123456789abcdef", "{}"), br#"{"key":"tg_secret"}"#);
        let kept = format!("{once:?}");
        assert!(
            !kept.contains("0123456789abcdef") && !kept.contains("tg_secret"),
            "{kept}"
        );
    }

    #[test]
    fn a_header_of_another_form_is_no_idempotency_key() {
        for key in [
            "",
            "short",
            "fifteen-letters",
            &"x".repeat(256),
            "sixteen letters!",
        ] {
            assert!(Idempotency::of(&sent(key), "", b"").is_err(), "{key}");
        }
        assert!(
            Idempotency::of(&HeaderMap::new(), "", b"")
                .unwrap()
                .is_none()
        );
        assert!(
            Idempotency::of_secret(&HeaderMap::new(), "", b"")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_secret_is_sealed_only_with_what_looks_random() {
        for key in [
            "0189f0e5-7b1c-4c2d-9b3a-5f3a9c0e7d1b",
            "0189F0E5-7B1C-4C2D-AB3A-5F3A9C0E7D1B",
            "5f3a9c0e7d1b4286a0c4e8f1b7d93526",
            &"5f3a9c0e7d1b4286".repeat(15),
            "Zm9vYmFyYmF6cXV4MTIzNA",
            "a-B_2aaaaaaaaaaaaaaaaa",
        ] {
            assert!(
                Idempotency::of_secret(&sent(key), "", b"")
                    .unwrap()
                    .is_some(),
                "{key}"
            );
        }
        for key in [
            "1795864918023053632-3587",
            "2026-11-22T12:00:00.000000000Z",
            "a-key-for-the-team-of-2026",
            "00000000000000000000000000000001",
            "5f3a9c0e7d1b4286a0c4e8f1b7d9352",
            "5f3a9c0e7d1b4286a0c4e8f1b7d9352g",
            "0189f0e5-7b1c-1c2d-9b3a-5f3a9c0e7d1b",
            "0189f0e5-7b1c-7c2d-9b3a-5f3a9c0e7d1b",
            "0189f0e5-7b1c-4c2d-cb3a-5f3a9c0e7d1b",
            "Zm9vYmFyYmF6cXV4MTIzN",
            "ZM9VYMFYYMF6CXV4MTIZNA",
            "ZmuvYmFyYmFacXVaMTIzNA+",
        ] {
            let problem =
                serde_json::to_value(Idempotency::of_secret(&sent(key), "", b"").err().unwrap())
                    .unwrap();
            assert_eq!(problem["status"], 400, "{key}");
            assert!(
                problem["errors"][0]["detail"]
                    .as_str()
                    .unwrap()
                    .contains("UUID of version 4"),
                "{problem}"
            );
        }
    }
}
