//! The precedence of routes, which differs from that of rules.

use migration::Outcome;

use crate::Converted;

#[test]
fn routes_of_several_hosts_get_the_strictest_access() {
    let converted = Converted::file("hosts.yaml");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        [
            "ANY /: api_key",
            "ANY /docs/{proxy+}: api_key",
            "ANY /{proxy+}: api_key"
        ]
    );
    converted.assert_finding(
        Outcome::Stricter,
        "ANY /docs/{proxy+}: Kong distinguishes it",
    );
}

#[test]
fn paths_that_only_begin_alike_are_reported() {
    let converted = Converted::file("siblings.yaml");
    assert_eq!(
        converted.findings(Outcome::Laxer),
        [
            "route admin: /admin: Kong also selects paths such as /admin-x, which the rule ANY /{proxy+} admits with less"
        ]
    );
}

#[test]
fn route_with_methods_takes_precedence_over_a_longer_path() {
    let converted = Converted::file("methods.yaml");
    converted.assert_complete();
    let rules = converted.rules();
    for rule in [
        "ANY /docs/{proxy+}: none",
        "DELETE /docs/{proxy+}: api_key",
        "POST /docs/{proxy+}: api_key",
    ] {
        assert!(rules.contains(&rule.to_owned()), "{rule}: {rules:#?}");
    }
}

#[test]
fn expressions_take_precedence_over_prefixes() {
    let converted = Converted::file("expressions.yaml");
    let rules = converted.rules();
    // `/users/7` is public in its own route, but the expression selects it first.
    assert!(
        rules.contains(&"ANY /users/7/{proxy+}: api_key".to_owned()),
        "{rules:#?}"
    );
    assert!(
        rules.contains(&"ANY /users/{id}: api_key".to_owned()),
        "{rules:#?}"
    );
    // An expression that is not understood guards everything that it might select.
    assert!(
        rules.contains(&"ANY /{proxy+}: api_key".to_owned()),
        "{rules:#?}"
    );
    // A public expression is never widened.
    converted.assert_finding(Outcome::Closed, r"route numbers-only: ~/pages/\d+$");
    assert_eq!(converted.count(Outcome::Laxer), 0);
}
