//! Reads the entities of declarative files, nested and flat, and resolves their references.

use std::collections::{BTreeSet, HashSet};

use super::document::{KongError, Node};
use super::entities::{
    Configuration, Consumer, Credential, Index, Plugin, Route, Scope, Service, known_text,
    known_texts,
};
use super::fields;
use crate::{Findings, Origin};

/// The versions of the format that can be read. 1.1 and 2.1 differ from 3.0 in the syntax of
/// regular expressions in paths.
const VERSIONS: [&str; 3] = ["1.1", "2.1", "3.0"];

const HTTP_PROTOCOLS: [&str; 6] = ["http", "https", "grpc", "grpcs", "ws", "wss"];

/// A file that is being read.
struct File<'f> {
    name: &'f str,
    root: &'f Node,
    is_before_3: bool,
}

/// An entity that refers to others by name.
struct Pending<'f> {
    file: &'f str,
    node: &'f Node,
    /// The entities that it is nested in.
    scope: Scope,
}

/// Reads all files as one configuration.
///
/// # Errors
/// [`KongError`] if a file is not a declarative configuration of a known version, or if a reference
/// has no target.
pub(super) fn read(
    files: &[(String, Node)],
    findings: &mut Findings,
) -> Result<Configuration, KongError> {
    let mut reader = Reader {
        findings,
        configuration: Configuration::default(),
        routes: Vec::new(),
        plugins: Vec::new(),
        shared_configs: Vec::new(),
    };

    let mut checked = Vec::with_capacity(files.len());
    for (name, root) in files {
        checked.push(check_version(name, root)?);
    }
    for file in &checked {
        reader.collect(file)?;
    }
    for (name, root) in files {
        reader.flat_credentials(name, root)?;
        reader.group_consumers(name, root)?;
    }
    reader.finish()
}

fn check_version<'f>(name: &'f str, root: &'f Node) -> Result<File<'f>, KongError> {
    if !root.is_map() {
        return Err(KongError::new(
            name,
            "not a map, expected a declarative configuration of Kong",
        ));
    }
    let version = root.get("_format_version").and_then(Node::text);
    match version {
        Some(version) if VERSIONS.contains(&version) => Ok(File {
            name,
            root,
            is_before_3: version != "3.0",
        }),
        Some(version) => Err(KongError::new(
            name,
            format!("_format_version: unknown version `{version}`, expected 1.1, 2.1 or 3.0"),
        )),
        None => Err(KongError::new(
            name,
            "missing field `_format_version`, expected a declarative configuration such as `deck gateway dump` writes",
        )),
    }
}

struct Reader<'f, 'r> {
    findings: &'r mut Findings,
    configuration: Configuration,
    /// The services of routes that name theirs.
    routes: Vec<(Index, Pending<'f>)>,
    plugins: Vec<Pending<'f>>,
    /// The configurations that plugins share by `_config`.
    shared_configs: Vec<(&'f str, &'f Node)>,
}

impl<'f> Reader<'f, '_> {
    fn collect(&mut self, file: &File<'f>) -> Result<(), KongError> {
        for (name, node) in file.root.entries() {
            self.check_top_level(file, name, node);
        }
        if let Some(shared) = file.root.get("_plugin_configs") {
            let entries = shared.entries().iter();
            self.shared_configs
                .extend(entries.map(|(name, node)| (name.as_str(), node)));
        }

        for node in list(file, file.root, "services")? {
            self.service(file, node)?;
        }
        for node in list(file, file.root, "routes")? {
            self.route(file, node, None)?;
        }
        for node in list(file, file.root, "consumer_groups")? {
            self.group(file, node)?;
        }
        for node in list(file, file.root, "consumers")? {
            self.consumer(file, node)?;
        }
        self.nested_plugins(file, file.root, &Scope::default())
    }

    /// Reports the parts of a file that are not converted.
    fn check_top_level(&mut self, file: &File<'f>, name: &str, node: &Node) {
        let origin = origin(file.name, node, name);
        if fields::CONVERTED.contains(&name) {
            return;
        }
        match fields::ignored_reason(name) {
            Some(reason) => self.findings.not_mapped(&origin, reason),
            None => self
                .findings
                .laxer(&origin, "not understood; it may restrict access"),
        }
    }

