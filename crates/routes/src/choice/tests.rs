use proptest::prelude::*;

use super::*;
use crate::fold::fold;

/// A rule that requires as many scopes as its strictness.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    key: String,
    strictness: u8,
}

impl Demands for Rule {
    fn demands_more_than(&self, other: &Self) -> bool {
        self.strictness > other.strictness
    }
}

fn rules_with(matching: PathOptions, keys: &[(&str, u8)]) -> PathRules<Rule> {
    let mut rules = PathRules::new(matching);
    for (key, strictness) in keys {
        rules
            .insert(
                key.parse().unwrap(),
                Rule {
                    key: (*key).to_owned(),
                    strictness: *strictness,
                },
            )
            .unwrap();
    }
    rules
}

fn rules(keys: &[(&str, u8)]) -> PathRules<Rule> {
    rules_with(PathOptions::default(), keys)
}

/// Returns the key of the chosen rule, `-` without a rule, or `ambiguous`.
fn chosen<'t>(rules: &'t PathRules<Rule>, method: &str, path: &str) -> &'t str {
    match rules.choose(method, path) {
        Ok(rule) => rule.map_or("-", |rule| rule.key.as_str()),
        Err(_) => "ambiguous",
    }
}

const ADMIN: [(&str, u8); 2] = [("ANY /admin/{proxy+}", 2), ("ANY /{proxy+}", 1)];

#[test]
fn path_that_backends_treat_like_a_stricter_one_is_ambiguous() {
    let rules = rules(&ADMIN);
    for path in [
        "/ADMIN/users",
        "/Admin/Users",
        "/admin./users",
        "/admin /users",
        "/ａdmin/users",
        "/admin／users",
        "/\u{ff0f}admin/users",
        "/adm\u{131}n/users",
        "/ADM\u{130}N/",
        "/x/．．/admin/users",
        "/ADMIN",
        "/Admin/",
    ] {
        assert_eq!(chosen(&rules, "GET", path), "ambiguous", "{path}");
    }
    for path in [
        "/admin/users",
        "/admin/USERS",
        "/admin/users/",
        "/admin/a./b",
    ] {
        assert_eq!(chosen(&rules, "GET", path), "ANY /admin/{proxy+}", "{path}");
    }
    for path in [
        "/orders",
        "/Orders/7",
        "/orders/",
        "/administrators",
        "/x/admin/y",
        "/ＡＢＣ",
        "/なに？",
    ] {
        assert_eq!(chosen(&rules, "GET", path), "ANY /{proxy+}", "{path}");
    }
}

#[test]
fn kelvin_sign_does_not_hide_a_letter() {
    let rules = rules(&[("GET /keys/{id}", 2), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&rules, "GET", "/\u{212a}eys/7"), "ambiguous");
}

#[test]
fn greedy_rule_guards_its_parent_path() {
    let rules = rules(&[
        ("ANY /admin/{proxy+}", 2),
        ("ANY /{proxy+}", 1),
        ("GET /{page}", 1),
    ]);
    for path in ["/admin", "/admin/"] {
        assert_eq!(chosen(&rules, "GET", path), "ANY /admin/{proxy+}", "{path}");
    }
    let rules = rules_with(
        PathOptions::default(),
        &[("GET /users/{id}/{rest+}", 2), ("ANY /{proxy+}", 1)],
    );
    assert_eq!(chosen(&rules, "GET", "/users/7"), "GET /users/{id}/{rest+}");
    assert_eq!(chosen(&rules, "POST", "/users/7"), "ANY /{proxy+}");
    assert_eq!(chosen(&rules, "GET", "/users"), "ANY /{proxy+}");
}

#[test]
fn own_rule_precedes_a_guard() {
    let rules = rules(&[
        ("ANY /admin/{proxy+}", 2),
        ("GET /admin", 1),
        ("GET /admin/", 0),
        ("ANY /{proxy+}", 0),
    ]);
    assert_eq!(chosen(&rules, "GET", "/admin"), "GET /admin");
    assert_eq!(chosen(&rules, "GET", "/admin/"), "GET /admin/");
    assert_eq!(chosen(&rules, "POST", "/admin"), "ANY /admin/{proxy+}");
    assert_eq!(chosen(&rules, "POST", "/admin/"), "ANY /admin/{proxy+}");
}

