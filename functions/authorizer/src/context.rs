//! The context of a response, which mappings and logs read.

use std::borrow::Cow;

use limits::{Caller, Decision, rate_limit, rate_limit_policy};
use policy::header_value::{access_log_value, header_value};

use crate::header_value::{header_list_or_warning, header_value_or_warning};
use crate::identity::Identity;

/// The value of a field that has none and that request mapping reads. With an empty or missing
/// value, the client's own header might stay in place.
pub(crate) const NOTHING: &str = "-";

/// The context of a response. All values are strings.
#[derive(Debug)]
pub(crate) struct Context {
    // Always present, because request mapping reads these.
    pub(crate) decision: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) user_id: Cow<'static, str>,
    pub(crate) issuer: Cow<'static, str>,
    pub(crate) email: Cow<'static, str>,
    pub(crate) roles: Cow<'static, str>,
    pub(crate) near_limit: &'static str,
    pub(crate) over_quota: &'static str,
    pub(crate) key_id: Cow<'static, str>,
    pub(crate) caller: Cow<'static, str>,
    pub(crate) plan: Cow<'static, str>,
    pub(crate) scopes: Cow<'static, str>,
    pub(crate) auth: &'static str,
    pub(crate) route: Cow<'static, str>,
    pub(crate) client_ip: Cow<'static, str>,
    pub(crate) request_id: Cow<'static, str>,
    pub(crate) authorizer_ms: Cow<'static, str>,
    // Absent without a value, because response mapping sends these to clients.
    pub(crate) ratelimit_policy: Option<String>,
    pub(crate) ratelimit: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) remaining: Option<String>,
    pub(crate) reset: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) violated: Option<String>,
    pub(crate) trace_id: Option<String>,
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
        set(&mut self.plan, &header_value(plan));
        if let Some(caller) = &identity.caller {
            self.set_caller(caller);
        }

        if let Some(key) = &identity.key {
            let subject = key.subject.as_deref().unwrap_or_default();
            let scopes = header_list_or_warning("scopes", &key.scopes, ' ');

            set(&mut self.key_id, &header_value(&key.key_id));
            set(
                &mut self.user_id,
                &header_value_or_warning("user_id", subject),
            );
            set(&mut self.scopes, &scopes);
        }
        if let Some(holder) = &identity.certificate {
            set(&mut self.user_id, &header_value(&holder.name));
            set(&mut self.issuer, &access_log_value(&holder.issuer));
        }
        if let Some(bearer) = &identity.bearer {
            set(&mut self.user_id, &header_value(&bearer.subject));
            set(&mut self.issuer, &bearer.issuer);
            set(&mut self.email, &bearer.email);
            set(&mut self.roles, &bearer.role_list);
            set(&mut self.scopes, &bearer.scope_list);
        }
    }

    /// Sets the caller that is charged.
    pub(crate) fn set_caller(&mut self, caller: &Caller) {
        set(&mut self.caller, &access_log_value(&caller.to_string()));
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

    /// Returns the fields that have a value, by name.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always: [(&'static str, &str); 17] = [
            ("decision", self.decision),
            ("reason", self.reason),
            ("user_id", &self.user_id),
            ("issuer", &self.issuer),
            ("email", &self.email),
            ("roles", &self.roles),
            ("near_limit", self.near_limit),
            ("over_quota", self.over_quota),
            ("key_id", &self.key_id),
            ("caller", &self.caller),
            ("plan", &self.plan),
            ("scopes", &self.scopes),
            ("auth", self.auth),
            ("route", &self.route),
            ("client_ip", &self.client_ip),
            ("request_id", &self.request_id),
            ("authorizer_ms", &self.authorizer_ms),
        ];
        let optional: [(&'static str, Option<&str>); 8] = [
            ("ratelimit_policy", self.ratelimit_policy.as_deref()),
            ("ratelimit", self.ratelimit.as_deref()),
            ("limit", self.limit.as_deref()),
            ("remaining", self.remaining.as_deref()),
            ("reset", self.reset.as_deref()),
            ("retry_after", self.retry_after.as_deref()),
            ("violated", self.violated.as_deref()),
            ("trace_id", self.trace_id.as_deref()),
        ];

        let optional = optional.into_iter();
        let present = optional.filter_map(|(name, value)| Some((name, value?)));
        always.into_iter().chain(present)
    }

    /// Returns the user, or else the key, for the `principalId` of an IAM policy.
    pub(crate) fn principal(&self) -> &str {
        [&self.user_id, &self.key_id]
            .into_iter()
            .find(|name| **name != NOTHING)
            .map_or("anonymous", |name| name)
    }
}

/// Encodes the name of a limit. API Gateway does not escape values in the access log, and the name
/// of a quota can contain any printable character.
fn encoded(name: &str) -> String {
    name.replace('%', "%25")
        .replace('"', "%22")
        .replace('\\', "%5C")
}

/// Sets a field, to `-` if `value` is empty.
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
            violated: value(),
            trace_id: value(),
            ..Context::default()
        };

        let names: BTreeSet<_> = context.fields().map(|(name, _)| name.to_owned()).collect();

        assert_eq!(
            names,
            ContextField::ALL.map(|field| field.to_string()).into()
        );
    }
}