    fn service(&mut self, file: &File<'f>, node: &'f Node) -> Result<(), KongError> {
        let defaults = defaults(file, "service");
        let field = |name: &str| field(node, defaults, name);
        let name = text(file.name, field("name"), "name")?;
        let id = text(file.name, field("id"), "id")?;
        let origin = entity_origin(file.name, node, "service", &[&name, &id]);
        let unknown = unknown_field(node, &fields::SERVICE);

        let is_enabled = field("enabled").and_then(Node::boolean).unwrap_or(true);
        let index = self.configuration.services.len();
        self.configuration.services.push(Service {
            url: service_url(node),
            id,
            name,
            is_enabled,
            unknown,
            origin,
        });

        for route in list(file, node, "routes")? {
            self.route(file, route, Some(index))?;
        }
        let scope = Scope {
            service: Some(index),
            ..Scope::default()
        };
        self.nested_plugins(file, node, &scope)
    }

    fn route(
        &mut self,
        file: &File<'f>,
        node: &'f Node,
        service: Option<Index>,
    ) -> Result<(), KongError> {
        let defaults = defaults(file, "route");
        let field = |name: &str| field(node, defaults, name);
        let name = text(file.name, field("name"), "name")?;
        let id = text(file.name, field("id"), "id")?;
        let index = self.configuration.routes.len();
        let origin = entity_origin(file.name, node, "route", &[&name, &id]);

        let mut unknown = unknown_field(node, &fields::ROUTE);
        let mut texts = |name: &str| match field(name) {
            None => Vec::new(),
            Some(node) => known_texts(node).unwrap_or_else(|| {
                unknown = Some(format!("`{name}` is not a list of known strings"));
                Vec::new()
            }),
        };
        let (methods, paths, hosts) = (texts("methods"), texts("paths"), texts("hosts"));
        let (snis, protocols) = (texts("snis").len(), texts("protocols"));
        if field("expression").is_some() {
            unknown = Some("`expression` is not supported".to_owned());
        }

        self.configuration.routes.push(Route {
            id,
            name,
            service,
            methods,
            paths,
            hosts,
            headers: field("headers").map_or(0, |headers| headers.entries().len()),
            snis,
            regex_priority: field("regex_priority")
                .and_then(Node::number)
                .unwrap_or(0.0),
            has_unmarked_regex: file.is_before_3,
            strips_path: field("strip_path").and_then(Node::boolean).unwrap_or(true),
            is_http: protocols.is_empty()
                || protocols
                    .iter()
                    .any(|known| HTTP_PROTOCOLS.contains(&known.as_str())),
            unknown,
            origin,
        });

        if service.is_none() {
            self.routes.push((
                index,
                Pending {
                    file: file.name,
                    node,
                    scope: Scope::default(),
                },
            ));
        }
        let scope = Scope {
            route: Some(index),
            ..Scope::default()
        };
        self.nested_plugins(file, node, &scope)
    }

    fn group(&mut self, file: &File<'f>, node: &'f Node) -> Result<(), KongError> {
        let Some(name) = text(file.name, node.get("name"), "name")? else {
            let place = place(file.name, node);
            return Err(KongError::new(
                place,
                "consumer group: missing field `name`",
            ));
        };
        let origin = entity_origin(file.name, node, "consumer group", &[&Some(name.clone())]);
        if let Some(problem) = unknown_field(node, &fields::GROUP) {
            self.findings
                .laxer(&origin, format!("{problem}, which may restrict access"));
        }

        let scope = Scope {
            group: Some(name.clone()),
            ..Scope::default()
        };
        if !self.configuration.groups.contains(&name) {
            self.configuration.groups.push(name);
        }
        self.nested_plugins(file, node, &scope)
    }

