use http::HeaderName;
use http::uri::PathAndQuery;
use proptest::prelude::*;

use super::*;
use crate::invalid_value::ValueSource;

const VARIABLES: [&str; 3] = ["id", "kind", "rest"];
const PARTS: [&str; 3] = ["user", "orders", "own"];

/// Values by the text of the placeholder.
#[derive(Clone, Debug, Default)]
struct FakeValues(Vec<(String, String)>);

impl FakeValues {
    fn of(pairs: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(pairs.iter().map(owned).collect())
    }

    fn find(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(Cow::Borrowed(&found.1))
    }
}

impl Values for FakeValues {
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(name)
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(&format!("query.{name}"))
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(&format!("header.{name}"))
    }

    fn context(&self, field: ContextField) -> Option<Cow<'_, str>> {
        self.find(field.as_str())
    }

    fn part(&self, part: usize, pointer: &str) -> Option<Cow<'_, str>> {
        self.find(&format!("{}#{pointer}", PARTS[part]))
    }
}

fn parse(text: &str) -> Result<Template, String> {
    Template::parse(
        text,
        &Scope {
            variables: &VARIABLES,
            greedy: Some("rest"),
            headers: &[HeaderName::from_static("accept-language")],
            parts: &PARTS,
            after: &[0],
            fields_parameter: Some("fields"),
        },
    )
}

fn fill(template: &str, values: &[(&str, &str)]) -> Result<(String, String), InvalidValue> {
    let target = parse(template).unwrap().fill(&FakeValues::of(values))?;
    Ok((target.path, target.path_and_query))
}

#[test]
fn every_source_of_values_is_filled() {
    let target = fill(
        "/users/{user_id}/{id}?lang={header.Accept-Language}&page={query.page}&city={user#/address/city}&limit=5",
        &[
            ("user_id", "alice"),
            ("id", "7"),
            ("header.accept-language", "de"),
            ("query.page", "2"),
            ("user#/address/city", "Bonn"),
        ],
    );
    assert_eq!(
        target,
        Ok((
            "/users/alice/7".to_owned(),
            "/users/alice/7?lang=de&page=2&city=Bonn&limit=5".to_owned()
        ))
    );
}

#[test]
fn path_is_encoded_for_the_service_and_decoded_for_the_policy() {
    let target = fill(
        "/users/{user_id}.json",
        &[("user_id", "auth0|J\u{fc}rgen &+")],
    );
    assert_eq!(
        target,
        Ok((
            "/users/auth0|J\u{fc}rgen &+.json".to_owned(),
            "/users/auth0%7CJ%C3%BCrgen%20%26%2B.json".to_owned()
        ))
    );
}

#[test]
fn value_that_could_leave_its_segment_makes_the_part_missing() {
    for (template, value) in [
        ("/a/{id}", ""),
        ("/a/{id}", "."),
        ("/a/{id}", ".."),
        ("/a/{id}", "../b"),
        ("/a/{id}", "b/c"),
        ("/a/{id}", "/"),
        ("/a/{id}", "b\\c"),
        ("/a/{id}", "b\0"),
        ("/a/{id}", "b\r\nx: y"),
        ("/a/{id}", "\u{85}"),
        ("/a/{id}", "\u{7f}"),
        ("/a/{id}", "%2e%2e"),
        ("/a/{id}", "b%2fc"),
        ("/a/{id}", "..;x"),
        ("/a/{id}", " .. "),
        ("/a/{id}", "..."),
        ("/a/{id}", " "),
        ("/a/{id}", ";x"),
        ("/a/.{id}", "."),
        ("/a/{id}.", "."),
        ("/a/{id}.", ".\u{a0}"),
        ("/a/{id}{kind}", "."),
        ("/a/{id}.json", "."),
        ("/a/v{id}", ".."),
        ("/a/{id}", "b;c"),
        ("/a/{id}", "b?c"),
        ("/a/{id}", "b#c"),
    ] {
        let values = [("id", value), ("kind", ".")];
        let error = fill(template, &values).unwrap_err();
        assert_eq!(
            (error.source, error.is_absent),
            (ValueSource::Path, value.is_empty()),
            "{template} {value:?}"
        );
    }
}

