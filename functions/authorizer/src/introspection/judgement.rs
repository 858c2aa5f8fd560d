//! The claims of an introspection response, checked against what the policy requires of the server.

use jiff::Timestamp;
use outcome::Reason;
use policy::{IntrospectionServer, TimeLimits};
use serde_json::{Map, Value};

use crate::token::bearer::Bearer;
use crate::token::claims::string;
use crate::token::times::Times;

/// The limits on the instants in a response.
pub(super) fn limits(server: &IntrospectionServer) -> TimeLimits {
    TimeLimits {
        tolerance_s: server.tolerance_s,
        max_lifetime_s: None,
    }
}

/// RFC 7662, section 4: a response that says `active` may still be for another resource server, or
/// not be valid now.
pub(super) fn judge(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<Bearer, Reason> {
    if claims.get("active") != Some(&Value::Bool(true)) {
        return Err(Reason::InvalidToken);
    }
    let times = Times::read(claims)?;
    times.check(now, limits(server))?;

    if !is_issued_as_configured(server, claims)? || !is_for_us(server, claims) {
        return Err(Reason::InvalidClaims);
    }
    Bearer::read(claims, times, &server.mapping, "introspection")
}

/// A server never speaks for another issuer than the configured one. Without one, its users are
/// those of the endpoint, and `iss` has no meaning.
fn is_issued_as_configured(
    server: &IntrospectionServer,
    claims: &Map<String, Value>,
) -> Result<bool, Reason> {
    let issuer = string(claims, "iss")?;
    Ok(server.issuer.is_none() || issuer == server.issuer.as_deref())
}

fn is_for_us(server: &IntrospectionServer, claims: &Map<String, Value>) -> bool {
    let ours = |audience: &Value| {
        audience
            .as_str()
            .is_some_and(|name| server.audiences.iter().any(|our| our == name))
    };
    match claims.get("aud") {
        _ if server.audiences.is_empty() => true,
        Some(Value::Array(audiences)) => {
            audiences.iter().all(Value::is_string) && audiences.iter().any(ours)
        }
        Some(audience) => ours(audience),
        None => false,
    }
}
