//! Tests of the strictest directives.

use proptest::prelude::*;

use super::*;

fn part(cache_control: &str) -> PartCaching<'_> {
    PartCaching {
        cache_control: Some(cache_control),
        age: None,
        vary: None,
    }
}

fn strictest(parts: &[&str]) -> String {
    strictest_cache_control(parts.iter().map(|header| part(header)), false)
}

#[test]
fn one_part_keeps_what_it_permits() {
    for (header, expected) in [
        ("no-store", "no-store"),
        ("private, no-cache", "private, no-cache"),
        ("no-cache, max-age=60", "no-cache"),
        ("max-age=60", "max-age=60"),
        ("private,max-age=60", "private, max-age=60"),
        (
            "public, max-age=60, s-maxage=300",
            "public, max-age=60, s-maxage=300",
        ),
        (
            "Public,\tMAX-AGE=60 ,, Must-Revalidate",
            "public, max-age=60, must-revalidate",
        ),
        (
            "max-age=60, proxy-revalidate",
            "max-age=60, proxy-revalidate",
        ),
        (
            "private, max-age=60, proxy-revalidate",
            "private, max-age=60",
        ),
        (
            "max-age=60, immutable, stale-while-revalidate=5, stale-if-error=9",
            "max-age=60, immutable, stale-while-revalidate=5, stale-if-error=9",
        ),
        (
            "max-age=60, must-revalidate, stale-if-error=9",
            "max-age=60, must-revalidate",
        ),
        ("max-age=60, no-transform", "max-age=60, no-transform"),
        ("public", "public, max-age=0"),
        ("private, public, max-age=1", "private, max-age=1"),
    ] {
        assert_eq!(strictest(&[header]), expected, "{header}");
    }
}

#[test]
fn the_strictest_part_counts() {
    for (parts, expected) in [
        (&["max-age=60", "no-store"][..], "no-store"),
        (&["public, max-age=60", "no-cache"], "no-cache"),
        (
            &["public, max-age=60", "private, max-age=300"],
            "private, max-age=60",
        ),
        (&["public, max-age=60", "max-age=300"], "max-age=60"),
        (
            &["public, max-age=60", "public, max-age=300"],
            "public, max-age=60",
        ),
        (
            &["max-age=60, must-revalidate", "max-age=60"],
            "max-age=60, must-revalidate",
        ),
        (&["max-age=60, immutable", "max-age=60"], "max-age=60"),
        (
            &["max-age=60, immutable", "immutable, max-age=90"],
            "max-age=60, immutable",
        ),
        (
            &["max-age=9, stale-if-error=5", "max-age=9, stale-if-error=3"],
            "max-age=9, stale-if-error=3",
        ),
        (&["max-age=9, stale-if-error=5", "max-age=9"], "max-age=9"),
        (
            &["max-age=60", "max-age=60, no-transform"],
            "max-age=60, no-transform",
        ),
        (&["max-age=60", "foo"], "max-age=0"),
    ] {
        assert_eq!(strictest(parts), expected, "{parts:?}");
    }
}

#[test]
fn shared_caches_get_no_longer_than_each_part_permits() {
    for (parts, expected) in [
        (
            &["public, max-age=60, s-maxage=10", "public, max-age=5"][..],
            "public, max-age=5, s-maxage=5",
        ),
        (
            &["public, max-age=60, s-maxage=10", "public, max-age=50"],
            "public, max-age=50, s-maxage=10",
        ),
        (
            &[
                "public, max-age=0, s-maxage=10",
                "public, max-age=50, s-maxage=9",
            ],
            "public, max-age=0, s-maxage=9",
        ),
        // Without `public` in each part, the shorter time applies to all caches.
        (
            &["public, max-age=60, s-maxage=10", "max-age=50"],
            "max-age=10",
        ),
        (&["max-age=60, s-maxage=300"], "max-age=60"),
        (&["max-age=60, s-maxage=10"], "max-age=10"),
        (&["private, max-age=60, s-maxage=10"], "private, max-age=60"),
    ] {
        assert_eq!(strictest(parts), expected, "{parts:?}");
    }
}

#[test]
fn a_part_without_the_header_is_private_and_revalidated() {
    for header in [None, Some(""), Some(" \t")] {
        let parts = [
            part("public, max-age=60"),
            PartCaching {
                cache_control: header,
                ..PartCaching::default()
            },
        ];
        assert_eq!(
            strictest_cache_control(parts.into_iter(), false),
            "private, no-cache"
        );
    }
    assert_eq!(
        strictest_cache_control(std::iter::empty(), false),
        "no-store"
    );
}

#[test]
fn a_response_that_used_identity_is_private() {
    for (header, expected) in [
        ("public, max-age=60, s-maxage=300", "private, max-age=60"),
        ("max-age=60", "private, max-age=60"),
        ("no-cache", "private, no-cache"),
        ("no-store", "no-store"),
    ] {
        assert_eq!(
            strictest_cache_control([part(header)].into_iter(), true),
            expected
        );
    }
}

