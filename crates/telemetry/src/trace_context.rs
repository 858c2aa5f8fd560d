//! `x-request-id` and W3C `traceparent`. They are validated, logged and forwarded, and trusted for
//! nothing else.

use std::fmt;
use std::sync::Arc;

/// The name of the header with the request id.
pub const X_REQUEST_ID: &str = "x-request-id";
/// The name of the header with the trace context (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// The name of the header with what tracing systems add to the trace context.
pub const TRACESTATE: &str = "tracestate";

const MAX_REQUEST_ID_BYTES: usize = 128;
/// The longest traceparent that is parsed. Those of future versions may be longer than version
/// 00's.
const MAX_TRACEPARENT_BYTES: usize = 256;
/// The longest tracestate that is kept (section 3.3.1.5 requires at least 512 characters).
const MAX_TRACESTATE_BYTES: usize = 512;

/// A request id: 1 to 128 letters, digits and `-_.~:+/=@`, which are safe in any log line and
/// header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Returns the id, or `None` if it is empty, too long, or contains another character.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:+/=@".contains(&byte);
        let has_valid_length = (1..=MAX_REQUEST_ID_BYTES).contains(&value.len());

        (has_valid_length && value.bytes().all(is_safe)).then(|| Self(value.to_owned()))
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A trace context (W3C Trace Context, section 3.2, `traceparent`). Only its version and unknown
/// flags change when it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: String,
    parent_id: String,
    flags: u8,
    /// The `tracestate`, which exported spans have.
    state: Option<Arc<str>>,
}

impl TraceParent {
    /// The flags of version 00: sampled, and random trace id (level 2). Others are not forwarded.
    const KNOWN_FLAGS: u8 = 0b11;

    /// Parses a `traceparent`, or returns `None` if it is invalid.
    ///
    /// Fields are lower-case hex. Version `ff` and all-zero ids are invalid. Version 00 has exactly
    /// four fields, later versions may have more (section 3.2.4, "Versioning of `traceparent`").
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_TRACEPARENT_BYTES {
            return None;
        }

        let mut fields = value.splitn(5, '-');
        let version = hex(fields.next()?, 2)?;
        let trace_id = hex(fields.next()?, 32)?;
        let parent_id = hex(fields.next()?, 16)?;
        let flags = hex(fields.next()?, 2)?;

        let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
        let has_extra_field = fields.next().is_some() && version == "00";
        if version == "ff" || has_extra_field || is_zero(trace_id) || is_zero(parent_id) {
            return None;
        }

        let flags = u8::from_str_radix(flags, 16).ok()? & Self::KNOWN_FLAGS;
        Some(Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
            flags,
            state: None,
        })
    }

    /// Returns this context with a `tracestate`. One that is longer than 512 bytes is left out.
    #[must_use]
    pub fn with_state(mut self, state: Option<&str>) -> Self {
        let is_kept = |state: &&str| (1..=MAX_TRACESTATE_BYTES).contains(&state.len());
        self.state = state.filter(is_kept).map(Arc::from);
        self
    }

    /// Returns the `tracestate`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns the context of a span with these ids.
    #[must_use]
    pub fn from_ids(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) -> Self {
        Self {
            trace_id: format!("{:032x}", u128::from_be_bytes(trace_id)),
            parent_id: format!("{:016x}", u64::from_be_bytes(span_id)),
            flags: u8::from(is_sampled),
            state: None,
        }
    }

    /// Returns the trace id: 32 lower-case hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// Returns the caller's span id: 16 lower-case hex digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.parent_id
    }

    /// True if the caller records this trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

impl fmt::Display for TraceParent {
    /// Writes the header's value in version 00.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "00-{}-{}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

/// Returns the field if it has so many lower-case hex digits.
fn hex(field: &str, digits: usize) -> Option<&str> {
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (field.len() == digits && field.bytes().all(is_lower_hex)).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn version_00_is_forwarded_unchanged() {
        let value = format!("00-{TRACE}-{SPAN}-01");
        let parent = TraceParent::parse(&value).unwrap();

        assert_eq!(parent.to_string(), value);
        assert_eq!(
            (parent.trace_id(), parent.parent_id(), parent.is_sampled()),
            (TRACE, SPAN, true)
        );
    }

    #[test]
    fn ids_of_a_span_are_written_with_leading_zeros() {
        let parent = TraceParent::from_ids([1; 16], [0, 0, 0, 0, 0, 0, 0, 2], false);
        let expected = "00-01010101010101010101010101010101-0000000000000002-00";

        assert_eq!(parent.to_string(), expected);
        assert_eq!(TraceParent::parse(expected), Some(parent));
    }

    #[test]
    fn future_version_is_forwarded_as_00() {
        for rest in ["", "-", "-future-field"] {
            let parent = TraceParent::parse(&format!("cc-{TRACE}-{SPAN}-01{rest}")).unwrap();
            assert_eq!(parent.to_string(), format!("00-{TRACE}-{SPAN}-01"));
        }

        assert_eq!(
            TraceParent::parse(&format!("cc-{TRACE}-{SPAN}-01.later")),
            None
        );
    }

    #[test]
    fn unknown_flags_are_not_forwarded() {
        let parent = TraceParent::parse(&format!("00-{TRACE}-{SPAN}-fe")).unwrap();
        assert_eq!(parent.to_string(), format!("00-{TRACE}-{SPAN}-02"));
        assert!(!parent.is_sampled());
    }

    #[test]
    fn invalid_traceparents_are_ignored() {
        let zeros = "0".repeat(32);
        for value in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("01-{TRACE}-{SPAN}-01-{}", "x".repeat(300)),
        ] {
            assert_eq!(TraceParent::parse(&value), None, "{value}");
        }
    }

    #[test]
    fn request_ids_are_short_and_have_only_safe_characters() {
        for value in [
            "JKJaXmPLvHcESHA=",
            "1b671a64-40d5-491e-99b0-da01ff1f3341",
            "a",
            &"x".repeat(128),
        ] {
            assert_eq!(RequestId::parse(value).unwrap().as_str(), value);
        }
        for value in [
            "",
            "a b",
            "a\nb",
            "a\"b",
            "é",
            "a{b}",
            "a%0a",
            &"x".repeat(129),
        ] {
            assert_eq!(RequestId::parse(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn parsers_never_panic(value in ".{0,300}") {
            let _ = RequestId::parse(&value);
            if let Some(parent) = TraceParent::parse(&value) {
                prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
            }
        }
    }
}
