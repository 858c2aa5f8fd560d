//! JSON in which no member stands twice: of two plans or rates of one name, the laxer might win.

use authorizer::StrictValue;
use http::StatusCode;
use serde::Deserialize as _;
use serde_json::Value;

use crate::problem::{Mistake, Problem};

/// The value that this text is.
///
/// # Errors
/// 400 for what is no JSON, 422 for a member that stands twice.
pub(crate) fn value(text: &[u8]) -> Result<Value, Problem> {
    let syntax = |error: &serde_json::Error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("The request's body is not JSON: {error}."))
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let StrictValue(value) = StrictValue::deserialize(&mut deserializer).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::mistakes(vec![Mistake::at("", error.to_string())]),
        _ => syntax(&error),
    })?;
    deserializer.end().map_err(|error| syntax(&error))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> serde_json::Value {
        serde_json::to_value(value(text.as_bytes()).expect_err(text)).unwrap()
    }

    #[test]
    fn json_is_read_as_it_stands() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true],"b":{"a":"\u00fc"}}"#;
        assert_eq!(value(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for text in ["", "{", r#"{"a":1} x"#, "\u{feff}{}", &"[".repeat(200)] {
            let problem = refused(text);
            assert_eq!(problem["status"], 400, "{text}");
            assert!(problem["detail"].as_str().unwrap().contains("line 1 column"), "{problem}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_named() {
        let problem = refused(r#"{"routes":{"GET /a":1,"GET /a":2}}"#);
        assert_eq!(problem["status"], 422);
        assert!(problem["errors"][0]["detail"].as_str().unwrap().starts_with("`GET /a` stands there twice"));
    }
}