#[test]
fn the_age_of_a_part_is_subtracted() {
    for (header, age, expected) in [
        ("max-age=60", "20", "max-age=40"),
        ("max-age=60", " 20 ", "max-age=40"),
        ("max-age=60", "60", "max-age=0"),
        ("max-age=60", "61", "max-age=0"),
        (
            "public, max-age=60, s-maxage=300",
            "70",
            "public, max-age=0, s-maxage=230",
        ),
        ("max-age=60", "", "max-age=0"),
        ("max-age=60", "-1", "max-age=0"),
        ("max-age=60", "1.5", "max-age=0"),
        ("max-age=60", "1, 2", "max-age=0"),
        ("max-age=60", "99999999999999999999999", "max-age=0"),
    ] {
        let part = PartCaching {
            age: Some(age),
            ..part(header)
        };
        assert_eq!(
            strictest_cache_control([part].into_iter(), false),
            expected,
            "{header} {age}"
        );
    }
}

#[test]
fn ages_that_cannot_be_read_are_zero() {
    for (header, expected) in [
        ("max-age=\"60\"", "max-age=60"),
        ("max-age=60, max-age=30", "max-age=30"),
        ("max-age=60, max-age=x", "max-age=0"),
        ("max-age", "max-age=0"),
        ("max-age=", "max-age=0"),
        ("max-age=-1", "max-age=0"),
        ("max-age=1.5", "max-age=0"),
        ("max-age=+5", "max-age=0"),
        ("max-age=99999999999999999999999", "max-age=2147483648"),
        (
            "public, max-age=60, s-maxage=x",
            "public, max-age=60, s-maxage=0",
        ),
    ] {
        assert_eq!(strictest(&[header]), expected, "{header}");
    }
}

#[test]
fn directives_for_some_fields_apply_to_the_response() {
    assert_eq!(
        strictest(&["no-cache=\"set-cookie, x\", max-age=60"]),
        "no-cache"
    );
    assert_eq!(
        strictest(&["private=\"x\", max-age=60"]),
        "private, max-age=60"
    );
}

#[test]
fn quoted_text_is_not_a_directive() {
    assert_eq!(
        strictest(&["max-age=60, x=\"no-store, \\\" private\""]),
        "max-age=60"
    );
    assert_eq!(strictest(&["community=\"UCI\", max-age=60"]), "max-age=60");
}

#[test]
fn a_malformed_header_is_not_stored() {
    for header in [
        "max-age=60, x=\"",
        "max-age=60 private",
        "max-age=60; private",
        "=60",
        "max-age =60",
        "é",
    ] {
        assert_eq!(strictest(&[header]), "no-store", "{header}");
    }
}

#[test]
fn a_part_that_varies_with_identity_is_private() {
    for (vary, expected) in [
        ("accept-language", "public, max-age=60"),
        ("Accept, X-Tollgate-User", "private, max-age=60"),
        ("*", "private, no-cache"),
        ("accept, *", "private, no-cache"),
        ("x-tollgateé", "public, max-age=60"),
    ] {
        let part = PartCaching {
            vary: Some(vary),
            ..part("public, max-age=60")
        };
        assert_eq!(
            strictest_cache_control([part].into_iter(), false),
            expected,
            "{vary}"
        );
    }
}

const DIRECTIVES: &str = "(no-store|no-cache|private|public|no-transform|must-revalidate|proxy-revalidate|immutable\
    |(max-age|s-maxage|stale-if-error|stale-while-revalidate)=[0-9]{1,3})";

proptest! {
    #[test]
    fn arbitrary_headers_are_never_a_panic(control in any::<String>(), age in any::<String>(), vary in any::<String>()) {
        let part = PartCaching { cache_control: Some(&control), age: Some(&age), vary: Some(&vary) };
        let header = strictest_cache_control([part].into_iter(), false);
        prop_assert!(http::HeaderValue::from_str(&header).is_ok());
    }

    #[test]
    fn the_order_of_parts_does_not_count(headers in proptest::collection::vec(header_strategy(), 1..5)) {
        let parts = || headers.iter().map(|header| part(header));
        prop_assert_eq!(strictest_cache_control(parts(), false), strictest_cache_control(parts().rev(), false));
    }

    /// Checks that no part forbids what the result permits.
    #[test]
    fn another_part_never_permits_more(headers in proptest::collection::vec(header_strategy(), 1..5), identity: bool) {
        let result = strictest_cache_control(headers.iter().map(|header| part(header)), identity);
        let result = Directives::of(&part(&result));

        for header in &headers {
            let one = Directives::of(&part(header));
            if !result.no_store {
                prop_assert!(!one.no_store);
                prop_assert!(result.no_cache || !one.no_cache);
                prop_assert!(result.is_private || !(one.is_private || identity));
                prop_assert!(!result.is_public || one.is_public);
                prop_assert!(result.max_age <= one.max_age);
                // A shared cache may use the response as long as `s-maxage`, or else `max-age`.
                let shared = |directives: &Directives| directives.shared_age.unwrap_or(directives.max_age);
                prop_assert!(result.is_private || shared(&result) <= shared(&one));
                prop_assert!(result.no_cache || result.must_revalidate || !one.must_revalidate);
            }
        }
    }
}

fn header_strategy() -> impl Strategy<Value = String> {
    proptest::collection::vec(DIRECTIVES, 0..6).prop_map(|directives| directives.join(", "))
}