#[test]
fn guard_never_demands_less_than_the_rule_it_replaces() {
    let rules = rules(&[("ANY /static/{proxy+}", 0), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&rules, "GET", "/static"), "ANY /{proxy+}");
    assert_eq!(chosen(&rules, "GET", "/static/"), "ANY /{proxy+}");
    assert_eq!(
        chosen(&rules, "GET", "/static/a.css"),
        "ANY /static/{proxy+}"
    );
    let alone = rules_with(PathOptions::default(), &[("ANY /static/{proxy+}", 0)]);
    assert_eq!(chosen(&alone, "GET", "/static/"), "ANY /static/{proxy+}");
}

/// Django redirects `/docs` to `/docs/`, nginx does so for a directory.
#[test]
fn redirects_that_add_a_slash_keep_working() {
    let django = rules(&[("GET /docs/", 2), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&django, "GET", "/docs"), "GET /docs/");
    assert_eq!(chosen(&django, "GET", "/docs/"), "GET /docs/");
    let nginx = rules(&[("GET /docs/{proxy+}", 2), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&nginx, "GET", "/docs"), "GET /docs/{proxy+}");
    assert_eq!(chosen(&nginx, "GET", "/docs/"), "GET /docs/{proxy+}");
    let both = rules(&[("GET /docs", 2), ("GET /docs/", 2), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&both, "GET", "/docs"), "GET /docs");
    assert_eq!(chosen(&both, "GET", "/docs/"), "GET /docs/");
    let alike = rules(&[("GET /docs", 1), ("ANY /{proxy+}", 1)]);
    assert_eq!(chosen(&alike, "GET", "/docs/"), "ANY /{proxy+}");
}

#[test]
fn trailing_slash_does_not_bypass_a_rule() {
    let rules = rules(&[
        ("GET /docs", 2),
        ("GET /reports/{id}", 2),
        ("ANY /{proxy+}", 1),
    ]);
    for path in ["/docs/", "/docs//", "/reports/7/"] {
        assert_eq!(chosen(&rules, "GET", path), "ambiguous", "{path}");
    }
    assert_eq!(chosen(&rules, "POST", "/docs/"), "ANY /{proxy+}");
}

#[test]
fn literal_path_of_a_rule_is_never_ambiguous() {
    let rules = rules(&[
        ("GET /users/me", 2),
        ("GET /users/{id}", 1),
        ("GET /users/ME", 0),
    ]);
    assert_eq!(chosen(&rules, "GET", "/users/me"), "GET /users/me");
    assert_eq!(chosen(&rules, "GET", "/users/ME"), "GET /users/ME");
    assert_eq!(chosen(&rules, "GET", "/users/Me"), "ambiguous");
    assert_eq!(chosen(&rules, "GET", "/users/7"), "GET /users/{id}");
    assert_eq!(chosen(&rules, "GET", "/users/Bob"), "GET /users/{id}");
    let conflicts: Vec<_> = rules
        .conflicts()
        .map(|pair| (pair.index, pair.stricter.to_string()))
        .collect();
    assert_eq!(conflicts, [(2, "GET /users/me".to_owned())]);
}

#[test]
fn upper_case_rules_match_folded_paths() {
    let rules = rules(&[
        ("ANY /Admin/{proxy+}", 2),
        ("GET /userProfiles/{id}", 0),
        ("ANY /{proxy+}", 1),
    ]);
    for path in ["/admin/x", "/ADMIN/x", "/admin"] {
        assert_eq!(chosen(&rules, "GET", path), "ambiguous", "{path}");
    }
    assert_eq!(chosen(&rules, "GET", "/Admin/x"), "ANY /Admin/{proxy+}");
    assert_eq!(
        chosen(&rules, "GET", "/userProfiles/7"),
        "GET /userProfiles/{id}"
    );
    assert_eq!(
        chosen(&rules, "GET", "/userProfiles/Bob"),
        "GET /userProfiles/{id}"
    );
    assert_eq!(chosen(&rules, "GET", "/userprofiles/7"), "ANY /{proxy+}");
}