    fn consumer(&mut self, file: &File<'f>, node: &'f Node) -> Result<(), KongError> {
        let username = text(file.name, node.get("username"), "username")?;
        let custom_id = text(file.name, node.get("custom_id"), "custom_id")?;
        let id = text(file.name, node.get("id"), "id")?;
        let origin = entity_origin(file.name, node, "consumer", &[&username, &custom_id, &id]);
        let unknown = unknown_field(node, &fields::CONSUMER);
        for name in fields::OTHER_CREDENTIALS {
            if node.get(name).is_some() {
                let text =
                    format!("`{name}` are not supported; the consumer needs a key or a token");
                self.findings.stricter(&origin, text);
            }
        }

        let credentials = |name: &str| -> Result<Vec<Credential>, KongError> {
            let nodes = list(file, node, name)?.iter();
            Ok(nodes
                .map(|node| credential(file.name, node, &origin))
                .collect())
        };
        let (keys, jwts) = (
            credentials("keyauth_credentials")?,
            credentials("jwt_secrets")?,
        );
        let names = |name: &str, field: &str| -> Result<BTreeSet<String>, KongError> {
            let nodes = list(file, node, name)?.iter();
            let names = nodes.filter_map(|node| name_in(node, field));
            Ok(names.map(str::to_owned).collect())
        };

        let index = self.configuration.consumers.len();
        self.configuration.consumers.push(Consumer {
            tags: node.get("tags").and_then(known_texts).unwrap_or_default(),
            acl_groups: names("acls", "group")?,
            groups: names("groups", "name")?,
            id,
            username,
            custom_id,
            keys,
            jwts,
            unknown,
            origin,
        });
        let scope = Scope {
            consumer: Some(index),
            ..Scope::default()
        };
        self.nested_plugins(file, node, &scope)
    }

    fn nested_plugins(
        &mut self,
        file: &File<'f>,
        node: &'f Node,
        scope: &Scope,
    ) -> Result<(), KongError> {
        for node in list(file, node, "plugins")? {
            self.plugins.push(Pending {
                file: file.name,
                node,
                scope: scope.clone(),
            });
        }
        Ok(())
    }

    /// Adds the credentials and groups at the top level, which name their consumer.
    fn flat_credentials(&mut self, file: &str, root: &Node) -> Result<(), KongError> {
        for name in ["keyauth_credentials", "jwt_secrets", "acls"] {
            for node in root.get(name).map(Node::items).unwrap_or_default() {
                let Some(reference) = node.get("consumer") else {
                    let origin = origin(file, node, name);
                    self.findings
                        .not_mapped(&origin, "names no consumer, so that it has no effect");
                    continue;
                };
                let index = self.resolve_consumer(file, reference)?;
                let consumer = &mut self.configuration.consumers[index];
                let credential = credential(file, node, &consumer.origin);
                match name {
                    "keyauth_credentials" => consumer.keys.push(credential),
                    "jwt_secrets" => consumer.jwts.push(credential),
                    _ => consumer
                        .acl_groups
                        .extend(name_in(node, "group").map(str::to_owned)),
                }
            }
        }
        Ok(())
    }

