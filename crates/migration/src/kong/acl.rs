//! The plugin `acl`: consumer groups as scopes of keys, and as accepted issuers of tokens.

use std::collections::BTreeSet;

use super::access::{Access, CLOSED_SCOPE, Guard};
use super::entities::{Consumer, Plugin};
use crate::Findings;

const SETTINGS: [&str; 7] = [
    "allow",
    "always_use_authenticated_groups",
    "blacklist",
    "deny",
    "hide_groups_header",
    "include_consumer_groups",
    "whitelist",
];
/// The longest scope, in bytes.
const MAX_SCOPE_BYTES: usize = 128;

/// The groups that a plugin accepts or refuses.
#[derive(Debug)]
pub(super) struct GroupList {
    groups: BTreeSet<String>,
    is_deny: bool,
    /// True if consumer groups count as well as the groups of consumers.
    has_consumer_groups: bool,
}

impl GroupList {
    /// Reads the settings of a plugin.
    ///
    /// # Errors
    /// The reason why they are not known.
    pub(super) fn read(plugin: &Plugin) -> Result<Self, String> {
        if let Some(name) = plugin.unknown_setting(&SETTINGS) {
            return Err(format!("unknown setting `{name}`"));
        }
        if plugin.boolean("always_use_authenticated_groups", false)? {
            return Err("`always_use_authenticated_groups` is not supported".to_owned());
        }

        let either = |new: &str, old: &str| -> Result<Option<Vec<String>>, String> {
            match plugin.texts(new)? {
                Some(list) if !list.is_empty() => Ok(Some(list)),
                _ => Ok(plugin.texts(old)?.filter(|list| !list.is_empty())),
            }
        };
        let (allow, deny) = (either("allow", "whitelist")?, either("deny", "blacklist")?);
        let (groups, is_deny) = match (allow, deny) {
            (Some(allow), None) => (allow, false),
            (None, Some(deny)) => (deny, true),
            _ => return Err("expected either `allow` or `deny`".to_owned()),
        };
        Ok(Self {
            groups: groups.into_iter().collect(),
            is_deny,
            has_consumer_groups: plugin.boolean("include_consumer_groups", false)?,
        })
    }

    /// True if a consumer is accepted.
    pub(super) fn accepts(&self, consumer: &Consumer) -> bool {
        let own = consumer.acl_groups.iter();
        let shared = consumer.groups.iter().filter(|_| self.has_consumer_groups);
        own.chain(shared).any(|group| self.groups.contains(group)) != self.is_deny
    }

    /// Returns the scope of the keys that are accepted. Rules require all of their scopes, so that
    /// each list of groups has one scope of its own.
    pub(super) fn scope(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let name = groups.join("|");
        let scope = match (self.is_deny, groups.len()) {
            (false, 1) => name,
            (false, _) => format!("any-of:{name}"),
            (true, _) => format!("none-of:{name}"),
        };

        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
        let is_plain = groups.iter().all(|group| group.bytes().all(is_word));
        let is_unique = is_plain && !self.has_consumer_groups && scope != CLOSED_SCOPE;
        if is_unique && (1..=MAX_SCOPE_BYTES).contains(&scope.len()) {
            return scope;
        }
        // Another list never has the same text, because Rust's form of a list escapes names.
        format!("groups:{}", super::names::digest(&format!("{self:?}")))
    }

    /// Returns the access with these groups. `issuers` are those of the accepted consumers.
    pub(super) fn restrict(
        &self,
        mut guard: Guard,
        issuers: BTreeSet<String>,
        plugin: &Plugin,
        findings: &mut Findings,
    ) -> Access {
        let scope = self.scope();
        if guard.keys {
            findings.became(
                &plugin.origin,
                format!("scope {scope}, which the keys of the accepted consumers have"),
            );
            if self.is_deny {
                let text = format!("keys that are created later need the scope {scope}");
                findings.warning(&plugin.origin, text);
            }
        }

        let has_both = guard.keys && guard.tokens;
        guard.issuers = Some(issuers);
        if guard.keys {
            guard.scopes.insert(scope);
        }
        if has_both {
            let text = "tokens cannot have the scope of keys, so only keys are accepted";
            findings.stricter(&plugin.origin, text);
            guard.tokens = false;
        }
        guard.access()
    }
}
