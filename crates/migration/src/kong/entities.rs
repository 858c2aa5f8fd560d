//! The entities of a declarative configuration, with their references resolved.

use std::collections::{BTreeSet, HashMap};

use super::document::Node;
use crate::Origin;

/// The index of a service, a route or a consumer.
pub(super) type Index = usize;

/// Everything that the files declare.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) services: Vec<Service>,
    pub(super) routes: Vec<Route>,
    pub(super) consumers: Vec<Consumer>,
    /// The names of the consumer groups.
    pub(super) groups: Vec<String>,
    pub(super) plugins: Vec<Plugin>,
}

/// An upstream service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) is_enabled: bool,
    /// The upstream's address, for the report.
    pub(super) url: Option<String>,
    /// A reason why it is not known what the service requires.
    pub(super) unknown: Option<String>,
    pub(super) origin: Origin,
}

/// A route, which selects requests.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) service: Option<Index>,
    pub(super) methods: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) hosts: Vec<String>,
    /// The numbers of headers and server names that a request must have.
    pub(super) headers: usize,
    pub(super) snis: usize,
    pub(super) regex_priority: f64,
    /// True if the paths of regular expressions do not begin with `~`, as in formats before 3.0.
    pub(super) has_unmarked_regex: bool,
    pub(super) strips_path: bool,
    /// False for routes of TCP and TLS streams.
    pub(super) is_http: bool,
    /// A reason why it is not known which requests the route selects, or what it requires.
    pub(super) unknown: Option<String>,
    pub(super) origin: Origin,
}

/// A client, with its credentials.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) custom_id: Option<String>,
    pub(super) tags: Vec<String>,
    /// The groups of the plugin `acl`.
    pub(super) acl_groups: BTreeSet<String>,
    /// The consumer groups.
    pub(super) groups: BTreeSet<String>,
    pub(super) keys: Vec<Credential>,
    pub(super) jwts: Vec<Credential>,
    /// A reason why it is not known what the consumer may do.
    pub(super) unknown: Option<String>,
    pub(super) origin: Origin,
}

/// A credential of a consumer.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) node: Node,
    pub(super) origin: Origin,
}

/// The entities that a plugin is restricted to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) route: Option<Index>,
    pub(super) service: Option<Index>,
    pub(super) consumer: Option<Index>,
    pub(super) group: Option<String>,
}

/// A plugin that is enabled.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) config: Vec<(String, Node)>,
    pub(super) scope: Scope,
    pub(super) origin: Origin,
}

impl Plugin {
    /// Returns a setting, unless it is absent or null.
    pub(super) fn setting(&self, name: &str) -> Option<&Node> {
        let (_, node) = self.config.iter().find(|(known, _)| known == name)?;
        (!matches!(node.data, super::document::Data::Null)).then_some(node)
    }

    /// Returns a setting that must be true or false. Any other value is an error.
    pub(super) fn boolean(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.setting(name) {
            None => Ok(default),
            Some(node) => node
                .boolean()
                .ok_or_else(|| format!("`{name}` is not `true` or `false`")),
        }
    }

    /// Returns a setting that must be a string.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.setting(name) {
            None => Ok(None),
            Some(node) => known_text(node)
                .map(Some)
                .ok_or_else(|| format!("`{name}` is not a known string")),
        }
    }

    /// Returns a setting that must be a list of strings. One string counts as a list.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        match self.setting(name) {
            None => Ok(None),
            Some(node) => known_texts(node)
                .map(Some)
                .ok_or_else(|| format!("`{name}` is not a list of known strings")),
        }
    }

    /// Returns the first setting that is not in `known`.
    pub(super) fn unknown_setting(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.config.iter().map(|(name, _)| name.as_str());
        names.find(|name| !known.contains(name))
    }
}

/// True for a value that is only known when Kong or deck runs: `${{ env "NAME" }}`, `{vault://…}`,
/// and `$NAME` or `${NAME}`, which scripts replace.
fn is_reference(text: &str) -> bool {
    let name = text
        .trim()
        .strip_prefix('$')
        .map(|name| name.trim_matches(['{', '}']));
    let is_variable = name.is_some_and(|name| {
        let is_word = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(is_word)
    });
    is_variable || text.contains("${{") || text.trim_start().starts_with("{vault://")
}

/// Returns a string, unless it is a reference.
pub(super) fn known_text(node: &Node) -> Option<&str> {
    node.text().filter(|text| !is_reference(text))
}

/// Returns a list of strings, or one string as a list, unless one of them is a reference.
pub(super) fn known_texts(node: &Node) -> Option<Vec<String>> {
    if node.is_list() {
        let texts = node.items().iter().map(|item| known_text(item));
        return texts.map(|text| text.map(str::to_owned)).collect();
    }
    known_text(node).map(|text| vec![text.to_owned()])
}

/// The plugins by name and scope.
#[derive(Debug)]
pub(super) struct PluginTable<'c> {
    by_scope: HashMap<(&'c str, &'c Scope), &'c Plugin>,
}

/// The caller and the route of a request, which select plugins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request<'c> {
    pub(super) route: Option<Index>,
    pub(super) service: Option<Index>,
    pub(super) consumer: Option<Index>,
    pub(super) groups: Option<&'c BTreeSet<String>>,
}

impl<'c> PluginTable<'c> {
    pub(super) fn new(plugins: &'c [Plugin]) -> Self {
        let by_scope = plugins
            .iter()
            .map(|plugin| ((plugin.name.as_str(), &plugin.scope), plugin));
        Self {
            by_scope: by_scope.collect(),
        }
    }

    /// Returns the plugin of this name that runs for a request: the one with the most specific
    /// scope.
    ///
    /// Source: <https://developer.konghq.com/gateway/entities/plugin/#plugin-precedence>.
    pub(super) fn effective(&self, name: &str, request: Request<'_>) -> Option<&'c Plugin> {
        // route, service, consumer, group
        const PRECEDENCE: [[bool; 4]; 12] = [
            [true, true, true, false],
            [true, true, false, true],
            [true, false, true, false],
            [false, true, true, false],
            [true, false, false, true],
            [false, true, false, true],
            [true, true, false, false],
            [false, false, true, false],
            [false, false, false, true],
            [true, false, false, false],
            [false, true, false, false],
            [false, false, false, false],
        ];

        PRECEDENCE
            .iter()
            .find_map(|[route, service, consumer, group]| {
                let mut scope = Scope::default();
                if *route {
                    scope.route = Some(request.route?);
                }
                if *service {
                    scope.service = Some(request.service?);
                }
                if *consumer {
                    scope.consumer = Some(request.consumer?);
                }
                if !*group {
                    return self.find(name, &scope);
                }

                request.groups?.iter().find_map(|group| {
                    scope.group = Some(group.clone());
                    self.find(name, &scope)
                })
            })
    }

    fn find(&self, name: &str, scope: &Scope) -> Option<&'c Plugin> {
        self.by_scope.get(&(name, scope)).copied()
    }
}
