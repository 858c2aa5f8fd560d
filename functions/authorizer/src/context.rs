//! What an answer tells mappings and logs.

use std::borrow::Cow;

use policy::header_value::{access_log_value, header_value};
use serde::Serialize;
use usage::{Decision, rate_limit, rate_limit_policy};

use crate::credentials::Identity;
use crate::header_value::{header_list_or_warning, header_value_or_warning};

/// What stands for nothing in a value that request mapping reads. An empty or absent one might
/// leave the client's own header in place.
const NOTHING: &str = "-";

/// What mappings and logs read: texts, all of them.
#[derive(Debug, Serialize)]
pub(crate) struct Context {
    // Always all there, because request mapping reads them.
    pub(crate) decision: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) user_id: Cow<'static, str>,
    pub(crate) issuer: Cow<'static, str>,
    pub(crate) email: Cow<'static, str>,
    pub(crate) roles: Cow<'static, str>,
    pub(crate) near_limit: &'static str,
    pub(crate) key_id: Cow<'static, str>,
    pub(crate) plan: Cow<'static, str>,
    pub(crate) scopes: Cow<'static, str>,
    pub(crate) auth: &'static str,
    pub(crate) route: Cow<'static, str>,
    pub(crate) request_id: Cow<'static, str>,
    pub(crate) authorizer_ms: Cow<'static, str>,
    // Only there where there is something, because response mapping shows them to clients.
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
}

impl Default for Context {
    fn default() -> Self {
        let nothing = || Cow::Borrowed(NOTHING);
        Self {
            decision: NOTHING,
            reason: NOTHING,
            user_id: nothing(),
            issuer: nothing(),
            email: nothing(),
            roles: nothing(),
            near_limit: "false",
            key_id: nothing(),
            plan: nothing(),
            scopes: nothing(),
            auth: NOTHING,
            route: nothing(),
            request_id: nothing(),
            authorizer_ms: nothing(),
            ratelimit_policy: None,
            ratelimit: None,
            limit: None,
            remaining: None,
            reset: None,
            retry_after: None,
        }
    }
}

impl Context {
    /// Says who calls. Of several credentials, the token names the user and what it may do.
    pub(crate) fn identity(&mut self, identity: &Identity) {
        self.auth = identity.auth();
        set(
            &mut self.plan,
            &header_value(identity.configured_plan().unwrap_or_default()),
        );

        if let Some(key) = &identity.key {
            set(&mut self.key_id, &header_value(&key.key_id));
            set(
                &mut self.user_id,
                &header_value_or_warning("user_id", key.subject.as_deref().unwrap_or_default()),
            );
            set(
                &mut self.scopes,
                &header_list_or_warning("scopes", &key.scopes, ' '),
            );
        }
        if let Some(holder) = &identity.certificate {
            set(&mut self.user_id, &header_value(&holder.name));
            set(&mut self.issuer, &access_log_value(&holder.issuer));
        }
        if let Some(bearer) = &identity.bearer {
            set(&mut self.user_id, &header_value(&bearer.subject));
            set(&mut self.issuer, &bearer.issuer);
            set(&mut self.email, &bearer.email);
            set(&mut self.roles, &bearer.roles);
            set(&mut self.scopes, &bearer.scope_list);
        }
    }

    pub(crate) fn limits(&mut self, decision: &Decision) {
        self.near_limit = if decision.near_limit { "true" } else { "false" };
        self.ratelimit_policy = rate_limit_policy(&decision.limits);
        self.ratelimit = rate_limit(&decision.limits);
        if let Some(nearest) = decision.nearest() {
            self.limit = Some(nearest.limit.to_string());
            self.remaining = Some(nearest.remaining.to_string());
            self.reset = nearest.reset_s.map(|seconds| seconds.to_string());
        }
    }

    /// The user, or else the key, as an IAM policy names who calls.
    pub(crate) fn principal(&self) -> &str {
        [&self.user_id, &self.key_id]
            .into_iter()
            .find(|name| **name != NOTHING)
            .map_or("anonymous", |name| name)
    }
}

/// An empty value is none.
pub(crate) fn set(field: &mut Cow<'static, str>, value: &str) {
    *field = if value.is_empty() {
        Cow::Borrowed(NOTHING)
    } else {
        Cow::Owned(value.to_owned())
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