#[test]
fn error_names_the_placeholder_and_its_source_but_no_value() {
    let long = "x".repeat(MAX_TARGET_BYTES);
    for (template, values, source, placeholder) in [
        ("/a/{id}", ("id", "b/c"), ValueSource::Path, "{id}"),
        ("/a?b={rest}", ("rest", &*long), ValueSource::Path, "{rest}"),
        (
            "/a/{query.page}",
            ("query.page", ".."),
            ValueSource::Query,
            "{query.page}",
        ),
        (
            "/a/{header.Accept-Language}",
            ("header.accept-language", "%2f"),
            ValueSource::Header,
            "{header.accept-language}",
        ),
        (
            "/a/{user_id}",
            ("user_id", "b;c"),
            ValueSource::Caller,
            "{user_id}",
        ),
        (
            "/a/{client_ip}",
            ("client_ip", "b#c"),
            ValueSource::Gateway,
            "{client_ip}",
        ),
        (
            "/a/{user#/id}",
            ("user#/id", " "),
            ValueSource::Part,
            "{user#/id}",
        ),
    ] {
        let error = fill(template, &[values]).unwrap_err();
        assert_eq!(
            (error.source, error.is_absent, error.to_string()),
            (source, false, placeholder.to_owned())
        );
    }
}

#[test]
fn error_of_values_together_names_that_of_the_client() {
    let dots = [("user_id", "."), ("user#/id", "."), ("query.x", ".")];
    for (template, placeholder) in [
        ("/a/{user_id}{query.x}", "{query.x}"),
        ("/a/{user#/id}{user_id}", "{user_id}"),
        ("/a/b{user_id}{query.x}c", "{query.x}"),
    ] {
        let error = fill(template, &dots).unwrap_err();
        assert_eq!(error.to_string(), placeholder, "{template}");
    }
}

#[test]
fn dots_within_a_segment_are_ordinary_characters() {
    for (template, value, expected) in [
        ("/a/{id}", ".b", "/a/.b"),
        ("/a/v{id}", ".", "/a/v."),
        ("/a/{id}.json", "b.c", "/a/b.c.json"),
    ] {
        assert_eq!(fill(template, &[("id", value)]).unwrap().1, expected);
    }
}

#[test]
fn absent_value_makes_the_part_missing() {
    for template in [
        "/{user_id}",
        "/{id}",
        "/{query.page}",
        "/{header.accept-language}",
        "/{user#/id}",
        "/a?id={id}",
        "/a?user={user_id}",
        "/a?city={user#/city}",
        "/a?b=c{user_id}d",
    ] {
        let error = fill(template, &[]).unwrap_err();
        assert!(error.is_absent, "{template}: {error}");
    }
    for absent in ["", "-"] {
        for template in ["/{user_id}", "/a?user={user_id}"] {
            let error = fill(template, &[("user_id", absent)]).unwrap_err();
            assert!(error.is_absent, "{template} {absent}: {error}");
        }
    }
}

#[test]
fn pair_of_an_absent_query_parameter_or_header_is_omitted() {
    let template = "/a?x={query.x}&limit=5&y=p{query.y}s&z={header.accept-language}";
    for (values, expected) in [
        (vec![], "/a?limit=5"),
        (vec![("query.x", "")], "/a?x=&limit=5"),
        (vec![("query.y", "1")], "/a?limit=5&y=p1s"),
        (
            vec![("query.x", "-"), ("header.accept-language", "de")],
            "/a?x=-&limit=5&z=de",
        ),
    ] {
        assert_eq!(fill(template, &values).unwrap().1, expected);
    }
    assert_eq!(fill("/a?x={query.x}", &[]).unwrap().1, "/a");
}

#[test]
fn variable_with_several_segments_is_possible_in_a_query() {
    let target = fill("/a?path={rest}", &[("rest", "b/../c")]);
    assert_eq!(target.unwrap().1, "/a?path=b%2F..%2Fc");
}

#[test]
fn value_cannot_add_to_the_query() {
    let value = "1&admin=true#x=y z+\u{fc}/\\";
    assert_eq!(
        fill("/a?b={query.b}&c=d", &[("query.b", value)]).unwrap().1,
        "/a?b=1%26admin%3Dtrue%23x%3Dy%20z%2B%C3%BC%2F%5C&c=d"
    );
}

#[test]
fn target_that_is_too_long_makes_the_part_missing() {
    let longest = "x".repeat(MAX_TARGET_BYTES - "/a?b=".len());
    assert!(fill("/a?b={query.b}", &[("query.b", &longest)]).is_ok());

    let longer = longest + "x";
    let error = fill("/a?b={query.b}", &[("query.b", &longer)]).unwrap_err();
    assert!(!error.is_absent, "{error}");
}

