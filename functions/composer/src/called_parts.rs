//! The parts that a request needs.

use composition::{Change, FieldSelection, Part, PartMethod, Route, VersionShape};

/// Returns for each part whether it is called: if the client sees it, if it is required, or if such
/// a part depends on it.
pub(crate) fn called_parts(
    route: &Route,
    shapes: &[&VersionShape],
    selection: Option<&FieldSelection>,
) -> Vec<bool> {
    let is_needed = |part: &Part| {
        part.is_required || part.method == PartMethod::Post || is_seen(part, shapes, selection)
    };
    let mut called: Vec<bool> = route.parts.iter().map(is_needed).collect();

    // Parts of later stages come first, so that a dependency of a dependency is found too.
    for index in route.stages.iter().rev().flatten() {
        if called[*index] {
            for dependency in &route.parts[*index].after {
                called[*dependency] = true;
            }
        }
    }
    called
}

/// True if a client of these shapes may see anything of the part.
fn is_seen(part: &Part, shapes: &[&VersionShape], selection: Option<&FieldSelection>) -> bool {
    let mut name = part.field.as_str();

    for change in shapes.iter().flat_map(|shape| &shape.changes) {
        match change {
            Change::Rename { path, name: new } if path.len() == 1 && path[0] == name => name = new,
            Change::Drop { path } if path.len() == 1 && path[0] == name => return false,
            // A field may move from one part to another.
            Change::Move { .. } => return true,
            Change::Rename { .. } | Change::Drop { .. } => {}
        }
    }
    selection.is_none_or(|selection| selection.selects(name))
}

#[cfg(test)]
mod tests {
    use composition::{Compositions, Settings};

    use super::*;

    const DOCUMENT: &str = r#"{"services": {"default": {"url": "http://services.example"}},
        "routes": {"GET /bff/a": {
          "parts": {
            "user": {"get": "/user"},
            "cart": {"get": "/cart"},
            "items": {"get": "/items/{cart#/id}", "after": "cart"},
            "prices": {"get": "/prices/{items#/id}", "after": "items", "as": "price_list"},
            "access": {"get": "/access", "required": true}
          },
          "fields_parameter": "fields",
          "versions": [
            {"header": "x-app-version", "below": "1.0.0", "rename": {"user": "me"}},
            {"header": "x-app-version", "below": "2.0.0", "drop": ["items", "cart.secret"]},
            {"header": "x-app-version", "from": "3.0.0", "move": {"user.city": "city"}}
          ]}}}"#;

    fn called(version: &str, fields: Option<&str>) -> Vec<String> {
        let settings = Settings {
            prefix: "/bff",
            key_header: "x-api-key",
            default_url: None,
            replaced: None,
            is_deployed: false,
        };
        let compositions = Compositions::parse(DOCUMENT, &settings).unwrap();
        let route = compositions.routes().next().unwrap();
        let shapes = route.shapes_for(|_| Some(version));
        let selection = fields.map(|fields| FieldSelection::parse(fields).unwrap());

        let called = called_parts(route, &shapes, selection.as_ref());
        let parts = route.parts.iter().zip(called);
        parts
            .filter(|(_, called)| *called)
            .map(|(part, _)| part.name.clone())
            .collect()
    }

    #[test]
    fn all_parts_are_called_without_a_selection() {
        assert_eq!(
            called("2.0.0", None),
            ["user", "cart", "items", "prices", "access"]
        );
    }

    #[test]
    fn selected_and_required_parts_are_called_with_their_dependencies() {
        for (fields, expected) in [
            ("user(name)", &["user", "access"][..]),
            ("price_list", &["cart", "items", "prices", "access"]),
            ("items.id", &["cart", "items", "access"]),
            ("access", &["access"]),
        ] {
            assert_eq!(called("2.0.0", Some(fields)), expected, "{fields}");
        }
    }

    #[test]
    fn selection_has_the_names_of_the_client_version() {
        assert_eq!(called("0.1.0", Some("me")), ["user", "access"]);
        assert_eq!(called("0.1.0", Some("user")), ["access"]);
    }

    #[test]
    fn part_that_a_version_drops_is_called_only_as_a_dependency() {
        assert_eq!(
            called("1.0.0", None),
            ["user", "cart", "items", "prices", "access"]
        );
        assert_eq!(
            called("1.0.0", Some("cart,user")),
            ["user", "cart", "access"]
        );
    }

    #[test]
    fn all_parts_are_called_if_a_version_moves_fields() {
        assert_eq!(called("3.0.0", Some("city")).len(), 5);
    }
}
