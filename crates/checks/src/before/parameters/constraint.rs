//! The constraints that a template puts on the values of a parameter.

use fancy_regex::Regex;
use sam_template::Declaration;

/// The longest value in bytes (CloudFormation quotas).
const MAX_VALUE_BYTES: usize = 4_096;
/// The longest value that a message repeats, in characters.
const MAX_SHOWN_CHARS: usize = 100;

/// Returns what is wrong with a value, as sentences that follow the name of the parameter. A value
/// that can contain secrets is not repeated.
pub(super) fn problems(declaration: &Declaration, value: &str) -> Vec<String> {
    let mut problems = lengths(declaration, value);
    for item in items(declaration, value) {
        let problem = item_problem(declaration, item);
        problems.extend(problem.map(|problem| format!("{} {problem}", shown(declaration, item))));
    }
    problems
}

fn items<'v>(declaration: &Declaration, value: &'v str) -> Vec<&'v str> {
    if declaration.is_list() {
        value.split(',').map(str::trim).collect()
    } else {
        vec![value]
    }
}

fn lengths(declaration: &Declaration, value: &str) -> Vec<String> {
    let count = value.chars().count();
    let mut problems = Vec::new();

    if value.len() > MAX_VALUE_BYTES {
        let bytes = value.len();
        problems.push(format!(
            "the value has {bytes} bytes, expected at most {MAX_VALUE_BYTES}, the limit of CloudFormation"
        ));
    }
    if let Some(least) = declaration.min_length.filter(|least| count < *least) {
        problems.push(format!(
            "the value has {count} characters, expected at least {least}"
        ));
    }
    if let Some(most) = declaration.max_length.filter(|most| count > *most) {
        problems.push(format!(
            "the value has {count} characters, expected at most {most}"
        ));
    }
    problems
}

fn item_problem(declaration: &Declaration, item: &str) -> Option<String> {
    let allowed = &declaration.allowed;
    if !allowed.is_empty() && !allowed.iter().any(|known| known == item) {
        let quoted: Vec<String> = allowed.iter().map(|known| format!("\"{known}\"")).collect();
        return Some(format!(
            "is not allowed, expected one of {}",
            quoted.join(", ")
        ));
    }
    if declaration.kind == "Number" || declaration.kind == "List<Number>" {
        return number_problem(declaration, item);
    }

    let pattern = declaration.pattern.as_deref()?;
    let expected = || match &declaration.constraint {
        Some(constraint) => constraint.trim_end_matches('.').to_owned(),
        None => format!("must match {pattern}"),
    };
    match matches(pattern, item) {
        Some(true) => None,
        Some(false) => Some(format!("is not valid: it {}", expected())),
        // Only a template of another project can have such a pattern.
        None => Some(format!("cannot be compared with the pattern {pattern}")),
    }
}

fn number_problem(declaration: &Declaration, item: &str) -> Option<String> {
    let Some(number) = item.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Some("is not a number".to_owned());
    };
    let is_below = declaration.min.is_some_and(|min| number < min);
    let is_above = declaration.max.is_some_and(|max| number > max);
    if !is_below && !is_above {
        return None;
    }

    Some(match (declaration.min, declaration.max) {
        (Some(min), Some(max)) => format!("is out of range, expected {min} to {max}"),
        (Some(min), None) => format!("is out of range, expected {min} or more"),
        (_, max) => format!(
            "is out of range, expected at most {}",
            max.unwrap_or_default()
        ),
    })
}

/// True if the whole text matches, as CloudFormation requires. `None` if the pattern is invalid or
/// takes too many steps.
fn matches(pattern: &str, text: &str) -> Option<bool> {
    // CloudFormation uses the syntax of Java, in which \d is 0 to 9.
    let pattern = pattern.replace(r"\d", "[0-9]");
    let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).ok()?;
    whole.is_match(text).ok()
}

/// Returns the value in quotes, or a description of a value that is long or that can contain
/// secrets.
fn shown(declaration: &Declaration, value: &str) -> String {
    if declaration.can_be_secret() || value.chars().count() > MAX_SHOWN_CHARS {
        "the value".to_owned()
    } else {
        format!("`{value}`")
    }
}

