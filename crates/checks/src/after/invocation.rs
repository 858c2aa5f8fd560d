//! The permission of a service in the policy of a resource, such as to invoke a Lambda function.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::policy_document::{statements, texts};

/// The permission of a service to invoke a function for a source, such as a route of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invocation {
    /// The policy of the function does not allow it.
    NotAllowed,
    /// The policy has a condition that these checks do not evaluate.
    Unclear,
    /// The policy allows it.
    Allowed,
    /// The policy allows it for every source, also in other accounts.
    AllowedForAllSources,
}

/// Reads the policy of a function. `qualifier` is an alias. A function without a policy returns
/// null.
pub(super) async fn function_policy(
    account: &Account,
    function: &str,
    qualifier: Option<&str>,
) -> Result<Value, Unread> {
    let mut request = path(&["2015-03-31", "functions", function, "policy"]);
    if let Some(qualifier) = qualifier {
        request = request.query(&[("Qualifier", qualifier)]);
    }
    let call = Call::get(Service::Lambda, "GetPolicy", &request);

    let response = match account.read(&call).await {
        Ok(response) => response,
        Err(Unread::NotFound { .. }) => return Ok(Value::Null),
        Err(reason) => return Err(reason),
    };
    let policy = text(&response["Policy"]);
    serde_json::from_str(policy).map_err(|_| {
        let permission = call.permission();
        Unread::Failed(format!("{permission}: unexpected response: invalid policy"))
    })
}

/// Returns the permission of `service`, such as `apigateway.amazonaws.com`, to invoke the function
/// for the ARN `source`.
pub(super) fn invocation(policy: &Value, service: &str, source: &str) -> Invocation {
    permission(policy, service, "lambda:InvokeFunction", source)
}

/// Returns the permission of `service` to call `action` for the ARN `source`. The policy is that of
/// any resource.
pub(super) fn permission(policy: &Value, service: &str, action: &str, source: &str) -> Invocation {
    let about_service: Vec<&Value> = statements(policy)
        .iter()
        .filter(|it| match &it["NotPrincipal"] {
            Value::Null => names_service(&it["Principal"], service),
            others => !names_service(others, service),
        })
        .filter(|it| match &it["NotAction"] {
            Value::Null => has_action(&it["Action"], action),
            others => !has_action(others, action),
        })
        .collect();

    let mut found = Invocation::NotAllowed;
    for statement in about_service {
        let applies = condition(&statement["Condition"], source);
        let is_denial = statement["Effect"] == "Deny";
        match applies {
            Invocation::NotAllowed => {}
            Invocation::Unclear if is_denial => return Invocation::Unclear,
            _ if is_denial => return Invocation::NotAllowed,
            applies => found = found.max(applies),
        }
    }
    found
}

/// Returns a description of each statement that allows anything to another principal than
/// `services`, or to a service for a source that is not in `account`.
pub(super) fn foreign_statements(policy: &Value, services: &[&str], account: &str) -> Vec<String> {
    let allowed = statements(policy)
        .iter()
        .filter(|statement| statement["Effect"] != "Deny");
    allowed
        .filter_map(|statement| {
            let foreign = foreign_principal(statement, services, account)?;
            Some(format!(
                "has the statement {}, which allows {} to {foreign}",
                text(&statement["Sid"]),
                texts(&statement["Action"]).join(", ")
            ))
        })
        .collect()
}

/// Returns the principal of a statement, with its sources, unless it is one of the services for
/// sources of the account.
fn foreign_principal(statement: &Value, services: &[&str], account: &str) -> Option<String> {
    let principal = &statement["Principal"];
    let kinds = principal.as_object();
    let names: Vec<&str> = match kinds {
        Some(kinds) => kinds.values().flat_map(texts).collect(),
        None => texts(principal),
    };
    if names.is_empty() {
        return Some("all principals but some".to_owned());
    }
    let is_service = kinds.is_some_and(|kinds| kinds.keys().all(|kind| kind == "Service"))
        && names.iter().all(|name| services.contains(name));
    let names = names.join(", ");
    if !is_service {
        return Some(names);
    }

    let conditions = sources(&statement["Condition"]);
    let is_of_account =
        |source: &&str| *source == account || source.split(':').nth(4) == Some(account);
    // All conditions must be true, so one for the account is enough.
    if conditions
        .iter()
        .any(|sources| sources.iter().all(is_of_account))
    {
        return None;
    }
    let sources = conditions.concat();
    if sources.is_empty() {
        return Some(format!("{names} for every source"));
    }
    Some(format!("{names} for {}", sources.join(", ")))
}

