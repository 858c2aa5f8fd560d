//! Fields of a key as options.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::instant::instant;

/// The fields of a key that can be created and changed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Fields of the key")]
pub(super) struct KeyFields {
    /// Plan that is charged
    #[arg(long, value_name = "PLAN")]
    pub(super) plan: Option<String>,
    /// Name of your choice
    #[arg(long, value_name = "TEXT")]
    pub(super) name: Option<String>,
    /// Purpose of the key
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Group whose keys share their limits
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// User of the key, sent to the backend
    #[arg(long, value_name = "USER")]
    subject: Option<String>,
    /// When the key expires: an RFC 3339 instant, a day, or a duration such as 30d
    #[arg(long, value_name = "TIME", value_parser = instant)]
    expires_at: Option<Timestamp>,
    /// When the key becomes valid: an RFC 3339 instant, a day, or a duration such as 30d
    #[arg(long, value_name = "TIME", value_parser = instant)]
    not_before: Option<Timestamp>,
    /// Address or network (CIDR) from which the key may be used; may be repeated
    #[arg(long = "allowed-ip", value_name = "CIDR")]
    allowed_ips: Vec<String>,
    /// Scope of the key; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Entry of the metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = entry)]
    metadata: Vec<(String, String)>,
}

impl KeyFields {
    /// Returns the options that are present as fields of the API.
    pub(super) fn document(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };

        for (name, text) in [
            ("plan", &self.plan),
            ("name", &self.name),
            ("description", &self.description),
            ("group", &self.group),
            ("subject", &self.subject),
        ] {
            put(name, text.clone().map(Value::from));
        }
        for (name, instant) in [
            ("expires_at", self.expires_at),
            ("not_before", self.not_before),
        ] {
            put(name, instant.map(|instant| instant.to_string().into()));
        }
        for (name, list) in [("allowed_ips", &self.allowed_ips), ("scopes", &self.scopes)] {
            put(name, (!list.is_empty()).then(|| json!(list)));
        }
        let entries = self.metadata.iter().cloned();
        let entries: Map<_, _> = entries
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        put("metadata", (!entries.is_empty()).then(|| entries.into()));
        fields
    }
}

/// Parses an entry of the metadata.
///
/// # Errors
/// The expected form.
pub(super) fn entry(text: &str) -> Result<(String, String), String> {
    let entry = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = entry.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fields: KeyFields,
    }

    fn document(line: &str) -> Value {
        let arguments = std::iter::once("x").chain(line.split_whitespace());
        Line::parse_from(arguments).fields.document().into()
    }

    #[test]
    fn absent_options_are_absent_fields() {
        assert_eq!(document(""), json!({}));
    }

    #[test]
    fn options_are_fields_of_the_api() {
        let line = "--plan pro --group acme --expires-at 2027-01-31 --allowed-ip 192.0.2.1 \
                    --allowed-ip 2001:db8::/32 --scope a --metadata crm=1=2 --metadata mail=";
        let expected = json!({"plan": "pro", "group": "acme", "expires_at": "2027-01-31T00:00:00Z",
            "allowed_ips": ["192.0.2.1", "2001:db8::/32"], "scopes": ["a"],
            "metadata": {"crm": "1=2", "mail": ""}});
        assert_eq!(document(line), expected);
    }

    #[test]
    fn entry_needs_a_name() {
        assert!(entry("a").is_err() && entry("=a").is_err());
    }
}
