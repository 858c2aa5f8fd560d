//! Files that are not a configuration, or that exceed a bound.

use crate::Converted;

fn problem(text: &str) -> String {
    let files = [("kong.yaml".to_owned(), text.to_owned())];
    migration::kong::import(&files).unwrap_err().to_string()
}

#[test]
fn problems_name_the_file_and_the_line() {
    for (text, expected) in [
        ("", "kong.yaml: the file is empty, expected a map"),
        ("- a", "kong.yaml: not a map"),
        ("services: []", "kong.yaml: missing field `_format_version`"),
        (
            "_format_version: \"4.0\"",
            "kong.yaml: _format_version: unknown version `4.0`, expected 1.1, 2.1 or 3.0",
        ),
        (
            "_format_version: \"3.0\"\nservices: {}",
            "kong.yaml:2: services: expected a list",
        ),
        (
            "_format_version: \"3.0\"\nroutes: [{name: r, service: x}]",
            "kong.yaml:2: unknown service `x`",
        ),
        (
            "_format_version: \"3.0\"\nplugins: [{name: key-auth, route: {id: x}}]",
            "kong.yaml:2: unknown route `x`",
        ),
        (
            "_format_version: \"3.0\"\nconsumers: [{username: a, groups: [{name: gold}]}]",
            "consumer a: unknown consumer group `gold`",
        ),
        (
            "_format_version: \"3.0\"\nplugins: [{name: jwt}, {name: jwt}]",
            "kong.yaml:2: duplicate plugin `jwt` with the same scope",
        ),
        (
            "_format_version: \"3.0\"\nplugins: [{name: jwt, _config: x}]",
            "kong.yaml:2: _config: unknown name `x`",
        ),
    ] {
        let found = problem(text);
        assert!(
            found.starts_with(expected) || found.contains(expected),
            "{text}: {found}"
        );
    }
}

#[test]
fn several_files_are_one_configuration() {
    let file =
        |name: &str, text: &str| (name.to_owned(), format!("_format_version: \"3.0\"\n{text}"));
    let files = [
        file("plugins.yaml", "plugins: [{name: key-auth, service: svc}]"),
        file(
            "services.yaml",
            "services: [{name: svc, host: h, routes: [{name: r, paths: [/r]}]}]",
        ),
    ];
    let migration = migration::kong::import(&files).unwrap();
    let policy = &migration.declaration.policies[migration::kong::POLICY];
    assert_eq!(policy["rules"][0]["auth"], "api_key");
}

#[test]
fn unknown_part_of_a_file_is_reported() {
    let converted = Converted::of(
        "kong.yaml",
        "_format_version: \"3.0\"\nfilter_chains: [{filters: []}]\nroutes: [{name: r, paths: [/r]}]",
    );
    converted.assert_finding(migration::Outcome::Laxer, "filter_chains: not understood");
    assert_eq!(converted.rules(), ["ANY /r/{proxy+}: none"]);
}

#[test]
fn ten_thousand_consumers_are_converted() {
    let mut text = "_format_version: \"3.0\"\nplugins: [{name: key-auth}, {name: rate-limiting, config: {minute: 5}}]\n\
                    services: [{name: s, host: h, routes: [{name: r, paths: [/r]}]}]\nconsumers:\n"
        .to_owned();
    for number in 0..10_000 {
        text.push_str(&format!(
            "- {{username: u{number}, keyauth_credentials: [{{key: abcdefghij-0123456789-{number}}}]}}\n"
        ));
    }
    let migration = migration::kong::import(&[("kong.yaml".to_owned(), text)]).unwrap();
    assert_eq!(migration.declaration.keys.len(), 10_000);
    assert_eq!(migration.declaration.plans.len(), 1);
}
