//! Who bears a token, as its issuer says.

use serde_json::{Map, Value};
use usage::Caller;

use crate::Reason;
use crate::jws::decoded;
use crate::times::Times;

/// OpenID Connect Core, section 2: a subject has at most 255 characters.
const LONGEST_SUBJECT: usize = 255;

/// What a token that holds says. Nothing of this is ever logged.
pub(crate) struct Bearer {
    pub(crate) caller: Caller,
    /// The word for it in the context: `jwt` or `introspection`.
    pub(crate) auth: &'static str,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// Its plan; `None` where neither the token nor the policy names one.
    pub(crate) plan: Option<String>,
    pub(crate) times: Times,
    /// The certificate that it is bound to (RFC 8705, section 3.1), by its SHA-256.
    pub(crate) bound_to: Option<[u8; 32]>,
}

/// Which claims are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) user_claim: String,
    pub(crate) plan_claim: Option<String>,
    pub(crate) default_plan: Option<String>,
}

impl Bearer {
    /// Reads the claims of a token that `issuer` vouches for.
    pub(crate) fn read(
        claims: &Map<String, Value>,
        issuer: &str,
        times: Times,
        reading: &Reading,
        auth: &'static str,
    ) -> Result<Self, Reason> {
        let subject = text(claims, &reading.user_claim)?.ok_or(Reason::InvalidClaims)?;
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
            return Err(Reason::InvalidClaims);
        }
        let plan = match &reading.plan_claim {
            Some(claim) => text(claims, claim)?,
            None => None,
        };
        Ok(Self {
            caller: Caller::from_subject(issuer, subject),
            auth,
            bound_to: bound_to(claims)?,
            subject: subject.to_owned(),
            email: email(claims),
            roles: texts(claims, "roles", |_| true)?,
            scopes: scopes(claims)?,
            plan: plan.map(str::to_owned).or_else(|| reading.default_plan.clone()),
            times,
        })
    }
}

/// What is bound to anything but a certificate is no bearer token: whoever shows it has to prove more than
/// can be proved here.
fn bound_to(claims: &Map<String, Value>) -> Result<Option<[u8; 32]>, Reason> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    let members = confirmation.as_object().filter(|members| members.len() == 1);
    let thumbprint = members.and_then(|members| members.get("x5t#S256")).and_then(Value::as_str).and_then(decoded);
    thumbprint.and_then(|hash| hash.try_into().ok()).map(Some).ok_or(Reason::InvalidClaims)
}

/// An address that the issuer says is not its user's is nobody's.
fn email(claims: &Map<String, Value>) -> Option<String> {
    let unverified = claims.get("email_verified").is_some_and(|verified| *verified != true && verified != "true");
    claims.get("email").and_then(Value::as_str).filter(|_| !unverified).map(str::to_owned)
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, Reason> {
    claims.get(name).map(|value| value.as_str().ok_or(Reason::InvalidClaims)).transpose()
}

/// `scope` of RFC 8693, section 4.2, and `scp`, in both forms that there are of either.
fn scopes(claims: &Map<String, Value>) -> Result<Vec<String>, Reason> {
    let mut scopes = texts(claims, "scope", is_scope)?;
    for scope in texts(claims, "scp", is_scope)? {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// A list of texts, or one text with white space between them.
fn texts(claims: &Map<String, Value>, name: &str, admitted: fn(&str) -> bool) -> Result<Vec<String>, Reason> {
    let texts: Vec<&str> = match claims.get(name) {
        None => Vec::new(),
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(items)) => {
            items.iter().map(Value::as_str).collect::<Option<_>>().ok_or(Reason::InvalidClaims)?
        }
        Some(_) => return Err(Reason::InvalidClaims),
    };
    let all = texts.iter().all(|text| admitted(text));
    if all { Ok(texts.into_iter().map(str::to_owned).collect()) } else { Err(Reason::InvalidClaims) }
}

/// A scope-token of RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(mut claims: Value) -> Result<Bearer, Reason> {
        let reading = Reading {
            user_claim: "sub".to_owned(),
            plan_claim: Some("plan".to_owned()),
            default_plan: Some("free".to_owned()),
        };
        if claims.get("sub").is_none() {
            claims["sub"] = "alice".into();
        }
        let claims = claims.as_object().unwrap();
        Bearer::read(claims, "https://a", Times::read(claims).unwrap(), &reading, "jwt")
    }

    fn scopes(claims: Value) -> Option<String> {
        read(claims).ok().map(|bearer| bearer.scopes.join(" "))
    }

    #[test]
    fn scopes_are_the_same_however_they_are_written() {
        for claims in [
            json!({"scope": "a b"}),
            json!({"scope": " a   b "}),
            json!({"scope": "a\tb"}),
            json!({"scp": ["a", "b"]}),
            json!({"scp": "a b"}),
            json!({"scope": ["a", "b"]}),
            json!({"scope": "a", "scp": ["a", "b"]}),
        ] {
            assert_eq!(scopes(claims.clone()).as_deref(), Some("a b"), "{claims}");
        }
        assert_eq!(scopes(json!({})).as_deref(), Some(""));
    }

    #[test]
    fn scopes_that_are_none_are_refused() {
        for value in [
            json!(1),
            json!(null),
            json!({}),
            json!(["a", 1]),
            json!(["a b"]),
            json!([""]),
            json!("a\"b"),
            json!("\u{fc}"),
        ] {
            assert_eq!(scopes(json!({"scope": value})), None, "scope {value}");
            assert_eq!(scopes(json!({"scp": value})), None, "scp {value}");
        }
    }

    #[test]
    fn a_subject_is_a_text_of_bounded_length() {
        for subject in [json!(""), json!(7), json!(null), json!(["alice"]), json!("x".repeat(256))] {
            assert_eq!(read(json!({"sub": subject})).err(), Some(Reason::InvalidClaims), "{subject}");
        }
        assert_eq!(read(json!({"sub": "-"})).unwrap().subject, "-");
    }

    #[test]
    fn a_plan_is_the_tokens_or_the_default() {
        assert_eq!(read(json!({})).unwrap().plan.as_deref(), Some("free"));
        assert_eq!(read(json!({"plan": "pro"})).unwrap().plan.as_deref(), Some("pro"));
        assert_eq!(read(json!({"plan": 1})).err(), Some(Reason::InvalidClaims));
    }

    #[test]
    fn an_email_that_is_not_verified_is_none() {
        let email = |claims: Value| read(claims).unwrap().email;
        assert_eq!(email(json!({"email": "a@b"})).as_deref(), Some("a@b"));
        assert_eq!(email(json!({"email": "a@b", "email_verified": "true"})).as_deref(), Some("a@b"));
        for unverified in [json!(false), json!("false"), json!(null), json!(0)] {
            assert_eq!(email(json!({"email": "a@b", "email_verified": unverified})), None);
        }
    }
}