/// Returns the ARNs and accounts to which each condition of a statement restricts its sources.
fn sources(condition: &Value) -> Vec<Vec<&str>> {
    const OPERATORS: [&str; 5] = [
        "ArnLike",
        "ArnEquals",
        "StringLike",
        "StringEquals",
        "StringEqualsIgnoreCase",
    ];
    let operators = condition.as_object().into_iter().flatten();
    let keys = operators
        .filter(|(operator, _)| OPERATORS.contains(&operator.as_str()))
        .filter_map(|(_, keys)| keys.as_object())
        .flatten();
    keys.filter(|(key, _)| {
        let key = key.to_ascii_lowercase();
        matches!(key.as_str(), "aws:sourcearn" | "aws:sourceaccount")
    })
    .map(|(_, value)| texts(value))
    .filter(|values| !values.is_empty())
    .collect()
}

/// True if a statement is about an action. Names of actions ignore case.
fn has_action(value: &Value, action: &str) -> bool {
    let values = match value {
        Value::String(_) => std::slice::from_ref(value),
        list => array(list),
    };
    let action = action.to_ascii_lowercase();
    values
        .iter()
        .any(|value| matches(&text(value).to_ascii_lowercase(), &action))
}

fn names_service(principal: &Value, service: &str) -> bool {
    principal == "*" || principal["AWS"] == "*" || has_text(&principal["Service"], service, false)
}

/// True if a value is the text, or is a list that contains it. A pattern can contain `*`.
fn has_text(value: &Value, expected: &str, is_pattern: bool) -> bool {
    let values = match value {
        Value::String(_) => std::slice::from_ref(value),
        list => array(list),
    };
    values.iter().any(|value| {
        let value = text(value);
        value == expected || (is_pattern && matches(value, expected))
    })
}

/// Evaluates the conditions of a statement for a source.
fn condition(condition: &Value, source: &str) -> Invocation {
    let mut names_source = false;
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            let key = key.to_ascii_lowercase();
            match (operator.as_str(), key.as_str()) {
                ("ArnLike" | "ArnEquals" | "StringLike", "aws:sourcearn") => {
                    if !has_text(value, source, true) {
                        return Invocation::NotAllowed;
                    }
                }
                ("StringEquals", "aws:sourcearn") => {
                    if !has_text(value, source, false) {
                        return Invocation::NotAllowed;
                    }
                }
                // Services call each other with TLS.
                ("Bool", "aws:securetransport") => {
                    if !has_text(value, "true", false) {
                        return Invocation::NotAllowed;
                    }
                    continue;
                }
                ("StringEquals", "aws:sourceaccount" | "aws:sourceowner") => {
                    let account = source.split(':').nth(4).unwrap_or_default();
                    if !has_text(value, account, false) {
                        return Invocation::NotAllowed;
                    }
                }
                _ => return Invocation::Unclear,
            }
            names_source = true;
        }
    }

    if names_source {
        Invocation::Allowed
    } else {
        Invocation::AllowedForAllSources
    }
}

