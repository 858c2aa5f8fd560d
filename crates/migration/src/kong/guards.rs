//! The access that a route requires, from the plugins that run for it.

use std::collections::BTreeSet;

use super::access::{Access, Guard};
use super::acl;
use super::address_lists::AddressLists;
use super::catalog::{Effect, effect};
use super::entities::{Configuration, Index, Plugin, PluginTable, Request, Scope};
use super::issuers::Issuers;
use crate::Findings;

const KEY_AUTH: &str = "key-auth";
const JWT: &str = "jwt";
const ACL: &str = "acl";
const REQUEST_TERMINATION: &str = "request-termination";
const IP_RESTRICTION: &str = "ip-restriction";

/// The settings of `key-auth` whose meaning is known.
const KEY_AUTH_SETTINGS: [&str; 9] = [
    "anonymous",
    "hide_credentials",
    "identity_realms",
    "key_in_body",
    "key_in_header",
    "key_in_query",
    "key_names",
    "realm",
    "run_on_preflight",
];
/// The settings of `jwt` whose meaning is known.
const JWT_SETTINGS: [&str; 10] = [
    "anonymous",
    "claims_to_verify",
    "cookie_names",
    "header_names",
    "key_claim_name",
    "maximum_expiration",
    "realm",
    "run_on_preflight",
    "secret_is_base64",
    "uri_param_names",
];

/// Determines the access that routes require.
pub(super) struct Guards<'c> {
    pub(super) configuration: &'c Configuration,
    pub(super) table: &'c PluginTable<'c>,
    pub(super) issuers: &'c Issuers,
    pub(super) addresses: &'c AddressLists,
    /// The names of plugins that may restrict access in a way that is not known.
    unknown_guards: BTreeSet<&'c str>,
}

/// A credential that a plugin requires.
enum Requirement {
    /// The plugin does not run.
    Absent,
    /// The plugin cannot be converted.
    Unknown,
    Required,
    /// Without this credential, the request continues as an anonymous consumer.
    Optional,
}

impl<'c> Guards<'c> {
    pub(super) fn new(
        configuration: &'c Configuration,
        table: &'c PluginTable<'c>,
        issuers: &'c Issuers,
        addresses: &'c AddressLists,
    ) -> Self {
        let names = configuration
            .plugins
            .iter()
            .map(|plugin| plugin.name.as_str());
        Self {
            configuration,
            table,
            issuers,
            addresses,
            unknown_guards: names.filter(|name| effect(name) == Effect::Guard).collect(),
        }
    }

    /// Returns the access that a route requires.
    pub(super) fn access(&self, route: Index, findings: &mut Findings) -> Access {
        let declared = &self.configuration.routes[route];
        let request = Request {
            route: Some(route),
            service: declared.service,
            ..Request::default()
        };
        let service = declared
            .service
            .map(|index| &self.configuration.services[index]);
        let unknown = declared.unknown.as_ref();
        if let Some(reason) = unknown.or_else(|| service?.unknown.as_ref()) {
            findings.closed(
                &declared.origin,
                format!("{reason}, so every request is refused"),
            );
            return Access::Closed;
        }

        for name in &self.unknown_guards {
            if let Some(plugin) = self.table.effective(name, request) {
                let text = format!(
                    "{}: {name} may restrict access and is not supported, so every request is refused",
                    declared.origin.what
                );
                findings.closed(&plugin.origin, text);
                return Access::Closed;
            }
        }
        if let Some(plugin) = self.table.effective(REQUEST_TERMINATION, request)
            && is_termination(plugin, findings)
        {
            let text = format!(
                "{}: a rule refuses every request with 401 or 403, without the status and the body of Kong",
                declared.origin.what
            );
            findings.not_mapped(&plugin.origin, text);
            return Access::Closed;
        }

        let access = self.credentials(route, request, findings);
        let access = self.with_groups(access, request, findings);
        self.with_addresses(access, request, findings)
    }

    fn credentials(&self, route: Index, request: Request<'_>, findings: &mut Findings) -> Access {
        let origin = &self.configuration.routes[route].origin;
        let keys = self.requirement(KEY_AUTH, &KEY_AUTH_SETTINGS, request, findings);
        let tokens = self.requirement(JWT, &JWT_SETTINGS, request, findings);

        let guard = |keys, tokens| {
            let guard = Guard {
                keys,
                tokens: tokens && !self.issuers.is_empty(),
                ..Guard::default()
            };
            guard.access()
        };
        match (keys, tokens) {
            (Requirement::Unknown, _) | (_, Requirement::Unknown) => Access::Closed,
            (Requirement::Absent, Requirement::Absent) => Access::OPEN,
            (Requirement::Required, Requirement::Required) => {
                let text = "key-auth and jwt are both required; a rule accepts either, so every request is refused";
                findings.closed(origin, text);
                Access::Closed
            }
            (Requirement::Optional, Requirement::Optional) => guard(true, true),
            (Requirement::Required, _) | (Requirement::Optional, Requirement::Absent) => {
                guard(true, false)
            }
            (_, Requirement::Required) | (Requirement::Absent, Requirement::Optional) => {
                if self.issuers.is_empty() {
                    let text =
                        "no issuer of tokens could be converted, so every request is refused";
                    findings.closed(origin, text);
                }
                guard(false, true)
            }
        }
    }

