//! Compares what the template asks for with what AWS returns.

use serde_json::Value;

use crate::stack::Stack;

/// True if a value contains no function call that only CloudFormation resolves.
pub(in crate::after) fn is_known(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_known),
        Value::Object(fields) => {
            let is_call = |name: &String| name == "Ref" || name.starts_with("Fn::");
            !(fields.len() == 1 && fields.keys().all(is_call)) && fields.values().all(is_known)
        }
        // CloudFormation hides the values of some parameters.
        Value::String(text) => text != "****",
        _ => true,
    }
}

/// Returns a value as text. AWS and templates differ in whether `60` is a string.
pub(in crate::after) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "not set".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

/// True if two values are equal, apart from their types and the order of lists.
pub(in crate::after) fn is_same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Array(expected), Value::Array(actual)) => sorted(expected) == sorted(actual),
        _ => plain(expected) == plain(actual),
    }
}

fn sorted(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(plain).collect();
    texts.sort();
    texts
}

/// Returns the physical ID of the resource whose ARN a value asks for, such as
/// `{"Fn::GetAtt": ["UsageTable", "Arn"]}`.
pub(in crate::after) fn resource_of_arn<'s>(stack: &'s Stack, value: &Value) -> Option<&'s str> {
    let attribute = match &value["Fn::GetAtt"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            parts.join(".")
        }
        _ => return None,
    };
    let name = attribute.strip_suffix(".Arn")?;
    stack.resource(name).map(|resource| resource.id.as_str())
}

/// True if an ARN is that of a resource with this physical ID, which may be an ARN or a URL.
pub(in crate::after) fn is_arn_of(arn: &str, id: &str) -> bool {
    let name = id.rsplit(['/', ':']).next().unwrap_or(id);
    arn == id || arn.rsplit(['/', ':']).next() == Some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::recorded::Recorded;

    use super::*;

    #[test]
    fn function_calls_are_not_known() {
        for known in [
            json!("x"),
            json!(1),
            json!(null),
            json!(["a"]),
            json!({"Fn": "x"}),
        ] {
            assert!(is_known(&known), "{known}");
        }
        for unknown in [
            json!({"Ref": "Table"}),
            json!({"Fn::GetAtt": ["Table", "Arn"]}),
            json!(["a", {"Fn::Sub": "${Table.Arn}"}]),
            json!({"a": {"Ref": "Table"}}),
            json!("****"),
        ] {
            assert!(!is_known(&unknown), "{unknown}");
        }
    }

    #[test]
    fn types_and_order_do_not_matter() {
        assert!(is_same(&json!("60"), &json!(60)));
        assert!(is_same(&json!(true), &json!("true")));
        assert!(is_same(&json!(["b", "a"]), &json!(["a", "b"])));
        assert!(!is_same(&json!(["a", "a"]), &json!(["a"])));
        assert!(!is_same(&json!("a"), &json!(null)));
    }

    #[tokio::test]
    async fn resources_are_found_by_their_arn() {
        let stack = Recorded::healthy().stack().await;
        let id = Some("tollgate-UsageTable-AbCdEfGh");
        let list = json!({"Fn::GetAtt": ["UsageTable", "Arn"]});
        let text = json!({"Fn::GetAtt": "UsageTable.Arn"});
        assert_eq!(resource_of_arn(&stack, &list), id);
        assert_eq!(resource_of_arn(&stack, &text), id);
        assert_eq!(resource_of_arn(&stack, &json!("UsageTable.Arn")), None);
        let name = json!({"Fn::GetAtt": ["UsageTable", "Name"]});
        assert_eq!(resource_of_arn(&stack, &name), None);
    }

    #[test]
    fn arns_end_with_the_name() {
        let role = "arn:aws:iam::111122223333:role/path/tollgate-Role";
        assert!(is_arn_of(role, "tollgate-Role"));
        assert!(!is_arn_of(role, "Role"));
        let queue = "arn:aws:sqs:eu-west-1:111122223333:tollgate-Queue";
        assert!(is_arn_of(
            queue,
            "https://sqs.eu-west-1.amazonaws.com/111122223333/tollgate-Queue"
        ));
    }
}
