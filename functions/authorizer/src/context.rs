//! The context of a response, which mappings and logs read.

use limits::{Caller, Decision, rate_limit, rate_limit_policy};
use policy::header_value::{access_log_value, header_value};
use serde::Serialize;

use crate::context_text::ContextText;
use crate::header_value::{header_list_or_warning, header_value_or_warning};
use crate::identity::Identity;

/// The value of a field that has none and that request mapping reads. With an empty or missing
/// value, the client's own header might stay in place.
pub(crate) const NOTHING: &str = "-";

/// The context of a response. All values are strings.
#[derive(Debug, Serialize)]
pub(crate) struct Context {
    // Always present, because request mapping reads these.
    pub(crate) decision: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) user_id: ContextText,
    pub(crate) issuer: ContextText,
    pub(crate) email: ContextText,
    pub(crate) roles: ContextText,
    pub(crate) near_limit: &'static str,
    pub(crate) over_quota: &'static str,
    pub(crate) key_id: ContextText,
    pub(crate) caller: ContextText,
    pub(crate) plan: ContextText,
    pub(crate) scopes: ContextText,
    pub(crate) auth: &'static str,
    pub(crate) route: ContextText,
    pub(crate) client_ip: ContextText,
    pub(crate) request_id: ContextText,
    pub(crate) authorizer_ms: ContextText,
    // Absent without a value, because response mapping sends these to clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratelimit_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratelimit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remaining: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) violated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

impl Default for Context {
    fn default() -> Self {
        let nothing = || ContextText::Constant(NOTHING);
        Self {
            decision: NOTHING,
            reason: NOTHING,
            user_id: nothing(),
            issuer: nothing(),
            email: nothing(),
            roles: nothing(),
            near_limit: "false",
            over_quota: "false",
            key_id: nothing(),
            caller: nothing(),
            plan: nothing(),
            scopes: nothing(),
            auth: NOTHING,
            route: nothing(),
            client_ip: nothing(),
            request_id: nothing(),
            authorizer_ms: nothing(),
            ratelimit_policy: None,
            ratelimit: None,
            limit: None,
            remaining: None,
            reset: None,
            retry_after: None,
            violated: None,
            trace_id: None,
        }
    }
}

impl Context {
    /// Sets the fields that identify the caller. Of several credentials, the token determines the
    /// user, the roles and the scopes.
    pub(crate) fn set_identity(&mut self, identity: &Identity) {
        self.auth = identity.auth();
        let plan = identity.configured_plan().unwrap_or_default();
        set(&mut self.plan, header_value(plan));
        match (&identity.caller, &identity.bearer) {
            // Its text is remembered with the token.
            (Some(caller), Some(bearer)) if *caller == bearer.caller => {
                set(&mut self.caller, &bearer.caller_value);
            }
            (Some(caller), _) => self.set_caller(caller),
            (None, _) => {}
        }

        if let Some(key) = &identity.key {
            let subject = key.subject.as_deref().unwrap_or_default();
            let scopes = header_list_or_warning("scopes", &key.scopes, ' ');

            set(&mut self.key_id, header_value(&key.key_id));
            set(
                &mut self.user_id,
                header_value_or_warning("user_id", subject),
            );
            set(&mut self.scopes, scopes);
        }
        if let Some(holder) = &identity.certificate {
            set(&mut self.user_id, header_value(&holder.name));
            set(&mut self.issuer, access_log_value(&holder.issuer));
        }
        if let Some(bearer) = &identity.bearer {
            set(&mut self.user_id, &bearer.user);
            set(&mut self.issuer, &bearer.issuer);
            set(&mut self.email, &bearer.email);
            set(&mut self.roles, &bearer.role_list);
            set(&mut self.scopes, &bearer.scope_list);
        }
    }

    /// Sets the caller that is charged.
    pub(crate) fn set_caller(&mut self, caller: &Caller) {
        set(&mut self.caller, caller_value(caller));
    }

    /// Sets the fields about limits.
    pub(crate) fn set_limits(&mut self, decision: &Decision) {
        self.near_limit = if decision.near_limit { "true" } else { "false" };
        self.over_quota = if decision.over_quota { "true" } else { "false" };
        self.ratelimit_policy = rate_limit_policy(&decision.limits);
        self.ratelimit = rate_limit(&decision.limits);
        self.violated = decision
            .longest_violated()
            .map(|limit| encoded(&limit.name));

        if let Some(nearest) = decision.nearest() {
            self.limit = Some(nearest.limit.to_string());
            self.remaining = Some(nearest.remaining.to_string());
            self.reset = nearest.reset_s.map(|seconds| seconds.to_string());
        }
    }

    /// Returns the user, or else the key, for the `principalId` of an IAM policy.
    pub(crate) fn principal(&self) -> &str {
        [&self.user_id, &self.key_id]
            .into_iter()
            .map(|name| &**name)
            .find(|name| *name != NOTHING)
            .unwrap_or("anonymous")
    }
}

/// Returns the value of a caller.
pub(crate) fn caller_value(caller: &Caller) -> String {
    access_log_value(&caller.to_string()).into_owned()
}

/// Encodes the name of a limit. API Gateway does not escape values in the access log, and the name
/// of a quota can contain any printable character.
fn encoded(name: &str) -> String {
    name.replace('%', "%25")
        .replace('"', "%22")
        .replace('\\', "%5C")
}

/// Sets a field, to `-` if `value` is empty.
pub(crate) fn set(field: &mut ContextText, value: impl Into<ContextText>) {
    let value = value.into();
    *field = if value.is_empty() {
        ContextText::Constant(NOTHING)
    } else {
        value
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use outcome::ContextField;

    use super::*;

    #[test]
    fn the_context_has_exactly_the_documented_fields() {
        let value = || Some("1".to_owned());
        let context = Context {
            ratelimit_policy: value(),
            ratelimit: value(),
            limit: value(),
            remaining: value(),
            reset: value(),
            retry_after: value(),
            violated: value(),
            trace_id: value(),
            ..Context::default()
        };

        let context = serde_json::to_value(context).unwrap();
        let names: BTreeSet<_> = context.as_object().unwrap().keys().cloned().collect();

        assert_eq!(
            names,
            ContextField::ALL.map(|field| field.to_string()).into()
        );
    }
}