    fn requirement(
        &self,
        name: &str,
        known: &[&str],
        request: Request<'_>,
        findings: &mut Findings,
    ) -> Requirement {
        let Some(plugin) = self.table.effective(name, request) else {
            return Requirement::Absent;
        };
        if let Some(problem) = auth_problem(plugin, known) {
            findings.closed(
                &plugin.origin,
                format!("{problem}, so every request is refused"),
            );
            return Requirement::Unknown;
        }

        match plugin.text("anonymous") {
            Ok(None) => Requirement::Required,
            Ok(Some("")) => Requirement::Required,
            Ok(Some(anonymous)) => {
                self.report_anonymous(plugin, anonymous, request, findings);
                Requirement::Optional
            }
            Err(problem) => {
                findings.closed(
                    &plugin.origin,
                    format!("{problem}, so every request is refused"),
                );
                Requirement::Unknown
            }
        }
    }

    /// Reports requests without credentials, unless Kong refuses them too.
    fn report_anonymous(
        &self,
        plugin: &Plugin,
        anonymous: &str,
        request: Request<'_>,
        findings: &mut Findings,
    ) {
        let consumer = self.configuration.consumers.iter().position(|known| {
            let names = [&known.id, &known.username, &known.custom_id];
            names.iter().any(|name| name.as_deref() == Some(anonymous))
        });
        let request = Request {
            consumer,
            ..request
        };
        let is_refused = consumer.is_some()
            && self
                .table
                .effective(REQUEST_TERMINATION, request)
                .is_some_and(|plugin| plugin.scope.consumer == consumer);
        if !is_refused {
            let text = format!(
                "requests without credentials, which Kong serves as the consumer {anonymous}, are refused"
            );
            findings.stricter(&plugin.origin, text);
        }
    }

    /// Adds the groups of `acl`.
    fn with_groups(&self, access: Access, request: Request<'_>, findings: &mut Findings) -> Access {
        let Some(plugin) = self.table.effective(ACL, request) else {
            return access;
        };
        let list = match acl::GroupList::read(plugin) {
            Ok(list) => list,
            Err(problem) => {
                findings.closed(
                    &plugin.origin,
                    format!("{problem}, so every request is refused"),
                );
                return Access::Closed;
            }
        };

        match access {
            Access::Guarded(guard) => {
                let accepted = |index: Index| list.accepts(&self.configuration.consumers[index]);
                let issuers = self.issuers.of_consumers(accepted);
                list.restrict(guard, issuers, plugin, findings)
            }
            Access::Closed => Access::Closed,
            Access::Open { .. } => {
                let text =
                    "acl without key-auth or jwt refuses every request, and so does the rule";
                findings.not_mapped(&plugin.origin, text);
                Access::Closed
            }
        }
    }

    /// Adds the addresses of `ip-restriction`.
    fn with_addresses(
        &self,
        access: Access,
        request: Request<'_>,
        findings: &mut Findings,
    ) -> Access {
        let Some(plugin) = self.table.effective(IP_RESTRICTION, request) else {
            return access;
        };
        if plugin.scope == Scope::default() && self.addresses.has_allowed() {
            // All keys have `allowed_ips`. Nothing else is restricted by addresses.
            return match access {
                Access::Guarded(guard) if guard.keys => {
                    if guard.tokens {
                        let text =
                            "tokens cannot be restricted to addresses, so only keys are accepted";
                        findings.stricter(&plugin.origin, text);
                    }
                    let guard = Guard {
                        tokens: false,
                        ..guard
                    };
                    guard.access()
                }
                _ => {
                    let text = "only keys can be restricted to addresses, so other routes refuse every request";
                    findings.closed(&plugin.origin, text);
                    Access::Closed
                }
            };
        }
        if AddressLists::has_only_denied(plugin) {
            return access;
        }

        let text = "a route cannot be restricted to addresses, so every request is refused; \
                    `allowed_ips` of keys restricts them";
        findings.closed(&plugin.origin, text);
        Access::Closed
    }
}

/// True if the plugin ends every request. Reports it if it does not.
pub(super) fn is_termination(plugin: &Plugin, findings: &mut Findings) -> bool {
    if plugin.setting("trigger").is_none() {
        return true;
    }
    let text = "with `trigger`, only requests with this header or parameter are ended; they are served now";
    findings.laxer(&plugin.origin, text);
    false
}

/// Returns the reason why a plugin for authentication cannot be converted.
fn auth_problem(plugin: &Plugin, known: &[&str]) -> Option<String> {
    if let Some(name) = plugin.unknown_setting(known) {
        return Some(format!("unknown setting `{name}`"));
    }
    match plugin.text("key_claim_name") {
        Ok(None | Some("iss")) => None,
        Ok(Some(claim)) => Some(format!(
            "tokens that name their credential in `{claim}` are not supported, only in `iss`"
        )),
        Err(problem) => Some(problem),
    }
}
