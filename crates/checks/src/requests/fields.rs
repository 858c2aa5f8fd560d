//! The rate-limit fields of a response.

use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::reply::Reply;

/// The burst of the temporary plan, which is the limit that the fields name.
pub(super) const BURST: u64 = 2;
/// The fields of draft-ietf-httpapi-ratelimit-headers-10.
const DRAFT_FIELDS: [&str; 2] = ["ratelimit-policy", "ratelimit"];
const X_FIELDS: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// The format of the rate-limit fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `RateLimit-Policy` and `RateLimit`.
    Draft10,
    /// `X-RateLimit-Limit` and others.
    XRateLimit,
    /// No fields.
    None,
}

impl Dialect {
    /// Returns the value of the parameter `RateLimitHeaders`. `None` for an unknown value.
    pub(super) fn of_parameter(value: &str) -> Option<Self> {
        match value {
            "draft10" => Some(Self::Draft10),
            "x-ratelimit" => Some(Self::XRateLimit),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Returns the problems of the fields. Without a known dialect, either one is accepted, and so is a
/// response without any: see [`are_unknown`].
pub(super) fn problems(reply: &Reply, dialect: Option<Dialect>) -> Vec<String> {
    match dialect.or_else(|| detected(reply)) {
        Some(Dialect::Draft10) => draft_problems(reply),
        Some(Dialect::XRateLimit) => x_problems(reply),
        Some(Dialect::None) | None => Vec::new(),
    }
}

/// Returns the format of the fields that a response has. `None` if it has none.
pub(super) fn detected(reply: &Reply) -> Option<Dialect> {
    let has_any = |names: &[&str]| names.iter().any(|name| reply.header(name).is_some());
    if has_any(&DRAFT_FIELDS) {
        Some(Dialect::Draft10)
    } else if has_any(&X_FIELDS) {
        Some(Dialect::XRateLimit)
    } else {
        None
    }
}

/// True if it is not known whether responses have fields, and this one has none. The parameter
/// `RateLimitHeaders` can be `none`.
pub(super) fn are_unknown(reply: &Reply, dialect: Option<Dialect>) -> bool {
    dialect.is_none() && detected(reply).is_none()
}

/// Returns the fields for messages. `None` if there are none.
pub(super) fn shown(reply: &Reply) -> Option<String> {
    let field = |name: &&str| Some(format!("{name}: {}", reply.header(name)?));
    let fields: Vec<String> = DRAFT_FIELDS
        .iter()
        .chain(&X_FIELDS)
        .filter_map(field)
        .collect();
    (!fields.is_empty()).then(|| fields.join(", "))
}

fn draft_problems(reply: &Reply) -> Vec<String> {
    let mut problems = Vec::new();
    match list(reply, "ratelimit-policy") {
        Err(problem) => problems.push(problem),
        Ok(policies) => {
            let is_ours = |item: &Item| parameter(item, "q") == Some(BURST);
            if !policies.iter().any(is_ours) {
                let value = reply.header("ratelimit-policy").unwrap_or_default();
                problems.push(format!(
                    "{}: RateLimit-Policy is `{value}`, expected the limit q={BURST} of the \
                     temporary plan",
                    reply.request
                ));
            }
        }
    }
    match list(reply, "ratelimit") {
        Err(problem) => problems.push(problem),
        Ok(limits) => {
            let is_ours = |item: &Item| parameter(item, "r").is_some_and(|left| left <= BURST);
            if !limits.iter().any(is_ours) {
                let value = reply.header("ratelimit").unwrap_or_default();
                problems.push(format!(
                    "{}: RateLimit is `{value}`, expected the calls left (r) of the temporary \
                     plan, at most {BURST}",
                    reply.request
                ));
            }
        }
    }
    problems
}

/// Returns the items of a field, each of which is a string with parameters.
fn list(reply: &Reply, name: &str) -> Result<Vec<Item>, String> {
    let request = &reply.request;
    let Some(value) = reply.header(name) else {
        return Err(format!("{request}: the field {name} is missing"));
    };
    let parsed: Option<List> = Parser::new(&value).parse().ok();
    let items = parsed.and_then(|list| list.into_iter().map(named_item).collect());
    items.ok_or_else(|| {
        format!("{request}: {name} is `{value}`, expected a list of strings with parameters")
    })
}

fn named_item(entry: ListEntry) -> Option<Item> {
    match entry {
        ListEntry::Item(item) if matches!(item.bare_item, BareItem::String(_)) => Some(item),
        _ => None,
    }
}

fn parameter(item: &Item, name: &str) -> Option<u64> {
    let value = item.params.get(name)?.as_integer()?;
    u64::try_from(i64::from(value)).ok()
}

fn x_problems(reply: &Reply) -> Vec<String> {
    let mut problems = Vec::new();
    let values = X_FIELDS.map(|name| (name, reply.header(name)));
    for (name, value) in &values {
        let number = value.as_deref().map(|value| value.parse::<u64>().ok());
        match (*name, number) {
            (_, None) => problems.push(format!("{}: the field {name} is missing", reply.request)),
            ("x-ratelimit-limit", Some(Some(BURST))) => {}
            ("x-ratelimit-remaining", Some(Some(0..=BURST))) => {}
            ("x-ratelimit-reset", Some(Some(_))) => {}
            (_, Some(_)) => problems.push(format!(
                "{}: {name} is `{}`, expected a whole number of the temporary plan with the limit \
                 {BURST}",
                reply.request,
                value.as_deref().unwrap_or_default()
            )),
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;

    const POLICY: (&str, &str) = ("ratelimit-policy", r#""burst";q=2;w=2"#);

    #[test]
    fn fields_of_the_temporary_plan_have_no_problems() {
        let full = reply(200, &[POLICY, ("ratelimit", r#""burst";r=2"#)], "");
        let used = reply(200, &[POLICY, ("ratelimit", r#""burst";r=0;t=1"#)], "");
        let other = [
            ("x-ratelimit-limit", "2"),
            ("x-ratelimit-remaining", "1"),
            ("x-ratelimit-reset", "1"),
        ];
        for reply in [full, used, reply(200, &other, "")] {
            assert_eq!(problems(&reply, None), Vec::<String>::new(), "{reply:?}");
        }
        let none = reply(200, &[], "");
        assert_eq!(problems(&none, Some(Dialect::None)), Vec::<String>::new());
    }

    #[test]
    fn each_missing_field_is_named() {
        let found = problems(&reply(200, &[], ""), Some(Dialect::Draft10));
        assert_eq!(
            found,
            [
                "GET /: the field ratelimit-policy is missing",
                "GET /: the field ratelimit is missing"
            ]
        );
        let found = problems(&reply(200, &[("x-ratelimit-limit", "2")], ""), None);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn response_without_any_field_is_a_problem_only_if_fields_are_known() {
        let without = reply(200, &[], "");
        assert!(are_unknown(&without, None));
        assert_eq!(problems(&without, None), Vec::<String>::new());
        assert!(!are_unknown(&without, Some(Dialect::None)));
        assert!(!are_unknown(&reply(200, &[POLICY], ""), None));
    }

    #[test]
    fn invalid_field_or_other_limit_is_a_problem() {
        for (policy, limit) in [
            (r#""burst";q=5;w=5"#, r#""burst";r=1"#),
            (r#""burst";q=2;w=2"#, r#""burst";r=4"#),
            (r#""burst";q=2;w=2"#, r#""burst";r=-1"#),
            (r#""burst";q=2;w=2"#, r#""burst";r=1.5"#),
            (r#"burst;q=2"#, r#""burst";r=1"#),
            (r#"("burst");q=2"#, r#""burst";r=1"#),
            (r#""burst;q=2"#, r#""burst";r=1"#),
            ("100", r#""burst";r=1"#),
        ] {
            let reply = reply(
                200,
                &[("ratelimit-policy", policy), ("ratelimit", limit)],
                "",
            );
            assert_eq!(problems(&reply, None).len(), 1, "{policy} {limit}");
        }
    }

    #[test]
    fn dialect_of_the_stack_is_expected() {
        let draft = [POLICY, ("ratelimit", r#""burst";r=1"#)];
        let found = problems(&reply(200, &draft, ""), Some(Dialect::XRateLimit));
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