    /// Adds consumers to the groups that list them.
    fn group_consumers(&mut self, file: &str, root: &Node) -> Result<(), KongError> {
        for group in root
            .get("consumer_groups")
            .map(Node::items)
            .unwrap_or_default()
        {
            let name = name_in(group, "name").unwrap_or_default().to_owned();
            for node in group.get("consumers").map(Node::items).unwrap_or_default() {
                let index = self.resolve_consumer(file, node)?;
                self.configuration.consumers[index]
                    .groups
                    .insert(name.clone());
            }
        }
        for node in root
            .get("consumer_group_consumers")
            .map(Node::items)
            .unwrap_or_default()
        {
            let (Some(group), Some(consumer)) = (node.get("consumer_group"), node.get("consumer"))
            else {
                let problem = "consumer_group_consumers: expected `consumer_group` and `consumer`";
                return Err(KongError::new(place(file, node), problem));
            };
            let index = self.resolve_consumer(file, consumer)?;
            let name = reference_text(group).unwrap_or_default().to_owned();
            self.configuration.consumers[index].groups.insert(name);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Configuration, KongError> {
        for (index, pending) in std::mem::take(&mut self.routes) {
            if let Some(reference) = pending.node.get("service") {
                let service = self.resolve_service(pending.file, reference)?;
                self.configuration.routes[index].service = Some(service);
            }
        }
        self.check_groups()?;

        let mut known = HashSet::new();
        for pending in std::mem::take(&mut self.plugins) {
            let Some(plugin) = self.plugin(&pending)? else {
                continue;
            };
            if !known.insert((plugin.name.clone(), plugin.scope.clone())) {
                let problem = format!("duplicate plugin `{}` with the same scope", plugin.name);
                return Err(KongError::new(plugin.origin.place, problem));
            }
            self.configuration.plugins.push(plugin);
        }
        Ok(self.configuration)
    }

    /// Checks that the groups of all consumers exist, because a group that is missing may have
    /// limits elsewhere.
    fn check_groups(&self) -> Result<(), KongError> {
        for consumer in &self.configuration.consumers {
            let unknown = |name: &&String| !self.configuration.groups.contains(name);
            if let Some(name) = consumer.groups.iter().find(unknown) {
                let problem = format!("{}: unknown consumer group `{name}`", consumer.origin.what);
                return Err(KongError::new(consumer.origin.place.clone(), problem));
            }
        }
        Ok(())
    }

    /// Reads a plugin. Returns `None` if it is disabled.
    fn plugin(&mut self, pending: &Pending<'f>) -> Result<Option<Plugin>, KongError> {
        let (file, node) = (pending.file, pending.node);
        let Some(name) = name_in(node, "name") else {
            return Err(KongError::new(
                place(file, node),
                "plugin: missing field `name`",
            ));
        };
        let mut scope = pending.scope.clone();
        if let Some(reference) = node.get("service") {
            scope.service = Some(self.resolve_service(file, reference)?);
        }
        if let Some(reference) = node.get("route") {
            scope.route = Some(self.resolve_route(file, reference)?);
        }
        if let Some(reference) = node.get("consumer") {
            scope.consumer = Some(self.resolve_consumer(file, reference)?);
        }
        if let Some(reference) = node.get("consumer_group") {
            scope.group = Some(self.resolve_group(file, reference)?);
        }

        let origin = Origin {
            place: place(file, node),
            what: format!("plugin {name}{}", self.scope_text(&scope)),
        };
        let is_enabled = match node.get("enabled") {
            None => true,
            // A value that is not known counts as true: the plugin may restrict access.
            Some(node) => node.boolean().unwrap_or(true),
        };
        if !is_enabled {
            self.findings
                .not_mapped(&origin, "disabled in Kong, so it is ignored");
            return Ok(None);
        }
        let mut config = node
            .get("config")
            .map(|node| node.entries().to_vec())
            .unwrap_or_default();
        if let Some(problem) = unknown_field(node, &fields::PLUGIN) {
            // The converters refuse settings that they do not know.
            config.push((problem, node.clone()));
        }
        self.add_shared_config(node, &mut config, &origin)?;

        Ok(Some(Plugin {
            name: name.to_owned(),
            config,
            scope,
            origin,
        }))
    }

    /// Adds the settings of `_config` that the plugin does not set itself.
    fn add_shared_config(
        &self,
        node: &Node,
        config: &mut Vec<(String, Node)>,
        origin: &Origin,
    ) -> Result<(), KongError> {
        let Some(name) = name_in(node, "_config") else {
            return Ok(());
        };
        let shared = self.shared_configs.iter().find(|(known, _)| *known == name);
        let Some((_, shared)) = shared else {
            let problem =
                format!("_config: unknown name `{name}`, expected one of `_plugin_configs`");
            return Err(KongError::new(origin.place.clone(), problem));
        };

        for (name, node) in shared.entries() {
            if !config.iter().any(|(known, _)| known == name) {
                config.push((name.clone(), node.clone()));
            }
        }
        Ok(())
    }

    fn scope_text(&self, scope: &Scope) -> String {
        let mut parts = Vec::new();
        if let Some(index) = scope.consumer {
            parts.push(self.configuration.consumers[index].origin.what.clone());
        }
        if let Some(group) = &scope.group {
            parts.push(format!("consumer group {group}"));
        }
        if let Some(index) = scope.route {
            parts.push(self.configuration.routes[index].origin.what.clone());
        }
        if let Some(index) = scope.service {
            parts.push(self.configuration.services[index].origin.what.clone());
        }
        if parts.is_empty() {
            " of all routes".to_owned()
        } else {
            format!(" of {}", parts.join(" and "))
        }
    }

    fn resolve_service(&self, file: &str, node: &Node) -> Result<Index, KongError> {
        let services = self.configuration.services.iter();
        let names = services.map(|service| [&service.name, &service.id, &None]);
        resolve(file, node, "service", names)
    }

    fn resolve_route(&self, file: &str, node: &Node) -> Result<Index, KongError> {
        let routes = self.configuration.routes.iter();
        let names = routes.map(|route| [&route.name, &route.id, &None]);
        resolve(file, node, "route", names)
    }

    fn resolve_consumer(&self, file: &str, node: &Node) -> Result<Index, KongError> {
        let consumers = self.configuration.consumers.iter();
        let names = consumers.map(|known| [&known.username, &known.id, &known.custom_id]);
        resolve(file, node, "consumer", names)
    }

    fn resolve_group(&self, file: &str, node: &Node) -> Result<String, KongError> {
        let name = reference_text(node).unwrap_or_default();
        if self.configuration.groups.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let problem = format!("unknown consumer group `{name}`");
        Err(KongError::new(place(file, node), problem))
    }
}

/// Returns a problem if a field is not known.
fn unknown_field(node: &Node, known: &[&str]) -> Option<String> {
    let mut names = node.entries().iter().map(|(name, _)| name.as_str());
    let unknown = names.find(|name| !known.contains(name))?;
    Some(format!("unknown field `{unknown}`"))
}

fn resolve<'n>(
    file: &str,
    node: &Node,
    kind: &str,
    names: impl Iterator<Item = [&'n Option<String>; 3]>,
) -> Result<Index, KongError> {
    let reference = reference_text(node).unwrap_or_default();
    let is_named = |candidates: [&Option<String>; 3]| {
        candidates
            .iter()
            .any(|name| name.as_deref() == Some(reference))
    };
    let mut names = names;
    names.position(is_named).ok_or_else(|| {
        let problem = format!("unknown {kind} `{reference}`");
        KongError::new(place(file, node), problem)
    })
}

/// Returns the name in a reference: a string, or an object with a name or an id.
fn reference_text(node: &Node) -> Option<&str> {
    let fields = ["name", "username", "id", "custom_id"];
    node.text()
        .or_else(|| fields.iter().find_map(|name| node.get(name)?.text()))
}

/// Returns the text of a field, or of the value itself.
fn name_in<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    node.text().or_else(|| node.get(field)?.text())
}

fn place(file: &str, node: &Node) -> String {
    format!("{file}:{}", node.line)
}

fn origin(file: &str, node: &Node, what: &str) -> Origin {
    Origin {
        place: place(file, node),
        what: what.to_owned(),
    }
}

fn entity_origin(file: &str, node: &Node, kind: &str, names: &[&Option<String>]) -> Origin {
    let name = names.iter().find_map(|name| name.as_deref());
    let what = name.map_or_else(
        || format!("{kind} in line {}", node.line),
        |name| format!("{kind} {name}"),
    );
    origin(file, node, &what)
}

fn credential(file: &str, node: &Node, consumer: &Origin) -> Credential {
    Credential {
        node: node.clone(),
        origin: Origin {
            place: place(file, node),
            what: consumer.what.clone(),
        },
    }
}

fn defaults<'f>(file: &File<'f>, kind: &str) -> Option<&'f Node> {
    file.root.get("_info")?.get("defaults")?.get(kind)
}

