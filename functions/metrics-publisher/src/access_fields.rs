//! Reads the fields of an access-log line that become metrics.
//!
//! API Gateway does not escape values. An error message with quotes can end its own string and forge
//! further fields. A field before the first message is therefore final. Fields after a message are
//! read too, but if one of them is duplicated, one copy is forged, and all of them are discarded.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::flat_json;
use crate::scalar::Scalar;

/// A field that is read. All other fields are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    TimeMs,
    RouteKey,
    Status,
    ResponseLatency,
    IntegrationLatency,
    Route,
    Decision,
    Reason,
    NearLimit,
    OverQuota,
    Plan,
    AuthorizerLatency,
}

const FIELD_COUNT: usize = Field::AuthorizerLatency as usize + 1;

impl Field {
    /// Returns the name in the `Format` of the template's access log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TimeMs => "time_ms",
            Self::RouteKey => "route_key",
            Self::Status => "status",
            Self::ResponseLatency => "response_latency_ms",
            Self::IntegrationLatency => "integration_latency_ms",
            Self::Route => "route",
            Self::Decision => "decision",
            Self::Reason => "reason",
            Self::NearLimit => "near_limit",
            Self::OverQuota => "over_quota",
            Self::Plan => "plan",
            Self::AuthorizerLatency => "authorizer_ms",
        }
    }
}

/// The kind of a field, by its name.
enum FieldKind {
    Known(Field),
    /// A message with text from elsewhere.
    Message,
    Ignored,
}

fn field_kind(name: &str) -> FieldKind {
    let field = match name {
        "time_ms" => Field::TimeMs,
        "route_key" => Field::RouteKey,
        "status" => Field::Status,
        "response_latency_ms" => Field::ResponseLatency,
        "integration_latency_ms" => Field::IntegrationLatency,
        "route" => Field::Route,
        "decision" => Field::Decision,
        "reason" => Field::Reason,
        "near_limit" => Field::NearLimit,
        "over_quota" => Field::OverQuota,
        "plan" => Field::Plan,
        "authorizer_ms" => Field::AuthorizerLatency,
        "error" | "integration_error" | "authorizer_error" => return FieldKind::Message,
        _ => return FieldKind::Ignored,
    };
    FieldKind::Known(field)
}

/// The fields of one line.
#[derive(Debug, Default)]
pub(crate) struct AccessFields<'a> {
    values: [Option<Scalar<'a>>; FIELD_COUNT],
    /// True for fields that first appeared after a message.
    unsure: [bool; FIELD_COUNT],
    has_message: bool,
    /// True once a forged field was found. Nothing after it is read.
    is_forged: bool,
}

impl<'a> AccessFields<'a> {
    /// Reads a JSON object, or the intact fields of one that a message has broken. Returns `None`
    /// for any other line.
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        if flat_json::fields(line, |name, value| fields.add(name, value)).is_none() {
            fields = serde_json::from_str(line).unwrap_or_else(|_| Self::salvage(line));
        }

        let is_access_line = fields.has(Field::RouteKey) && fields.has(Field::Status);
        is_access_line.then_some(fields)
    }

    /// Returns the value of a field, or `None` if it is missing, empty or a hyphen.
    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.values[field as usize].as_ref().and_then(Scalar::get)
    }

    fn has(&self, field: Field) -> bool {
        self.values[field as usize].is_some()
    }

    /// Reads a line that is not JSON. The value of a field is the text from `"NAME":"` to the next
    /// `","` or the end of the line.
    fn salvage(line: &'a str) -> Self {
        let mut fields = Self::default();
        let inner = line
            .trim()
            .strip_prefix("{\"")
            .and_then(|line| line.strip_suffix("\"}"))
            .unwrap_or_default();

        for part in inner.split("\",\"").flat_map(|part| part.split("\", \"")) {
            let Some((name, value)) = part.split_once("\":") else {
                continue;
            };
            let value = value
                .trim_start()
                .strip_prefix('"')
                .filter(|value| !value.contains(['"', '\\']));
            match (field_kind(name), value) {
                (FieldKind::Known(field), Some(value)) => {
                    fields.set(field, Scalar::borrowed(value))
                }
                (FieldKind::Message, _) => fields.has_message = true,
                _ => {}
            }
        }
        fields
    }

    fn add(&mut self, name: &str, value: &'a str) {
        match field_kind(name) {
            FieldKind::Known(field) => self.set(field, Scalar::borrowed(value)),
            FieldKind::Message => self.has_message = true,
            FieldKind::Ignored => {}
        }
    }

    fn set(&mut self, field: Field, value: Scalar<'a>) {
        let place = field as usize;

        if self.is_forged {
            return;
        }
        if self.values[place].is_none() {
            self.values[place] = Some(value);
            self.unsure[place] = self.has_message;
        } else if self.unsure[place] {
            self.discard_unsure();
        }
    }

    fn discard_unsure(&mut self) {
        self.is_forged = true;
        for (value, unsure) in self.values.iter_mut().zip(self.unsure) {
            if unsure {
                *value = None;
            }
        }
    }
}

