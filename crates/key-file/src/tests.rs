use super::*;

const FIRST: &str = "twenty-characters-01";
const SECOND: &str = "twenty-characters-02";

fn rows(text: &str) -> Vec<Result<Row, Rejection>> {
    let mut file = KeyFile::open(text.as_bytes()).unwrap();
    std::iter::from_fn(|| file.next()).collect()
}

fn row(text: &str) -> Row {
    rows(text).remove(0).unwrap()
}

fn rejected(text: &str) -> String {
    rows(text).remove(0).unwrap_err().detail
}

fn hash(key: &str) -> KeyHash {
    KeyHash::of(key).unwrap()
}

#[test]
fn columns_come_in_any_order_and_case() {
    let text = format!(
        "enabled,KEY,Colour,usageplanids,NAME,description\n\
         FALSE,{FIRST},red,\"gold\",first,\"one, two\"\n\
         ,{SECOND},,,second,\n"
    );
    let found: Vec<_> = rows(&text).into_iter().map(Result::unwrap).collect();

    assert_eq!(
        (found[0].line, found[0].name.as_deref(), found[0].enabled),
        (2, Some("first"), Some(false))
    );
    assert_eq!(
        (&found[0].plans[..], found[0].description.as_deref()),
        (&["gold".to_owned()][..], Some("one, two"))
    );
    assert_eq!(found[0].hash, hash(FIRST));
    assert_eq!(
        (found[1].line, found[1].enabled, found[1].plans.len()),
        (3, None, 0)
    );
    assert_eq!(
        KeyFile::open(text.as_bytes()).unwrap().ignored_columns(),
        ["Colour"]
    );
}

