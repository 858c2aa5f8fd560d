//! Writes the JSON of a response.
//!
//! The fields of a response are strings that rarely need an escape. `serde_json` looks at every byte
//! by itself, which took a third longer than everything else about the response. It still writes
//! strings with escapes, and checks the finished text.

use serde_json::value::RawValue;

use crate::context::Context;

/// The bytes of a field in addition to its name and its value.
const FIELD_BYTES: usize = r#""":"","#.len();

/// The text of a response.
pub(crate) struct ResponseJson(String);

impl ResponseJson {
    /// Returns an empty text with space for `context` and `more` bytes.
    pub(crate) fn for_context(context: &Context, more: usize) -> Self {
        let fields = context.fields();
        let bytes = fields.map(|(name, value)| name.len() + value.len() + FIELD_BYTES);
        Self(String::with_capacity(bytes.sum::<usize>() + more))
    }

    /// Appends text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// Appends a string.
    ///
    /// # Errors
    /// None for a string: see [`serde_json::to_string`].
    pub(crate) fn string(&mut self, value: &str) -> serde_json::Result<()> {
        if needs_escape(value) {
            self.0.push_str(&serde_json::to_string(value)?);
        } else {
            self.0.push('"');
            self.0.push_str(value);
            self.0.push('"');
        }
        Ok(())
    }

    /// Appends the context as an object.
    ///
    /// # Errors
    /// As for [`Self::string`].
    pub(crate) fn context(&mut self, context: &Context) -> serde_json::Result<()> {
        let mut opening = "{\"";
        for (name, value) in context.fields() {
            self.0.push_str(opening);
            self.0.push_str(name);
            self.0.push_str("\":");
            self.string(value)?;
            opening = ",\"";
        }
        self.0.push('}');
        Ok(())
    }

    /// Returns the finished response.
    ///
    /// # Errors
    /// An error if the text is not JSON.
    pub(crate) fn finish(self) -> serde_json::Result<Box<RawValue>> {
        RawValue::from_string(self.0)
    }
}

/// True if a string of JSON cannot contain `text` as it is (RFC 8259, section 7).
fn needs_escape(text: &str) -> bool {
    // Without an early exit, the compiler checks several bytes at once.
    text.bytes().fold(false, |needs_escape, byte| {
        needs_escape | (byte < b' ') | (byte == b'"') | (byte == b'\\')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_written_as_serde_json_writes_it() {
        for character in (0..=0x300).filter_map(char::from_u32) {
            let value = format!("a{character}b");
            let mut json = ResponseJson(String::new());
            json.string(&value).unwrap();
            assert_eq!(json.0, serde_json::to_string(&value).unwrap());
        }
    }

    #[test]
    fn space_for_a_context_without_escapes_is_exact() {
        let context = Context {
            violated: Some("day".to_owned()),
            ..Context::default()
        };
        let mut json = ResponseJson::for_context(&context, "{}".len() - ",".len());
        let capacity = json.0.capacity();
        json.context(&context).unwrap();

        assert_eq!((json.0.len(), json.0.capacity()), (capacity, capacity));
    }
}
