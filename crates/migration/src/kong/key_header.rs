//! The header of API keys, from the names in `key-auth`.

use super::entities::{Configuration, Plugin};
use crate::{Findings, Origin};

/// The headers that the template can configure (`KeyHeader`). The first one is the default.
const HEADERS: [&str; 5] = ["x-api-key", "api-key", "apikey", "x-apikey", "x-access-key"];
/// Kong's default.
const KONG_DEFAULT: &str = "apikey";

/// Returns the header in which every instance of `key-auth` accepts keys.
pub(super) fn read(configuration: &Configuration, findings: &mut Findings) -> Option<&'static str> {
    let plugins = configuration.plugins.iter();
    let plugins: Vec<&Plugin> = plugins.filter(|plugin| plugin.name == "key-auth").collect();
    let first = plugins.first()?;
    for plugin in &plugins {
        report_places(plugin, findings);
    }

    let is_accepted = |header: &&&str| {
        plugins
            .iter()
            .all(|plugin| names(plugin).iter().any(|name| name == **header))
    };
    let Some(header) = HEADERS.iter().find(is_accepted) else {
        let text = format!(
            "clients have to send their key as `{}`; the possible headers are {}",
            HEADERS[0],
            HEADERS.join(", ")
        );
        findings.stricter(&first.origin, text);
        return None;
    };
    report_header(header, &first.origin, findings);
    Some(header)
}

fn report_header(header: &str, origin: &Origin, findings: &mut Findings) {
    if header == HEADERS[0] {
        findings.became(origin, format!("keys in the header `{header}`"));
        return;
    }
    let text = format!(
        "keys in the header `{header}`; the stack and the local gateway need the parameter `KeyHeader={header}`"
    );
    findings.became(origin, text);
}

fn names(plugin: &Plugin) -> Vec<String> {
    let names = plugin.texts("key_names").ok().flatten().unwrap_or_default();
    if names.is_empty() {
        return vec![KONG_DEFAULT.to_owned()];
    }
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

fn report_places(plugin: &Plugin, findings: &mut Findings) {
    let is_in = |place: &str, default| plugin.boolean(place, default) != Ok(false);
    if is_in("key_in_query", true) || is_in("key_in_body", false) {
        findings.stricter(
            &plugin.origin,
            "keys are read from the header only, not from the query or the body",
        );
    }
    if names(plugin).len() > 1 {
        findings.stricter(&plugin.origin, "keys are read from one header only");
    }
}