#[cfg(test)]
mod tests {
    use sam_template::Node;

    use super::*;

    fn declared(text: &str) -> Declaration {
        let template = Node::parse(&format!("Parameters: {{P: {text}}}")).unwrap();
        Declaration::all(&template).unwrap().remove(0)
    }

    #[test]
    fn each_constraint_is_checked() {
        for (declaration, good, bad, problem) in [
            (
                "{Type: String, AllowedValues: ['', a]}",
                "",
                "b",
                r#"`b` is not allowed, expected one of "", "a""#,
            ),
            (
                "{Type: String, AllowedPattern: '^(vpc-[0-9a-f]+)?$'}",
                "vpc-0a",
                "vpc-0a\n",
                "is not valid: it must match ^(vpc-[0-9a-f]+)?$",
            ),
            (
                "{Type: String, AllowedPattern: 'a', ConstraintDescription: must be an a.}",
                "a",
                "ab",
                "`ab` is not valid: it must be an a",
            ),
            (
                "{Type: String, AllowedPattern: '^((?!AWS/).+)?$'}",
                "Shop/AWS/",
                "AWS/Lambda",
                "`AWS/Lambda` is not valid",
            ),
            (
                "{Type: String, AllowedPattern: '^\\d+$'}",
                "12",
                "\u{661}",
                "is not valid",
            ),
            (
                "{Type: CommaDelimitedList, AllowedPattern: '^(subnet-[0-9a-f]+)?$'}",
                "subnet-0a, subnet-0b",
                "subnet-0a,vpc-0",
                "`vpc-0` is not valid",
            ),
            (
                "{Type: Number, MinValue: 1, MaxValue: 5}",
                "5",
                "6",
                "`6` is out of range, expected 1 to 5",
            ),
            (
                "{Type: Number, MinValue: 1}",
                "1",
                "0",
                "`0` is out of range, expected 1 or more",
            ),
            (
                "{Type: Number, MaxValue: 1}",
                "1",
                "2",
                "`2` is out of range, expected at most 1",
            ),
            ("{Type: Number}", "1.5", "", "`` is not a number"),
            ("{Type: Number}", "-1", "NaN", "`NaN` is not a number"),
            ("{Type: List<Number>}", "1,2", "1,x", "`x` is not a number"),
            (
                "{Type: String, MinLength: 2}",
                "\u{e4}\u{e4}",
                "\u{e4}",
                "the value has 1 characters, expected at least 2",
            ),
            (
                "{Type: String, MaxLength: 1}",
                "\u{e4}",
                "ab",
                "the value has 2 characters, expected at most 1",
            ),
        ] {
            let declaration = declared(declaration);
            assert_eq!(problems(&declaration, good), [""; 0], "{good}");
            let found = problems(&declaration, bad);
            assert_eq!(found.len(), 1, "{bad}: {found:?}");
            assert!(found[0].contains(problem), "{}", found[0]);
        }
    }

    #[test]
    fn values_that_can_be_secrets_are_not_repeated() {
        for (name, fields) in [
            ("OriginSecretArn", ""),
            ("SecretArns", ""),
            ("AuthPolicy", ""),
            ("DatabasePassword", ""),
            ("P", ", NoEcho: true"),
        ] {
            let text =
                format!("Parameters: {{{name}: {{Type: String, AllowedPattern: b{fields}}}}}");
            let template = Node::parse(&text).unwrap();
            let declaration = Declaration::all(&template).unwrap().remove(0);
            assert_eq!(
                problems(&declaration, "5ec2e7"),
                ["the value is not valid: it must match b"]
            );
        }
        let shown = problems(
            &declared("{Type: String, AllowedPattern: b, NoEcho: false}"),
            "a",
        );
        assert_eq!(shown, ["`a` is not valid: it must match b"]);
    }

    #[test]
    fn long_values_are_limited_and_not_repeated() {
        let found = problems(
            &declared("{Type: String, AllowedPattern: b}"),
            &"a".repeat(4_097),
        );
        assert_eq!(
            found,
            [
                "the value has 4097 bytes, expected at most 4096, the limit of CloudFormation",
                "the value is not valid: it must match b"
            ]
        );
    }
}