fn field<'f>(node: &'f Node, defaults: Option<&'f Node>, name: &str) -> Option<&'f Node> {
    node.get(name).or_else(|| defaults?.get(name))
}

fn text(file: &str, node: Option<&Node>, field: &str) -> Result<Option<String>, KongError> {
    match node {
        None => Ok(None),
        Some(node) => match known_text(node) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(KongError::new(
                place(file, node),
                format!("{field}: expected a string, not a reference to another place"),
            )),
        },
    }
}

fn list<'f>(file: &File<'f>, node: &'f Node, name: &str) -> Result<&'f [Node], KongError> {
    match node.get(name) {
        None => Ok(&[]),
        Some(node) if node.is_list() => Ok(node.items()),
        Some(node) => Err(KongError::new(
            place(file.name, node),
            format!("{name}: expected a list"),
        )),
    }
}

/// Returns the scheme, the host and the port of a service. Credentials, paths and queries are left
/// out, because the report is not secret.
fn service_url(node: &Node) -> Option<String> {
    let text = |name: &str| node.get(name).and_then(known_text);
    if let Some(url) = text("url") {
        let (scheme, rest) = url.split_once("://")?;
        return host_and_port(rest).map(|host| format!("{scheme}://{host}"));
    }

    let host = host_and_port(text("host")?)?;
    let port = text("port")
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let protocol = text("protocol").unwrap_or("http");
    Some(format!("{protocol}://{host}{port}"))
}

/// Returns the host and the port at the beginning of a text, without credentials. A later `@` may end
/// a password with special characters, so that the host is not known.
fn host_and_port(text: &str) -> Option<&str> {
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    (!rest.contains('@') && !host.is_empty()).then_some(host)
}
