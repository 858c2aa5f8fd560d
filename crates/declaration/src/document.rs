//! Files with a single plan, policy or composition.

use serde_json::Value;

use crate::check::Checker;
use crate::located::Located;
use crate::mistake::DeclarationError;

/// Reads a plan in YAML or JSON and checks it as the API does. `file` is its name in errors.
///
/// # Errors
/// [`DeclarationError`] with every mistake in the file.
///
/// ```
/// let plan = declaration::parse_plan("gold.yaml", "throttle: {rate: 10, burst: 20}").unwrap();
/// assert_eq!(plan["throttle"]["rate"], 10);
///
/// let error = declaration::parse_plan("gold.yaml", "throttle: {rate: -1, burst: 20}").unwrap_err();
/// assert!(error.to_string().starts_with("gold.yaml:1:18: throttle.rate: "));
/// ```
pub fn parse_plan(file: &str, text: &str) -> Result<Value, DeclarationError> {
    parse(file, text, |checker, document| {
        checker.plan_document("", document)
    })
}

/// Reads a policy in YAML or JSON and checks it as the API does. `file` is its name in errors.
///
/// # Errors
/// [`DeclarationError`] with the first mistake in the file.
pub fn parse_policy(file: &str, text: &str) -> Result<Value, DeclarationError> {
    parse(file, text, |checker, document| checker.policy("", document))
}

/// Reads a composition in YAML or JSON and checks it as the API does. `file` is its name in errors.
/// The path below which the composer serves its routes is not known here.
///
/// # Errors
/// [`DeclarationError`] with the first mistake in the file.
///
/// ```
/// let text = "routes: {GET /bff/me: {parts: {user: {get: '/users/{user}'}}}}";
/// let error = declaration::parse_composition("bff.yaml", text).unwrap_err();
/// assert!(error.to_string().contains(": routes[\"GET /bff/me\"].parts.user.get: "));
/// ```
pub fn parse_composition(file: &str, text: &str) -> Result<Value, DeclarationError> {
    parse(file, text, |checker, document| {
        checker.composition("", document);
    })
}

fn parse(
    file: &str,
    text: &str,
    check: impl FnOnce(&mut Checker<'_>, &Value),
) -> Result<Value, DeclarationError> {
    let located = Located::parse(file, text)?;
    let mut checker = Checker::new(&located);

    if located.value.is_object() {
        check(&mut checker, &located.value);
    } else {
        checker.add("", "expected an object");
    }
    match checker.mistakes {
        mistakes if mistakes.is_empty() => Ok(located.value),
        mistakes => Err(located.error(mistakes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_error(text: &str) -> String {
        parse_plan("gold.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_mistake_in_a_plan_is_reported() {
        let error = plan_error(
            "throttle: {rate: -1, burst: 5}\nquotas:\n- {limit: 5, period: day}\n- {limit: 6, period: day}\n",
        );
        assert_eq!(error.lines().count(), 3, "{error}");
    }

    #[test]
    fn plan_is_an_object() {
        for text in ["", "[]", "gold"] {
            assert_eq!(plan_error(text), "gold.yaml:1:1: expected an object");
        }
    }

    #[test]
    fn fields_of_a_composition_keep_their_order() {
        let text =
            "routes:\n  GET /bff/me:\n    parts:\n      user: {get: /b}\n      orders: {get: /a}\n";
        let document = parse_composition("bff.yaml", text).unwrap().to_string();
        let expected =
            r#"{"routes":{"GET /bff/me":{"parts":{"user":{"get":"/b"},"orders":{"get":"/a"}}}}}"#;
        assert_eq!(document, expected);
    }

    #[test]
    fn mistake_in_a_policy_has_its_position() {
        let text = "rules:\n- match: GET /orders\n  auth: apikey\n";
        let error = parse_policy("main.yaml", text).unwrap_err().to_string();
        assert!(
            error.starts_with("main.yaml:3:9: rules[0].auth: "),
            "{error}"
        );
    }
}