#[test]
fn invalid_template_is_refused() {
    for (template, expected) in [
        ("", "expected a path that starts with `/`"),
        ("a", "expected a path that starts with `/`"),
        ("?a=b", "expected a path that starts with `/`"),
        ("{id}", "expected a path that starts with `/`"),
        ("http://a.example/b", "expected a path that starts with `/`"),
        (
            "{user_id}.example/b",
            "expected a path that starts with `/`",
        ),
        ("//a.example/b", "unexpected `//`"),
        ("/a//b", "unexpected `//`"),
        ("/a//?b=c", "unexpected `//`"),
        ("/a/../b", "unexpected segment `..`"),
        ("/a/.", "unexpected segment `.`"),
        ("/a/..b", "unexpected `..`"),
        ("/a/{id}..{kind}", "unexpected `..`"),
        ("/a;v=1", "invalid character ';' in the path"),
        ("/a#b", "unexpected fragment `#`"),
        ("/a?b=c#d", "unexpected fragment `#`"),
        ("/a\\b", "invalid character '\\\\' in the path"),
        ("/a\tb", "invalid character '\\t' in the path"),
        ("/a b", "invalid character ' ' in the path"),
        ("/a%2e%2e", "invalid character '%' in the path"),
        ("/\u{fc}", "invalid character '\u{fc}' in the path"),
        ("/a}", "invalid character '}' in the path"),
        ("/a?b=c\n", "invalid character '\\n' in the query"),
        ("/a?b=%zz", "invalid `%` in the query"),
        ("/a?b=%2", "invalid `%` in the query"),
        ("/a?%=c", "invalid `%` in the query"),
        ("/a?b=%{id}", "invalid `%` in the query"),
        ("/a?b=%2{id}", "invalid `%` in the query"),
        ("/a?", "query parameter without a name"),
        ("/a?b=c&", "query parameter without a name"),
        ("/a?=c", "query parameter without a name"),
        ("/a?{id}", "placeholder in the name of a query parameter"),
        ("/a?b{id}=c", "placeholder in the name of a query parameter"),
        ("/{id", "`{` without `}`"),
        (
            "/{rest}",
            "`{rest}` may have several segments, expected it in the query",
        ),
        (
            "/{id+}",
            "`{id+}` would be more than one segment, expected `{id}`",
        ),
        (
            "/{}",
            "unknown parameter ``, expected one of id, kind, rest, user_id",
        ),
        (
            "/{{id}}",
            "unknown parameter `{id`, expected one of id, kind, rest, user_id",
        ),
        (
            "/{userid}",
            "unknown parameter `userid`, did you mean `user_id`?",
        ),
        (
            "/{roles}",
            "unknown parameter `roles`, expected one of id, kind, rest, user_id, issuer, email, key_id, plan, client_ip, request_id, a variable of the route, `{query.NAME}`, `{header.NAME}` or `{part#/pointer}`",
        ),
        (
            "/{user.segment}",
            "unknown parameter `user.segment`, did you mean `{user#/segment}`?",
        ),
        (
            "/{user.address.city}",
            "unknown parameter `user.address.city`, did you mean `{user#/address/city}`?",
        ),
        (
            "/{nothing.segment}",
            "unknown parameter `nothing.segment`, expected one of",
        ),
        ("/{query.}", "invalid query parameter ``"),
        ("/{query.a b}", "invalid query parameter `a b`"),
        (
            "/a?b={query.fields}",
            "`{query.fields}` is also the fields_parameter",
        ),
        ("/{header.x-other}", "header `x-other` is not passed on"),
        ("/{usr#/id}", "unknown part `usr`, did you mean `user`?"),
        (
            "/{orders#/id}",
            "`{orders#/id}` needs the response of `orders`, expected `\"after\": \"orders\"`",
        ),
        ("/{user#id}", "invalid JSON pointer `id`"),
        ("/{user#/a~2}", "invalid JSON pointer `/a~2`"),
        ("/{user#/a~}", "invalid JSON pointer `/a~`"),
        (
            &format!("/{}", "x".repeat(2_048)),
            "2049 bytes are too many",
        ),
    ] {
        let problem = parse(template).unwrap_err();
        assert!(problem.starts_with(expected), "{template}: {problem}");
    }
}