/// True if a text matches a pattern in which `*` is any text and `?` any character.
fn matches(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), value.chars().collect());
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < value.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(expected) if *expected == '?' || *expected == value[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                // The last `*` takes one character more.
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    position = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SERVICE: &str = "apigateway.amazonaws.com";
    const SOURCE: &str = "arn:aws:execute-api:eu-west-1:111122223333:a1b2/authorizers/auth01";

    fn with_condition(condition: &Value) -> Invocation {
        let policy = json!({"Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "lambda:InvokeFunction",
            "Condition": condition,
        }]});
        invocation(&policy, SERVICE, SOURCE)
    }

    #[test]
    fn source_decides() {
        for (pattern, expected) in [
            (SOURCE, Invocation::Allowed),
            (
                "arn:aws:execute-api:eu-west-1:111122223333:a1b2/authorizers/*",
                Invocation::Allowed,
            ),
            (
                "arn:aws:execute-api:*:111122223333:a?b2/*",
                Invocation::Allowed,
            ),
            (
                "arn:aws:execute-api:eu-west-1:111122223333:other/authorizers/auth01",
                Invocation::NotAllowed,
            ),
            (
                "arn:aws:execute-api:eu-west-1:111122223333:a1b2/authorizers/auth",
                Invocation::NotAllowed,
            ),
        ] {
            let condition = json!({"ArnLike": {"AWS:SourceArn": pattern}});
            assert_eq!(with_condition(&condition), expected, "{pattern}");
        }
    }

    #[test]
    fn exceptions_are_evaluated() {
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "*"});
        for (denial, expected) in [
            (
                json!({"Principal": "*", "NotAction": "lambda:GetPolicy"}),
                Invocation::NotAllowed,
            ),
            (
                json!({"Principal": "*", "NotAction": "lambda:Invoke*"}),
                Invocation::AllowedForAllSources,
            ),
            (
                json!({"NotPrincipal": {"AWS": "x"}, "Action": "*"}),
                Invocation::NotAllowed,
            ),
            (
                json!({"NotPrincipal": {"Service": SERVICE}, "Action": "*"}),
                Invocation::AllowedForAllSources,
            ),
        ] {
            let mut statement = denial.clone();
            statement["Effect"] = "Deny".into();
            let policy = json!({"Statement": [allow, statement]});
            assert_eq!(invocation(&policy, SERVICE, SOURCE), expected, "{denial}");
        }
    }

    #[test]
    fn account_and_unknown_conditions_are_recognized() {
        let account =
            |id: &str| with_condition(&json!({"StringEquals": {"AWS:SourceAccount": id}}));
        assert_eq!(account("111122223333"), Invocation::Allowed);
        assert_eq!(account("444455556666"), Invocation::NotAllowed);
        assert_eq!(
            with_condition(&json!(null)),
            Invocation::AllowedForAllSources
        );
        let unknown = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        assert_eq!(with_condition(&unknown), Invocation::Unclear);
    }

    #[test]
    fn demand_for_tls_denies_nothing_to_services() {
        let allow = json!({"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "SQS:SendMessage"});
        let tls = json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        let policy = json!({"Statement": [allow, tls]});
        let found = permission(&policy, SERVICE, "sqs:SendMessage", SOURCE);
        assert_eq!(found, Invocation::AllowedForAllSources);
    }

    #[test]
    fn other_services_actions_and_empty_policies_are_not_allowed() {
        let policy = |service: &str, action: &str| {
            let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": service}, "Action": action}});
            invocation(&policy, SERVICE, SOURCE)
        };
        assert_eq!(
            policy("events.amazonaws.com", "lambda:InvokeFunction"),
            Invocation::NotAllowed
        );
        assert_eq!(
            policy(SERVICE, "lambda:GetFunction"),
            Invocation::NotAllowed
        );
        assert_eq!(
            policy(SERVICE, "lambda:*"),
            Invocation::AllowedForAllSources
        );
        assert_eq!(
            invocation(&Value::Null, SERVICE, SOURCE),
            Invocation::NotAllowed
        );
    }

    #[test]
    fn broad_statement_and_denial_count_before_a_narrow_statement() {
        let statement = |condition: Value| json!({"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": ["lambda:InvokeFunction"], "Condition": condition});
        let narrow = statement(json!({"ArnLike": {"AWS:SourceArn": SOURCE}}));
        let denial = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});

        let policy = |statements: &[&Value]| json!({"Statement": statements});
        let broad = statement(Value::Null);
        for statements in [[&broad, &narrow], [&narrow, &broad]] {
            let found = invocation(&policy(&statements), SERVICE, SOURCE);
            assert_eq!(found, Invocation::AllowedForAllSources);
        }
        let found = invocation(&policy(&[&narrow, &denial]), SERVICE, SOURCE);
        assert_eq!(found, Invocation::NotAllowed);
    }
}
