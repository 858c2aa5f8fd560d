//! The fields of declarative configurations that have a known meaning.

/// The parts of a file that are converted, or that have no effect.
pub(super) const CONVERTED: [&str; 16] = [
    "_comment",
    "_config",
    "_format_version",
    "_info",
    "_plugin_configs",
    "_transform",
    "_workspace",
    "acls",
    "consumer_group_consumers",
    "consumer_groups",
    "consumers",
    "jwt_secrets",
    "keyauth_credentials",
    "plugins",
    "routes",
    "services",
];

/// The credentials that Tollgate does not have.
pub(super) const OTHER_CREDENTIALS: [&str; 6] = [
    "basicauth_credentials",
    "hmacauth_credentials",
    "keyauth_enc_credentials",
    "mtls_auth_credentials",
    "oauth2_credentials",
    "oauth2_tokens",
];

/// The parts of a file that are not converted and do not restrict access, each with the reason.
const IGNORED: [(&str, &str); 16] = [
    ("_konnect", "settings of deck"),
    ("_ignore", "settings of deck"),
    (
        "ca_certificates",
        "certificates belong to the custom domain and the load balancer",
    ),
    (
        "certificates",
        "certificates belong to the custom domain and the load balancer",
    ),
    (
        "snis",
        "certificates belong to the custom domain and the load balancer",
    ),
    ("custom_plugins", "code of plugins"),
    ("key_sets", "keys of plugins that are not converted"),
    ("keys", "keys of plugins that are not converted"),
    ("licenses", "a license of Kong"),
    ("parameters", "settings of Kong"),
    ("partials", "shared settings of Redis and similar stores"),
    ("sm_vaults", "references to vaults are not resolved"),
    ("vaults", "references to vaults are not resolved"),
    ("targets", "the load balancer selects targets"),
    ("upstreams", "the load balancer selects targets"),
    ("workspaces", "settings of Kong"),
];

/// Returns the reason why a part of a file is not converted, unless it may restrict access.
pub(super) fn ignored_reason(name: &str) -> Option<String> {
    if OTHER_CREDENTIALS.contains(&name) {
        return Some(
            "this kind of credential is not supported; their owners need keys or tokens".to_owned(),
        );
    }
    let (_, reason) = IGNORED.iter().find(|(known, _)| *known == name)?;
    Some((*reason).to_owned())
}

pub(super) const SERVICE: [&str; 23] = [
    "_comment",
    "ca_certificates",
    "client_certificate",
    "connect_timeout",
    "created_at",
    "enabled",
    "host",
    "id",
    "name",
    "path",
    "plugins",
    "port",
    "protocol",
    "read_timeout",
    "retries",
    "routes",
    "tags",
    "tls_verify",
    "tls_verify_depth",
    "updated_at",
    "url",
    "write_timeout",
    "tls_sans",
];

pub(super) const ROUTE: [&str; 25] = [
    "_comment",
    "created_at",
    "destinations",
    "expression",
    "headers",
    "hosts",
    "https_redirect_status_code",
    "id",
    "methods",
    "name",
    "path_handling",
    "paths",
    "plugins",
    "preserve_host",
    "priority",
    "protocols",
    "regex_priority",
    "request_buffering",
    "response_buffering",
    "service",
    "snis",
    "sources",
    "strip_path",
    "tags",
    "updated_at",
];

pub(super) const CONSUMER: [&str; 19] = [
    "_comment",
    "acls",
    "basicauth_credentials",
    "created_at",
    "custom_id",
    "groups",
    "hmacauth_credentials",
    "id",
    "jwt_secrets",
    "keyauth_credentials",
    "keyauth_enc_credentials",
    "mtls_auth_credentials",
    "oauth2_credentials",
    "oauth2_tokens",
    "plugins",
    "tags",
    "type",
    "updated_at",
    "username",
];

pub(super) const GROUP: [&str; 8] = [
    "_comment",
    "consumers",
    "created_at",
    "id",
    "name",
    "plugins",
    "tags",
    "updated_at",
];

pub(super) const PLUGIN: [&str; 17] = [
    "_comment",
    "_config",
    "config",
    "consumer",
    "consumer_group",
    "created_at",
    "enabled",
    "id",
    "instance_name",
    "name",
    "ordering",
    "partials",
    "protocols",
    "route",
    "service",
    "tags",
    "updated_at",
];