#[test]
fn passed_parameters_are_pairs_with_one_query_parameter() {
    let template = parse(
        "/a?cursor={query.orders_cursor}&page%5Bsize%5D={query.size}&x=p{query.x}&y={user_id}&z",
    )
    .unwrap();
    let passed: Vec<_> = template.passed_parameters().collect();
    assert_eq!(
        passed,
        [
            ("cursor".into(), "orders_cursor"),
            ("page[size]".into(), "size")
        ]
    );
}

/// The decoded segments of a path that a client of the service would send.
fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .map(|segment| {
            percent_decode_str(segment)
                .decode_utf8()
                .unwrap()
                .into_owned()
        })
        .collect()
}

/// Text that is likely to break a path or a query.
fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[./\\\\%;:@&=#? +a]{0,6}",
        "\\PC{0,8}",
        any::<String>(),
        Just("..".to_owned()),
        Just("．．／".to_owned()),
    ]
}

proptest! {
    #[test]
    fn value_never_changes_the_number_of_segments(one in hostile_text(), other in hostile_text()) {
        let template = parse("/a/{id}/b-{kind}/{id}.{kind}/c").unwrap();
        let values = FakeValues::of(&[("id", &one), ("kind", &other)]);

        if let Ok(target) = template.fill(&values) {
            let expected = ["", "a", &one, &format!("b-{other}"), &format!("{one}.{other}"), "c"].map(str::to_owned);
            let uri: PathAndQuery = target.path_and_query.parse().unwrap();
            prop_assert_eq!(segments(uri.path()), expected.to_vec());
            prop_assert_eq!(target.path.split('/').collect::<Vec<_>>(), expected.to_vec());
            prop_assert_eq!(uri.query(), None);
        }
    }

    #[test]
    fn filled_path_has_no_dot_segments_or_separators(one in hostile_text(), other in hostile_text()) {
        let template = parse("/{id}{kind}/.{id}/{kind}.").unwrap();
        if let Ok(target) = template.fill(&FakeValues::of(&[("id", &one), ("kind", &other)])) {
            let is_dots = |segment: &str| matches!(segment, "." | "..");
            prop_assert!(!target.path.split('/').any(is_dots));
            prop_assert!(!target.path.contains(['\\', '%']) && !target.path.contains("//"));
            prop_assert!(!target.path.contains(char::is_control));
            // The composer refuses a path that the authorizer would refuse.
            prop_assert_eq!(routes::path_ambiguity(&target.path), None);
        }
    }

    #[test]
    fn value_never_adds_a_pair_a_fragment_or_a_host(one in hostile_text(), other in hostile_text()) {
        let template = parse("/a?first={query.x}&second=b{user_id}c&third={query.y}&fourth=d").unwrap();
        let values = FakeValues::of(&[("query.x", &one), ("user_id", &other), ("query.y", "1")]);

        if let Ok(target) = template.fill(&values) {
            let uri: http::Uri = format!("http://service.example{}", target.path_and_query).parse().unwrap();
            prop_assert_eq!(uri.host(), Some("service.example"));
            prop_assert_eq!(uri.path(), "/a");
            prop_assert!(!target.path_and_query.contains('#'));

            let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
            let pairs: Vec<_> = uri.query().unwrap().split('&').map(decoded).collect();
            let expected = [format!("first={one}"), format!("second=b{other}c"), "third=1".to_owned(), "fourth=d".to_owned()];
            prop_assert_eq!(pairs, expected.to_vec());
        }
    }

    #[test]
    fn different_values_have_different_targets(one in hostile_text(), other in hostile_text()) {
        let template = parse("/a/{id}").unwrap();
        let filled = [&one, &other].map(|value| template.fill(&FakeValues::of(&[("id", value)])));
        if let [Ok(first), Ok(second)] = filled {
            prop_assert_eq!(one == other, first == second);
        }
    }

    #[test]
    fn any_text_is_a_template_or_an_error(text in "\\PC{0,40}|[/{}a-z.#?&=%+~-]{0,30}") {
        if let Ok(template) = parse(&text) {
            prop_assert!(template.text().starts_with('/'));
            let values = FakeValues::of(&[("id", "1"), ("kind", "2"), ("user_id", "3"), ("user#/id", "4")]);
            if let Ok(target) = template.fill(&values) {
                prop_assert!(target.path_and_query.parse::<PathAndQuery>().is_ok());
            }
        }
    }
}
