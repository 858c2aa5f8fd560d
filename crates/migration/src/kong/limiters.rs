//! The plugins `rate-limiting` and `rate-limiting-advanced`.

use super::document::Node;
use super::entities::{Configuration, Plugin, known_text};
use super::windows::{Period, Window};
use crate::Findings;

/// The names of the plugins.
pub(super) const PLUGINS: [&str; 2] = ["rate-limiting", "rate-limiting-advanced"];

const PERIODS: [(&str, Period); 6] = [
    ("second", Period::Fixed(1)),
    ("minute", Period::Fixed(60)),
    ("hour", Period::Fixed(3_600)),
    ("day", Period::Fixed(86_400)),
    ("month", Period::Month),
    ("year", Period::Year),
];
/// The settings of both plugins whose meaning is known and that limit nothing.
const OTHER_SETTINGS: [&str; 30] = [
    "compound_identifier",
    "consumer_groups",
    "dictionary_name",
    "disable_penalty",
    "enforce_consumer_groups",
    "error_code",
    "error_message",
    "fault_tolerant",
    "header_name",
    "hide_client_headers",
    "identifier",
    "limit",
    "limit_by",
    "lock_dictionary_name",
    "namespace",
    "path",
    "policy",
    "redis",
    "redis_database",
    "redis_host",
    "redis_password",
    "redis_port",
    "redis_server_name",
    "redis_ssl",
    "redis_ssl_verify",
    "redis_timeout",
    "redis_username",
    "retry_after_jitter_max",
    "strategy",
    "sync_rate",
];
const ADVANCED_SETTINGS: [&str; 3] = ["throttling", "window_size", "window_type"];

/// The property that distinguishes callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedBy {
    Consumer,
    Credential,
    ConsumerGroup,
    Address,
    /// One count for all callers.
    Service,
    Header,
    Path,
}

/// The limits of one plugin.
#[derive(Debug)]
pub(super) struct Limiter<'c> {
    pub(super) plugin: &'c Plugin,
    pub(super) windows: Vec<Window>,
    pub(super) by: CountedBy,
    /// True if requests are refused while counts cannot be read.
    pub(super) denies_on_failure: bool,
}

/// Reads all plugins that limit rates. A limit that is not understood becomes 0 calls.
pub(super) fn read<'c>(
    configuration: &'c Configuration,
    findings: &mut Findings,
) -> Vec<Limiter<'c>> {
    let plugins = configuration.plugins.iter();
    let limiting = plugins.filter(|plugin| PLUGINS.contains(&plugin.name.as_str()));
    limiting
        .map(|plugin| {
            let limiter = Limiter::read(plugin).unwrap_or_else(|problem| {
                let text = format!("{problem}, so the limit becomes 0 calls");
                findings.closed(&plugin.origin, text);
                Limiter::refusing(plugin)
            });
            limiter.report(findings);
            limiter
        })
        .collect()
}

impl<'c> Limiter<'c> {
    fn read(plugin: &'c Plugin) -> Result<Self, String> {
        let is_advanced = plugin.name != PLUGINS[0];
        let (windows, by) = if is_advanced {
            (advanced_windows(plugin)?, plugin.text("identifier")?)
        } else {
            (simple_windows(plugin)?, plugin.text("limit_by")?)
        };
        if windows.is_empty() {
            return Err("no limit is set".to_owned());
        }

        Ok(Self {
            plugin,
            windows,
            by: counted_by(by.unwrap_or("consumer"))?,
            denies_on_failure: !plugin.boolean("fault_tolerant", true)?,
        })
    }

    fn refusing(plugin: &'c Plugin) -> Self {
        Self {
            plugin,
            windows: vec![Window {
                period: Period::Fixed(60),
                limit: 0,
            }],
            by: CountedBy::Consumer,
            denies_on_failure: true,
        }
    }