#[test]
fn columns_of_an_export_are_read() {
    let found = row(&format!(
        "KeyId,Key,ExpiresAt,Subject,Scopes,Metadata,CreatedAt\n\
         key_1,{FIRST},2020-01-01T00:00:00Z,alice,a  b,\"{{\"\"team\"\":\"\"a\"\"}}\",2019-01-01T00:00:00Z\n"
    ));
    assert_eq!(
        (found.key_id.as_deref(), found.subject.as_deref()),
        (Some("key_1"), Some("alice"))
    );
    assert_eq!(
        found.expires_at,
        Some("2020-01-01T00:00:00Z".parse().unwrap())
    );
    assert_eq!(found.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(
        found.metadata,
        Some([("team".to_owned(), "a".to_owned())].into())
    );
    assert_eq!(
        found.created_at,
        Some("2019-01-01T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn sample_file_of_api_gateway_is_read() {
    let found = row(&format!(
        "Name,key,description,Enabled,usageplanIds\nMyFirstApiKey,{FIRST},An imported key,TRUE,c7y23b\n"
    ));
    assert_eq!(
        (found.name.as_deref(), found.enabled),
        (Some("MyFirstApiKey"), Some(true))
    );
    assert_eq!(found.plans, ["c7y23b"]);
    // A key does not need a name.
    assert_eq!(row(&format!("key\n{FIRST}\n")).name, None);
    assert_eq!(row(&format!("Name,key\n,{FIRST}\n")).name, None);
}

#[test]
fn lists_of_plans_may_be_in_single_quotes() {
    for (list, expected) in [
        ("'a'", &["a"][..]),
        ("'a,b'", &["a", "b"]),
        ("'a, b ,c'", &["a", "b", "c"]),
        ("\"'a,b'\"", &["a", "b"]),
        ("\"a,b\"", &["a", "b"]),
        ("''", &[]),
        ("", &[]),
    ] {
        // As the last column, and between others.
        assert_eq!(
            row(&format!("Key,UsagePlanIds\n{FIRST},{list}\n")).plans,
            expected,
            "{list}"
        );
        let between = row(&format!(
            "Name,UsagePlanIds,Key,Enabled\nn,{list},{FIRST},FALSE\n"
        ));
        assert_eq!(
            (between.hash, between.enabled),
            (hash(FIRST), Some(false)),
            "{list}"
        );
        assert_eq!(between.plans, expected, "{list}");
    }
    assert!(rejected(&format!("Key,UsagePlanIds\n{FIRST},'a,b\n")).contains("not closed"));
}

#[test]
fn quotation_marks_never_become_part_of_a_key() {
    for (cells, expected) in [
        (format!(" \"{FIRST}\""), "a space before a quotation mark"),
        (
            format!("\u{a0}\"{FIRST}\""),
            "a space before a quotation mark",
        ),
        (
            format!("\"\"\"{FIRST}\"\"\""),
            "`Key` contains a quotation mark",
        ),
        (format!("'{FIRST}'"), "`Key` contains a quotation mark"),
        (format!("{FIRST}\""), "`Key` contains a quotation mark"),
        (
            format!("\"{FIRST}\"x"),
            "text after a closing quotation mark",
        ),
        (format!("\"{FIRST}"), "a quotation mark is not closed"),
        (format!("\" {FIRST}\""), "20 to 128"),
        (format!("{FIRST},more"), "the row has 3 cells, expected 2"),
    ] {
        let detail = rejected(&format!("Name,Key\na,{cells}\n"));
        assert!(
            detail.contains(expected) && !detail.contains(FIRST),
            "{cells}: {detail}"
        );
    }
    for cells in [
        FIRST.to_owned(),
        format!(" {FIRST} "),
        format!("\"{FIRST}\""),
        format!("\"{FIRST}\" "),
        format!("{FIRST},,"),
    ] {
        assert_eq!(
            row(&format!("Name , Key\na,{cells}\n")).hash,
            hash(FIRST),
            "{cells}"
        );
    }
}

#[test]
fn rejected_rows_are_named_by_line_without_their_key() {
    let text = format!(
        "Name,Key,Enabled,ExpiresAt,Metadata\n,{FIRST}\na,my-secret\n\n\"b\nb\",{SECOND},yes\nc,{SECOND},TRUE,soon\n\
         d\ne,{SECOND},,,my-secret\nf,{SECOND},true\n"
    );
    let found: Vec<_> = rows(&text)
        .into_iter()
        .map(|row| {
            row.map_or_else(
                |row| (row.line, row.detail),
                |row| (row.line, String::new()),
            )
        })
        .collect();
    let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 5, 7, 8, 9, 10]);

    let expected = [
        "",
        "20 to 128",
        "`Enabled`: expected TRUE",
        "`ExpiresAt`: expected",
        "no key",
        "`Metadata`",
        "",
    ];
    for (index, expected) in expected.iter().enumerate() {
        assert!(found[index].1.contains(expected), "{:?}", found[index]);
    }
    assert!(!format!("{found:?}").contains("secret"));
}

#[test]
fn invalid_headers_are_rejected() {
    for (text, expected) in [
        (&b""[..], "the file is empty"),
        (b"Name\n", "no column `Key`"),
        (b"Name,Key,key\n", "two columns `Key`"),
        (b"Name;key;description\n", "semicolons"),
        (b"Name\tkey\n", "tabs"),
        (b"sep=;\nName;Key\n", "`sep=`"),
        (b"\xff\xfeN\0a\0", "UTF-16"),
        (b"\xffName,Key\n", "not UTF-8"),
        (b"Name, \"Key\"\n", "a space before a quotation mark"),
    ] {
        let error = KeyFile::open(text).err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
    assert!(KeyFile::open("\u{feff}Name,Key\n".as_bytes()).is_ok());
}

#[test]
fn row_that_is_not_text_does_not_affect_other_rows() {
    let mut file =
        KeyFile::open(b"Name,Key\n\xff,twenty-characters-01\na,twenty-characters-02\n").unwrap();
    assert_eq!(file.next().unwrap().unwrap_err().line, 2);
    assert_eq!(file.next().unwrap().unwrap().line, 3);
    assert!(file.next().is_none());
}
