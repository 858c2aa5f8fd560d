//! Tests of the shapes that apply to a client, and of the names that it sees.

use super::*;
use crate::{Compositions, FieldSelection, Settings};

const DASHBOARD: &str = r#"{ "services": { "default": { "url": "http://internal-alb.example" } },
    "routes": { "GET /bff/dashboard": {
        "parts": { "user": { "get": "/users" }, "orders": { "get": "/orders", "as": "list" } },
        "versions": [
            { "header": "x-app-version", "below": "2.0.0", "rename": { "list": "data" } },
            { "header": "x-app-version", "below": "1.5.0", "drop": ["user.email"] },
            { "header": "x-web-version", "from": "3.0.0", "move": { "user.city": "city" } } ] } } }"#;

fn dashboard() -> Compositions {
    let settings = Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: None,
        replaced: None,
        is_deployed: true,
    };
    Compositions::parse(DASHBOARD, &settings).unwrap()
}

#[test]
fn shapes_apply_to_versions_in_their_range() {
    let compositions = dashboard();
    let route = compositions.routes().next().unwrap();
    let indexes = |app: Option<&'static str>, web: Option<&'static str>| {
        let shapes = route.shapes_for(|name| if name == "x-app-version" { app } else { web });
        let index = |shape: &&VersionShape| {
            route
                .versions
                .iter()
                .position(|known| std::ptr::eq(known, *shape))
                .unwrap()
        };
        shapes.iter().map(index).collect::<Vec<_>>()
    };

    assert_eq!(indexes(None, None), [0; 0]);
    assert_eq!(indexes(Some("2.0.0"), None), [0; 0]);
    assert_eq!(indexes(Some("1.5.0"), None), [0]);
    assert_eq!(indexes(Some("1.4.9"), Some("3.0.0")), [0, 1, 2]);
    assert_eq!(indexes(Some("latest"), Some("3")), [2]);
    assert_eq!(indexes(Some("1.0.0, 1.0.0"), Some("")), [0; 0]);
}

#[test]
fn selected_names_are_those_of_the_version() {
    let compositions = dashboard();
    let route = compositions.routes().next().unwrap();
    let shapes: Vec<_> = route.versions.iter().collect();
    let error = |fields: &str, shapes: &[&VersionShape]| {
        let selection = FieldSelection::parse(fields).unwrap();
        selection
            .check_names(route, shapes)
            .map_err(|error| error.to_string())
    };

    assert_eq!(error("user.none,list", &[]), Ok(()));
    assert_eq!(error("data,city,user", &shapes), Ok(()));
    assert_eq!(
        error("user,orders,data", &[]),
        Err("position 6: unknown field, expected one of list, user".to_owned()),
    );
    assert_eq!(
        error("user(list),list.x,_metadata", &shapes),
        Err("position 12: unknown field, expected one of city, data, user".to_owned()),
    );
}

fn path(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

#[test]
fn a_client_sees_the_names_of_its_version() {
    let rename = |from: &str, to: &str| Change::Rename {
        path: path(from),
        name: to.to_owned(),
    };
    let moved = |from: &str, to: &str| Change::Move {
        from: path(from),
        to: path(to),
    };
    let dropped = |from: &str| Change::Drop { path: path(from) };

    for (change, expected) in [
        (rename("orders", "data"), "data,user"),
        (rename("orders", "user"), "user"),
        (rename("orders.items", "data"), "orders,user"),
        (rename("none", "data"), "orders,user"),
        (dropped("user"), "orders"),
        (dropped("user.email"), "orders,user"),
        (moved("user.address.city", "city"), "city,orders,user"),
        (moved("user", "orders.user"), "orders"),
        (moved("user", "data.user"), "data,orders"),
        (moved("none.city", "city"), "orders,user"),
    ] {
        let mut names = BTreeSet::from(["user", "orders"]);
        change.apply_to_names(&mut names);
        assert_eq!(
            names.into_iter().collect::<Vec<_>>().join(","),
            expected,
            "{change:?}"
        );
    }
}