    /// Reports settings that change what clients see.
    fn report(&self, findings: &mut Findings) {
        let origin = &self.plugin.origin;
        if matches!(self.plugin.text("policy"), Ok(Some("local"))) {
            let text = "with `policy: local`, each node of Kong counts by itself; Tollgate counts all calls together";
            findings.stricter(origin, text);
        }
        if self.plugin.setting("error_code").is_some()
            || self.plugin.setting("error_message").is_some()
        {
            findings.not_mapped(origin, "the response is 429 with a problem document");
        }
        if self.plugin.boolean("hide_client_headers", false) == Ok(true) {
            findings.not_mapped(
                origin,
                "set the parameter `RateLimitHeaders=none` of the stack",
            );
        }
        let is_sliding = self
            .windows
            .iter()
            .any(|window| matches!(window.period, Period::Sliding(_)));
        if is_sliding && self.plugin.boolean("disable_penalty", false) != Ok(true) {
            findings.not_mapped(
                origin,
                "Kong also counts refused requests; Tollgate does not charge them",
            );
        }
    }
}

fn counted_by(name: &str) -> Result<CountedBy, String> {
    Ok(match name {
        "consumer" => CountedBy::Consumer,
        "credential" => CountedBy::Credential,
        "consumer-group" => CountedBy::ConsumerGroup,
        "ip" => CountedBy::Address,
        "service" => CountedBy::Service,
        "header" => CountedBy::Header,
        "path" => CountedBy::Path,
        other => return Err(format!("unknown identifier `{other}`")),
    })
}

fn simple_windows(plugin: &Plugin) -> Result<Vec<Window>, String> {
    let is_known = |name: &str| {
        OTHER_SETTINGS.contains(&name) || PERIODS.iter().any(|(known, _)| *known == name)
    };
    let mut names = plugin.config.iter().map(|(name, _)| name.as_str());
    if let Some(name) = names.find(|name| !is_known(name)) {
        return Err(format!("unknown setting `{name}`"));
    }

    let mut windows = Vec::new();
    for (name, period) in PERIODS {
        if let Some(node) = plugin.setting(name) {
            windows.push(Window {
                period,
                limit: limit(node, name)?,
            });
        }
    }
    Ok(windows)
}

fn advanced_windows(plugin: &Plugin) -> Result<Vec<Window>, String> {
    let is_known = |name: &str| OTHER_SETTINGS.contains(&name) || ADVANCED_SETTINGS.contains(&name);
    let mut names = plugin.config.iter().map(|(name, _)| name.as_str());
    if let Some(name) = names.find(|name| !is_known(name)) {
        return Err(format!("unknown setting `{name}`"));
    }

    let is_fixed = match plugin.text("window_type")? {
        None | Some("sliding") => false,
        Some("fixed") => true,
        Some(other) => return Err(format!("unknown window_type `{other}`")),
    };
    let limits = numbers(plugin, "limit")?;
    let widths = numbers(plugin, "window_size")?;
    if limits.len() != widths.len() {
        return Err("`limit` and `window_size` have different lengths".to_owned());
    }

    let windows = limits.into_iter().zip(widths).map(|(limit, width)| {
        if width == 0 {
            return Err("`window_size` is not a whole number of seconds".to_owned());
        }
        let period = if is_fixed {
            Period::Fixed(width)
        } else {
            Period::Sliding(width)
        };
        Ok(Window { period, limit })
    });
    windows.collect()
}

fn numbers(plugin: &Plugin, name: &str) -> Result<Vec<u64>, String> {
    let Some(node) = plugin.setting(name) else {
        return Ok(Vec::new());
    };
    if node.is_list() {
        return node.items().iter().map(|item| limit(item, name)).collect();
    }
    limit(node, name).map(|number| vec![number])
}

/// Reads a number, rounded down, which is the stricter direction for a limit. A window must be
/// whole.
fn limit(node: &Node, name: &str) -> Result<u64, String> {
    let number = node.number().filter(|number| (0.0..=9e14).contains(number));
    let Some(number) = number else {
        let found = known_text(node).unwrap_or("a reference or an object");
        return Err(format!("`{name}` is {found}, expected a number"));
    };
    if name == "window_size" && number.fract() != 0.0 {
        return Ok(0);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is neither negative nor above 9·10¹⁴"
    )]
    Ok(number.floor() as u64)
}
