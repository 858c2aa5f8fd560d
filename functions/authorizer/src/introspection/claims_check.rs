//! Checks the claims of an introspection response against the policy.

use jiff::Timestamp;
use policy::{IntrospectionServer, TimeLimits};
use serde_json::{Map, Value};

use super::AUTH;
use crate::token::bearer::Bearer;
use crate::token::claims::string;
use crate::token::refusal::TokenRefusal;
use crate::token::times::Times;

/// The claims in which servers say what kind of token it is.
const KIND_CLAIMS: [&str; 2] = ["token_use", "token_type"];
const REFRESH_TOKEN: &str = "refresh_token";

/// Returns the limits for the times of a response.
pub(super) fn limits(server: &IntrospectionServer) -> TimeLimits {
    TimeLimits {
        tolerance_s: server.tolerance_s,
        max_lifetime_s: None,
    }
}

/// Returns the bearer of a token with these claims. A response with `active` may still be for
/// another resource server or another time (RFC 7662, section 4).
///
/// # Errors
/// The reason of a 401.
pub(super) fn bearer(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<Bearer, TokenRefusal> {
    check_active(claims)?;
    let times = Times::read(claims)?;
    times.check(now, limits(server))?;

    check_issuer(server, claims)?;
    check_audience(server, claims)?;
    let mapping = &server.mapping;
    Bearer::read(claims, times, mapping, &mapping.issuer, AUTH)
}

/// Returns the times of a token that is active at `now`, or `None` for a token that is not. The token
/// is a JWT whose claims were checked before, so only its status counts here. Some servers omit
/// `iss`, which is then that of the JWT.
pub(super) fn active_times(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Option<Times> {
    let is_active = claims.get("active") == Some(&Value::Bool(true));
    let is_of_issuer = match string(claims, "iss") {
        Ok(Some(issuer)) => server.issuer.as_deref() == Some(issuer),
        Ok(None) => true,
        Err(_) => false,
    };

    let times = Times::read(claims).ok()?;
    let is_valid_now = times.check(now, limits(server)).is_ok();
    (is_active && is_of_issuer && is_valid_now).then_some(times)
}

/// Checks that the token is active and no refresh token, which servers report as active too
/// (RFC 7662, section 2.1). A resource server must not accept one.
pub(super) fn check_active(claims: &Map<String, Value>) -> Result<(), TokenRefusal> {
    if claims.get("active") != Some(&Value::Bool(true)) {
        return Err(TokenRefusal::invalid_token("inactive"));
    }

    let is_refresh_token = KIND_CLAIMS
        .iter()
        .filter_map(|name| claims.get(*name)?.as_str())
        .any(|kind| kind.eq_ignore_ascii_case(REFRESH_TOKEN));
    if is_refresh_token {
        return Err(TokenRefusal::invalid_token("type"));
    }
    Ok(())
}

/// Checks that the token is of the configured issuer. Without one, the users are those of the
/// endpoint, and `iss` has no meaning.
pub(super) fn check_issuer(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
) -> Result<(), TokenRefusal> {
    let issuer = string(claims, "iss")?;
    if server.issuer.is_none() || issuer == server.issuer.as_deref() {
        Ok(())
    } else {
        Err(TokenRefusal::invalid_claims("issuer"))
    }
}

/// Checks that the token is for a configured audience, if there are any.
pub(super) fn check_audience(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
) -> Result<(), TokenRefusal> {
    if is_for_us(server, claims) {
        Ok(())
    } else {
        Err(TokenRefusal::invalid_claims("audience"))
    }
}

fn is_for_us(server: &IntrospectionServer, claims: &Map<String, Value>) -> bool {
    let is_ours = |audience: &Value| {
        audience
            .as_str()
            .is_some_and(|name| server.audiences.iter().any(|our| our == name))
    };

    match claims.get("aud") {
        _ if server.audiences.is_empty() => true,
        Some(Value::Array(audiences)) => {
            audiences.iter().all(Value::is_string) && audiences.iter().any(is_ours)
        }
        Some(audience) => is_ours(audience),
        None => false,
    }
}