/// Accepts fields in any order, with strings, numbers or booleans as values.
impl<'de> Deserialize<'de> for AccessFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = AccessFields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = AccessFields::default();
        while let Some(name) = object.next_key::<Scalar<'de>>()? {
            match field_kind(name.raw()) {
                FieldKind::Known(field) => fields.set(field, object.next_value()?),
                FieldKind::Message => {
                    fields.has_message = true;
                    object.next_value::<IgnoredAny>()?;
                }
                FieldKind::Ignored => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [Field; FIELD_COUNT] = [
        Field::TimeMs,
        Field::RouteKey,
        Field::Status,
        Field::ResponseLatency,
        Field::IntegrationLatency,
        Field::Route,
        Field::Decision,
        Field::Reason,
        Field::NearLimit,
        Field::OverQuota,
        Field::Plan,
        Field::AuthorizerLatency,
    ];

    const MADE_UP: &str =
        r#"x","plan":"evil","decision":"throttled","route":"GET /evil","status":"500","y":""#;

    /// A line with an own value for every field but `left_out`. Messages come behind the first
    /// `before` fields.
    fn line(before: usize, message: &str, left_out: Option<Field>) -> String {
        let own = FIELDS.into_iter().filter(|field| Some(*field) != left_out);
        let mut members: Vec<_> = own
            .map(|field| format!(r#""{0}":"own {0}""#, field.name()))
            .collect();
        let messages = [
            r#""error":"-""#.to_owned(),
            format!(r#""integration_error":"{message}""#),
        ];
        let place = before.min(members.len());
        members.splice(place..place, messages);
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn a_field_before_the_messages_cannot_be_set_by_one() {
        for message in [
            MADE_UP,
            r#"-","plan":"evil","y":""#,
            r#"no "such" host","plan":"evil","y":""#,
        ] {
            let line = line(FIELDS.len(), message, None);
            let fields = AccessFields::read(&line).unwrap();
            for field in FIELDS {
                assert_eq!(
                    fields.get(field),
                    Some(&*format!("own {}", field.name())),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn an_empty_field_before_the_messages_stays_empty() {
        let line = line(FIELDS.len(), MADE_UP, None).replace("own plan", "");
        assert_eq!(AccessFields::read(&line).unwrap().get(Field::Plan), None);
    }

    #[test]
    fn fields_after_a_message_are_read_unless_it_made_some_up() {
        let honest = line(3, "no such host", None);
        assert_eq!(
            AccessFields::read(&honest).unwrap().get(Field::Plan),
            Some("own plan")
        );

        let forged = line(3, MADE_UP, None);
        let fields = AccessFields::read(&forged).unwrap();
        assert_eq!(fields.get(Field::Status), Some("own status"));
        for field in [
            Field::Plan,
            Field::Decision,
            Field::Route,
            Field::AuthorizerLatency,
        ] {
            assert_eq!(fields.get(field), None, "{field:?}");
        }
    }

    #[test]
    fn a_line_whose_required_fields_come_after_a_message_that_repeats_them_is_not_read() {
        let line = line(0, r#"x","route_key":"evil","status":"200","y":""#, None);
        assert!(AccessFields::read(&line).is_none());
    }

    #[test]
    fn every_field_is_read_by_its_name_in_the_templates_format() {
        let template = include_str!("../../../template.yaml");
        for field in FIELDS {
            assert!(
                template.contains(&format!("\"{}\":\"$context.", field.name())),
                "{field:?}"
            );
            assert!(
                matches!(field_kind(field.name()), FieldKind::Known(known) if known == field),
                "{field:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_message_sets_a_field_that_the_line_has(
            before in 0usize..=FIELD_COUNT, parts in prop::collection::vec(
                prop::sample::select(vec!["-", "x", "\"", "\\", "\",\"", "\": \"", "\":\"", "plan", "status", "decision", "error", "evil", "{", "}", ", "]),
                0..12),
        ) {
            let line = line(before, &parts.concat(), None);
            if let Some(fields) = AccessFields::read(&line) {
                for field in FIELDS {
                    let own = format!("own {}", field.name());
                    prop_assert!(fields.get(field).is_none_or(|value| value == own), "{} {:?}", line, fields);
                }
            }
        }
    }
}
