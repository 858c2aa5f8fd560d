//! Fields as members of a JSON object, each with a comma in front.
//!
//! `tracing-subscriber` has a JSON format of its own, which goes through a general serialiser for
//! every field: it took as long as all the rest of a decision.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::excerpt::Capped;

/// The most bytes of one field's text. Senders of requests and records choose some of them.
const MAX_FIELD_BYTES: usize = 4_096;

/// Writes a span's fields.
pub(crate) struct Members;

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = MemberVisitor::new(&mut writer);
        fields.record(&mut visitor);
        visitor.outcome
    }
}

/// Writes each field that it visits.
pub(crate) struct MemberVisitor<'w, W> {
    writer: &'w mut W,
    pub(crate) outcome: fmt::Result,
}

impl<'w, W: Write> MemberVisitor<'w, W> {
    pub(crate) fn new(writer: &'w mut W) -> Self {
        Self {
            writer,
            outcome: Ok(()),
        }
    }

    /// Writes the field's name, and what `value` writes. Strings go without the formatter, which
    /// costs more than they do.
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        let written = self.outcome.and_then(|()| {
            self.writer.write_str(",\"")?;
            self.writer.write_str(field.name())?;
            self.writer.write_str("\":")?;
            value(self.writer)
        });
        self.outcome = written;
    }

    fn text(&mut self, field: &Field, value: impl FnOnce(&mut Escaping<'_, W>) -> fmt::Result) {
        self.member(field, |writer| {
            writer.write_char('"')?;
            value(&mut Escaping(writer))?;
            writer.write_char('"')
        });
    }
}

impl<W: Write> Visit for MemberVisitor<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| {
            let mut capped = Capped::new(text, MAX_FIELD_BYTES);
            write!(capped, "{value:?}")?;
            capped.finish()
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| {
            let mut capped = Capped::new(text, MAX_FIELD_BYTES);
            capped.write_str(value)?;
            capped.finish()
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| {
            writer.write_str(if value { "true" } else { "false" })
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    /// JSON has no infinity.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, |writer| {
            if value.is_finite() {
                write!(writer, "{value}")
            } else {
                writer.write_str("null")
            }
        });
    }
}

/// What is written through it can stand between quotes (RFC 8259, section 7).
struct Escaping<'w, W>(&'w mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest
            .bytes()
            .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
        {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;
            let byte = special.as_bytes()[0];
            match byte {
                b'"' | b'\\' => write!(self.0, "\\{}", char::from(byte))?,
                b'\n' => self.0.write_str("\\n")?,
                _ => write!(self.0, "\\u{byte:04x}")?,
            }
            rest = &special[1..];
        }
        self.0.write_str(rest)
    }
}
