//! The documents of a file, and what they list.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ImportError;

/// The largest file, in bytes. 10,000 keys take about 4 MB.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// The kind of the items of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The output of `get-usage-plans`.
    UsagePlans,
    /// The output of `get-api-keys`.
    ApiKeys,
    /// The output of `get-usage-plan-keys`.
    UsagePlanKeys,
}

/// The items of a document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) items: Vec<Value>,
    /// True if the document is one page of several.
    pub(super) is_incomplete: bool,
}

/// Returns the JSON values of a file, one after another. A file of PowerShell is in UTF-16.
pub(super) fn values(file: &str, bytes: &[u8]) -> Result<Vec<Value>, ImportError> {
    if bytes.len() > MAX_FILE_BYTES {
        let problem = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
        return Err(ImportError::new(file, problem));
    }
    let text = decode(bytes).ok_or_else(|| ImportError::new(file, "the file is not UTF-8 text"))?;
    if text.trim().is_empty() {
        return Err(ImportError::new(file, "the file is empty, expected JSON"));
    }

    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let values = values.map(|value| {
        value.map_err(|error| {
            let place = format!("{file}:{}:{}", error.line(), error.column());
            let problem = match error.classify() {
                serde_json::error::Category::Eof => "the file ends within a JSON value",
                _ => "invalid JSON, expected the output of `aws apigateway … --output json`",
            };
            ImportError::new(place, problem)
        })
    });
    values.collect()
}

/// Returns the text of a file, without a byte order mark.
fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let units = |order: fn([u8; 2]) -> u16| {
        let pairs = bytes.get(2..)?.chunks_exact(2);
        let is_whole = pairs.remainder().is_empty();
        let units: Vec<u16> = pairs.map(|pair| order([pair[0], pair[1]])).collect();
        is_whole.then(|| String::from_utf16(&units).ok()).flatten()
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes).map(Cow::Owned),
        _ => {
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(text).ok().map(Cow::Borrowed)
        }
    }
}

impl Document {
    /// Returns the items of a value: a list, an object with a list, or one item.
    pub(super) fn of(place: &str, value: Value) -> Result<Self, ImportError> {
        let mut fields = match value {
            Value::Array(items) => return Ok(Self::complete(items)),
            Value::Object(fields) => fields,
            _ => {
                return Err(ImportError::new(
                    place,
                    "expected a JSON object with `items`",
                ));
            }
        };

        let is_incomplete = ["position", "NextToken", "nextToken"]
            .iter()
            .any(|field| fields.get(*field).is_some_and(|value| !value.is_null()));
        // The AWS CLI names the list `items`, and the HTTP API names it `item`.
        let items = fields.remove("items").or_else(|| fields.remove("item"));
        match items {
            None if kind(&fields).is_some() => Ok(Self::complete(vec![Value::Object(fields)])),
            Some(Value::Array(items)) => Ok(Self {
                items,
                is_incomplete,
            }),
            None | Some(_) => Err(ImportError::new(place, UNKNOWN)),
        }
    }

    /// Returns the kind of the items. All items of a document are of one kind. `None` if there are
    /// no items.
    pub(super) fn kind(
        &self,
        place: &str,
        plan_id: Option<&str>,
    ) -> Result<Option<Kind>, ImportError> {
        let kinds = self.items.iter().filter_map(Value::as_object).map(kind);
        let kind = kinds.flatten().next();
        if self.items.is_empty() {
            return Ok(None);
        }

        let problem = match (kind, plan_id) {
            (Some(Kind::UsagePlanKeys) | None, Some(_)) => return Ok(Some(Kind::UsagePlanKeys)),
            (Some(Kind::UsagePlans | Kind::ApiKeys), None) => return Ok(kind),
            (Some(Kind::UsagePlanKeys), None) => {
                "the keys of a usage plan do not name their plan, expected PLAN_ID=FILE"
            }
            (Some(_), Some(_)) => "expected the output of `aws apigateway get-usage-plan-keys`",
            (None, None) => UNKNOWN,
        };
        Err(ImportError::new(place, problem))
    }

    const fn complete(items: Vec<Value>) -> Self {
        Self {
            items,
            is_incomplete: false,
        }
    }
}

const UNKNOWN: &str = "expected the output of `aws apigateway get-usage-plans`, `get-api-keys` or \
                       `get-usage-plan-keys`";