#[test]
fn stricter_of_two_spellings_applies_to_a_third() {
    let rules = rules(&[
        ("GET /Admin", 0),
        ("ANY /admin", 2),
        ("GET /x.", 2),
        ("ANY /{proxy+}", 1),
    ]);
    assert_eq!(chosen(&rules, "GET", "/ADMIN"), "ambiguous");
    assert_eq!(chosen(&rules, "GET", "/x"), "ambiguous");
    assert_eq!(chosen(&rules, "GET", "/x."), "GET /x.");
    let conflicts: Vec<_> = rules.conflicts().map(|pair| pair.key.to_string()).collect();
    assert_eq!(conflicts, ["GET /Admin"]);
}

#[test]
fn rules_that_differ_by_a_slash_conflict() {
    for (keys, expected) in [
        ([("GET /docs", 1), ("GET /docs/", 2)], Some(0)),
        ([("GET /docs", 2), ("GET /docs/", 1)], Some(1)),
        ([("GET /docs", 1), ("GET /docs/", 1)], None),
        ([("GET /health", 0), ("ANY /{proxy+}", 1)], None),
        ([("ANY /items/{id}", 0), ("ANY /{proxy+}", 1)], None),
    ] {
        let rules = rules(&keys);
        let found: Vec<_> = rules.conflicts().map(|pair| pair.index).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{keys:?}");
    }
}

#[test]
fn rule_of_get_applies_to_head_if_it_demands_more() {
    let rules = rules(&[
        ("GET /x", 2),
        ("GET /y", 2),
        ("HEAD /y", 0),
        ("GET /z", 0),
        ("ANY /{proxy+}", 1),
    ]);
    for (path, expected) in [
        ("/x", "GET /x"),
        ("/y", "HEAD /y"),
        ("/z", "ANY /{proxy+}"),
        ("/X", "ambiguous"),
    ] {
        assert_eq!(chosen(&rules, "HEAD", path), expected, "{path}");
    }
}

#[test]
fn ignored_difference_is_not_ambiguous() {
    let keys = [
        ("ANY /Admin/{proxy+}", 2),
        ("GET /docs/", 2),
        ("ANY /{proxy+}", 1),
    ];
    let insensitive = rules_with(
        PathOptions {
            ignore_case: true,
            ..PathOptions::default()
        },
        &keys,
    );
    for path in ["/admin/x", "/ADMIN/x", "/Admin", "/adm\u{131}n/x"] {
        assert_eq!(
            chosen(&insensitive, "GET", path),
            "ANY /Admin/{proxy+}",
            "{path}"
        );
    }
    assert_eq!(chosen(&insensitive, "GET", "/ａdmin/x"), "ambiguous");
    let ignored = rules_with(
        PathOptions {
            ignore_trailing_slash: true,
            ..PathOptions::default()
        },
        &keys,
    );
    for path in ["/docs", "/docs/", "/docs//"] {
        assert_eq!(chosen(&ignored, "GET", path), "GET /docs/", "{path}");
    }
    assert_eq!(chosen(&ignored, "GET", "/DOCS"), "ambiguous");
    assert_eq!(chosen(&ignored, "GET", "/"), "-");
}

#[test]
fn rules_with_an_ignored_difference_are_duplicates() {
    let mut rules = rules_with(
        PathOptions {
            ignore_case: true,
            ..PathOptions::default()
        },
        &[("GET /Admin", 1)],
    );
    let error = rules
        .insert(
            "GET /admin".parse().unwrap(),
            Rule {
                key: String::new(),
                strictness: 0,
            },
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`GET /admin` matches the same requests as `GET /Admin`"
    );
}

