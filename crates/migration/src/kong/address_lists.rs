//! The plugin `ip-restriction`: `allowed_ips` of keys.

use std::collections::HashMap;

use ipnet::IpNet;

use super::entities::{Configuration, Index, Plugin, Scope};
use crate::Findings;

/// The maximum number of addresses of a key.
const MAX_ALLOWED_IPS: usize = 32;
const SETTINGS: [&str; 6] = [
    "allow",
    "blacklist",
    "deny",
    "message",
    "status",
    "whitelist",
];

/// The addresses from which keys may be used.
#[derive(Debug, Default)]
pub(super) struct AddressLists {
    all: Option<Vec<IpNet>>,
    by_consumer: HashMap<Index, Result<Vec<IpNet>, String>>,
}

impl AddressLists {
    /// Reads the lists for all routes and those of consumers. Reports what cannot be converted.
    pub(super) fn read(configuration: &Configuration, findings: &mut Findings) -> Self {
        let mut lists = Self::default();
        let plugins = configuration.plugins.iter();
        for plugin in plugins.filter(|plugin| plugin.name == "ip-restriction") {
            report_denied(plugin, findings);
            let only_consumer = Scope {
                consumer: plugin.scope.consumer,
                ..Scope::default()
            };

            match (plugin.scope.consumer, allowed(plugin)) {
                (_, Ok(None)) => {}
                (None, Ok(Some(list))) if plugin.scope == Scope::default() => {
                    findings.became(&plugin.origin, "`allowed_ips` of every key");
                    lists.all = Some(list);
                }
                (Some(index), Ok(Some(list))) if plugin.scope == only_consumer => {
                    findings.became(&plugin.origin, "`allowed_ips` of the consumer's keys");
                    lists.by_consumer.insert(index, Ok(list));
                }
                (Some(index), result) => {
                    let problem = result.err().unwrap_or_else(|| {
                        "addresses of a consumer on one route are not supported".to_owned()
                    });
                    lists.by_consumer.insert(index, Err(problem));
                }
                // Routes are closed by their guards, and groups by their keys.
                (None, _) => {}
            }
        }
        lists
    }

    /// True if all keys are restricted.
    pub(super) const fn has_allowed(&self) -> bool {
        self.all.is_some()
    }

    /// True if a consumer has a list of its own. Only keys can be restricted to it.
    pub(super) fn has_own_list(&self, consumer: Index) -> bool {
        self.by_consumer.contains_key(&consumer)
    }

    /// True if a plugin only refuses addresses, which is reported as laxer.
    pub(super) fn has_only_denied(plugin: &Plugin) -> bool {
        matches!(allowed(plugin), Ok(None))
    }

    /// Returns the addresses of a consumer's keys, or `None` for any address.
    ///
    /// # Errors
    /// The reason why the addresses are not known.
    pub(super) fn of_consumer(&self, consumer: Index) -> Result<Option<Vec<String>>, String> {
        let own = match self.by_consumer.get(&consumer) {
            None => None,
            Some(Ok(list)) => Some(list),
            Some(Err(problem)) => return Err(problem.clone()),
        };
        // As in Kong, the consumer's list replaces the one for all routes.
        let Some(list) = own.or(self.all.as_ref()) else {
            return Ok(None);
        };

        if list.len() > MAX_ALLOWED_IPS {
            return Err(format!(
                "a key has at most {MAX_ALLOWED_IPS} addresses, found {}",
                list.len()
            ));
        }
        Ok(Some(list.iter().map(|network| text(*network)).collect()))
    }
}

fn text(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.trunc().to_string()
    }
}

/// Returns the list of accepted addresses.
fn allowed(plugin: &Plugin) -> Result<Option<Vec<IpNet>>, String> {
    if let Some(name) = plugin.unknown_setting(&SETTINGS) {
        return Err(format!("unknown setting `{name}`"));
    }
    let mut list = Vec::new();
    for name in ["allow", "whitelist"] {
        list.extend(plugin.texts(name)?.unwrap_or_default());
    }
    if list.is_empty() {
        return Ok(None);
    }

    let networks = list.iter().map(|text| {
        let network = text.parse::<IpNet>();
        network
            .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
            .map_err(|_| format!("`{text}` is not an address or a network"))
    });
    networks.collect::<Result<_, _>>().map(Some)
}

fn report_denied(plugin: &Plugin, findings: &mut Findings) {
    for name in ["deny", "blacklist"] {
        let text = match plugin.texts(name) {
            Ok(Some(list)) if !list.is_empty() => format!(
                "a policy cannot refuse addresses; block each of them: {}",
                list.join(", ")
            ),
            Ok(_) => continue,
            Err(problem) => format!("{problem}, and a policy cannot refuse addresses"),
        };
        findings.laxer(&plugin.origin, text);
    }
}