fn kind(item: &Map<String, Value>) -> Option<Kind> {
    let has = |fields: &[&str]| fields.iter().any(|field| item.contains_key(*field));
    if item.get("type").is_some_and(|kind| kind == "API_KEY") {
        Some(Kind::UsagePlanKeys)
    } else if has(&["apiStages", "throttle", "quota", "productCode"]) {
        Some(Kind::UsagePlans)
    } else if has(&["stageKeys", "value"]) || (has(&["enabled"]) && has(&["id"])) {
        Some(Kind::ApiKeys)
    } else {
        None
    }
}

/// Reads an item. The error names the field, and never the value, which may be a secret.
pub(super) fn item<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, ImportError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let is_missing = error.inner().to_string().starts_with("missing field");
        let problem = match path.as_str() {
            _ if is_missing => error.inner().to_string(),
            "." => "expected an object".to_owned(),
            path => format!("`{path}` has another type than in the output of the AWS CLI"),
        };
        ImportError::new(place, problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "{\"items\": [{\"id\": \"k\", \"enabled\": true}]}";

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(order).collect()
    }

    #[test]
    fn encodings_of_windows_are_read() {
        let files = [
            KEYS.as_bytes().to_vec(),
            format!("\u{feff}{KEYS}").into_bytes(),
            utf16(KEYS, u16::to_le_bytes),
            utf16(KEYS, u16::to_be_bytes),
        ];
        for bytes in files {
            assert_eq!(values("a.json", &bytes).unwrap().len(), 1, "{bytes:?}");
        }
    }

    #[test]
    fn several_documents_can_follow_one_another() {
        assert_eq!(
            values("a", format!("{KEYS}\n{KEYS}").as_bytes())
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn unreadable_files_are_errors_with_a_position() {
        let half = utf16(KEYS, u16::to_le_bytes);
        for (bytes, expected) in [
            (&b""[..], "a.json: the file is empty"),
            (b" \n", "a.json: the file is empty"),
            (b"\xff\xff", "a.json: the file is not UTF-8 text"),
            (
                &half[..half.len() - 1],
                "a.json: the file is not UTF-8 text",
            ),
            (
                b"{\"items\": [\n{\"id\"",
                "a.json:2:5: the file ends within a JSON value",
            ),
            (b"items:\n- id: a\n", "a.json:1:1: invalid JSON"),
            (b"USAGEPLANS\tc7y23b\n", "a.json:1:1: invalid JSON"),
        ] {
            let error = values("a.json", bytes).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let deep = "[".repeat(1_000);
        assert!(values("a.json", deep.as_bytes()).is_err());
    }

    #[test]
    fn kind_of_items_is_recognized() {
        for (item, expected) in [
            (
                r#"{"id": "a", "name": "b", "apiStages": []}"#,
                Some(Kind::UsagePlans),
            ),
            (
                r#"{"id": "a", "enabled": true, "stageKeys": []}"#,
                Some(Kind::ApiKeys),
            ),
            (
                r#"{"id": "a", "type": "API_KEY", "value": "v"}"#,
                Some(Kind::UsagePlanKeys),
            ),
            (
                r#"{"id": "a", "name": "a REST API", "createdDate": 1}"#,
                None,
            ),
        ] {
            let item: Map<String, Value> = serde_json::from_str(item).unwrap();
            assert_eq!(kind(&item), expected, "{item:?}");
        }
    }

    #[test]
    fn documents_of_another_kind_are_errors() {
        for value in [
            r#""text""#,
            r#"{"usagePlanId": "a", "items": {"k": [[0, 10]]}}"#,
            r#"{"Items": []}"#,
        ] {
            assert!(
                Document::of("a", serde_json::from_str(value).unwrap()).is_err(),
                "{value}"
            );
        }
        let rest_apis = r#"{"items": [{"id": "a", "name": "b", "createdDate": 1}]}"#;
        let document = Document::of("a", serde_json::from_str(rest_apis).unwrap()).unwrap();
        assert!(document.kind("a", None).is_err());
    }

    #[test]
    fn keys_of_a_plan_need_its_id() {
        let text = r#"{"items": [{"id": "a", "type": "API_KEY"}], "position": "x"}"#;
        let document = Document::of("a", serde_json::from_str(text).unwrap()).unwrap();
        assert!(document.is_incomplete);
        let error = document.kind("a", None).unwrap_err();
        assert!(error.to_string().contains("PLAN_ID=FILE"), "{error}");
        assert_eq!(
            document.kind("a", Some("c7y23b")).unwrap(),
            Some(Kind::UsagePlanKeys)
        );
    }
}