#[test]
fn path_with_too_many_readings_is_refused() {
    let keys: Vec<String> = ["A", "aA", "Aa", "AA"]
        .iter()
        .map(|text| format!("GET /{text}"))
        .collect();
    let mut rules: Vec<_> = keys.iter().map(|key| (key.as_str(), 0)).collect();
    rules.push(("ANY /{proxy+}", 0));
    let rules = self::rules(&rules);
    assert_eq!(chosen(&rules, "GET", "/aa/aa"), "ANY /{proxy+}");
    assert_eq!(chosen(&rules, "GET", "/aa/aa/aa/aa/aa"), "ambiguous");
}

fn any_key() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "A", "a.", "b", "B", "{x}"]);
    let end = prop::sample::select(vec!["", "/", "/{p+}"]);
    let method = prop::sample::select(vec!["GET", "ANY", "HEAD"]);
    (method, prop::collection::vec(segment, 1..3), end).prop_map(|(method, segments, end)| {
        let names: Vec<_> = segments
            .iter()
            .enumerate()
            .map(|(at, text)| text.replace('x', &format!("x{at}")))
            .collect();
        format!("{method} /{}{end}", names.join("/"))
    })
}

/// Returns every path of up to two segments that folds like `path`.
fn spellings(path: &str) -> Vec<String> {
    let segments = ["a", "A", "a.", "b", "B", "c", "C", "ａ", "a "];
    let one = segments.iter().map(|segment| format!("/{segment}"));
    let two = segments.iter().flat_map(|first| {
        segments
            .iter()
            .map(move |second| format!("/{first}/{second}"))
    });
    let plain: Vec<_> = one.chain(two).collect();
    let slashed = plain.iter().map(|path| format!("{path}/"));
    plain
        .iter()
        .cloned()
        .chain(slashed)
        .filter(|other| fold(other) == fold(path))
        .collect()
}

proptest! {
    // The rule of every other spelling is looked up in an ordinary table.
    #[test]
    fn no_spelling_of_a_path_gets_a_weaker_rule(
        keys in prop::collection::vec((any_key(), 0..3u8), 1..7),
        path in "/(a|A|a\\.|b|B|c|C|ａ|a )(/(a|A|a\\.|b|B|c|C|ａ|a ))?/?",
        method in "GET|POST|HEAD",
    ) {
        let (mut rules, mut table) = (PathRules::new(PathOptions::default()), RouteTable::default());
        for (key, strictness) in keys.iter().map(|(key, strictness)| (key.as_str(), *strictness)).chain([("ANY /{p+}", 0)]) {
            let rule = Rule { key: key.to_owned(), strictness };
            let _ = rules.insert(key.parse().unwrap(), rule.clone());
            let _ = table.insert(key.parse().unwrap(), rule);
        }
        let Ok(Some(chosen)) = rules.choose(&method, &path) else { return Ok(()) };
        let own = table.find(&method, &path).unwrap();
        prop_assert!(chosen.strictness >= own.value.strictness || chosen == own.value);
        if own.key.is_literal() {
            return Ok(());
        }
        for spelling in spellings(&path) {
            let other = table.find(&method, &spelling).unwrap();
            let new = !other.key.matches_path(&path);
            prop_assert!(!new || other.value.strictness <= chosen.strictness, "{spelling}: {other:?}, not {chosen:?}");
        }
    }

    #[test]
    fn path_with_one_reading_gets_the_ordinary_rule_or_a_stricter_one(
        keys in prop::collection::vec((any_key(), 0..3u8), 1..7), path in "/(a|b|c)(/(a|b|c))?",
    ) {
        let (mut rules, mut table) = (PathRules::new(PathOptions::default()), RouteTable::default());
        for (key, strictness) in keys.iter().filter(|(key, _)| !key.contains(['A', 'B', '.'])) {
            let rule = Rule { key: key.clone(), strictness: *strictness };
            let _ = rules.insert(key.parse().unwrap(), rule.clone());
            let _ = table.insert(key.parse().unwrap(), rule);
        }
        let chosen = rules.choose("GET", &path).unwrap();
        let own = table.find("GET", &path).map(|found| found.value);
        prop_assert!(own.is_none() || chosen == own || chosen.unwrap().strictness > own.unwrap().strictness);
    }
}
