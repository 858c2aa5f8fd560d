//! Tests of entity tags.

use super::*;

const TAG: &str = "\"abc\"";

#[test]
fn bodies_that_differ_have_different_tags() {
    let tag = entity_tag(b"{}");

    assert_eq!(tag, entity_tag(b"{}"));
    assert_ne!(tag, entity_tag(b"{} "));
    assert_eq!(tag.len(), 34);
    assert!(matches_entity_tag(&tag, &tag));
}

#[test]
fn a_list_with_the_tag_matches() {
    for value in [
        "\"abc\"",
        " \"abc\"\t",
        "W/\"abc\"",
        "\"x\",\"abc\"",
        "\"x\" , W/\"abc\" , \"y\"",
        "\"abc\", \"abc\"",
        ", \"abc\",,",
        "\"a,b\", \"abc\"",
        "\"\", \"abc\"",
        "*",
        " * ",
    ] {
        assert!(matches_entity_tag(value, TAG), "{value}");
    }
}

#[test]
fn other_tags_do_not_match() {
    for value in [
        "\"ab\"",
        "\"abcd\"",
        "\"ABC\"",
        "\"x\", \"y\"",
        "\" abc\"",
        "\"a,\\\"abc\"",
        "\"W/abc\"",
    ] {
        assert!(!matches_entity_tag(value, TAG), "{value}");
    }
}

#[test]
fn a_malformed_field_does_not_match() {
    for value in [
        "",
        " ",
        ",",
        "abc",
        "\"abc",
        "abc\"",
        "w/\"abc\"",
        "W/ \"abc\"",
        "\"abc\" \"x\"",
        "\"abc\", x",
        "\"abc\"; x",
        "\"abc\", *",
        "*, \"abc\"",
        "**",
        "\"a c\", \"abc\"",
        "\"abc\", \"a\u{7f}\"",
    ] {
        assert!(!matches_entity_tag(value, TAG), "{value}");
    }
}
