use super::*;

fn values_of(path: &str, text: &str) -> Vec<(String, String)> {
    let file = ParameterFile::parse(path, text.as_bytes()).unwrap();
    file.iter()
        .map(|(name, given)| (name.to_owned(), given.value.clone()))
        .collect()
}

fn error_of(path: &str, content: &[u8]) -> String {
    ParameterFile::parse(path, content).unwrap_err().to_string()
}

#[test]
fn all_forms_have_the_same_values() {
    let yaml = [
        "A: x\nB: [1, 2]\n",
        "\u{feff}A: x\nB: '1,2'\n",
        "Parameters: {A: x, B: '1,2'}",
        "- {ParameterKey: A, ParameterValue: x}\n- {ParameterKey: B, ParameterValue: '1,2'}\n",
        "[A=x, 'B=1,2']",
        "- A: x\n- B: [1, 2]\n",
    ];
    let json = [
        r#"{"A": "x", "B": "1,2"}"#,
        r#"{"A": "x", "B": ["1", "2"]}"#,
        r#"{"Parameters": {"A": "x", "B": "1,2"}, "Tags": {"team": "payments"}}"#,
        "[\n\t{\"ParameterKey\": \"A\", \"ParameterValue\": \"x\"},\n\t{\"ParameterKey\": \"B\", \"ParameterValue\": \"1,2\"}]",
        r#"["A=x", "B=1,2"]"#,
    ];

    let expected =
        [("A", "x"), ("B", "1,2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    for text in yaml {
        assert_eq!(values_of("p.yaml", text), expected, "{text}");
    }
    for text in json {
        assert_eq!(values_of("p.JSON", text), expected, "{text}");
    }
}

#[test]
fn values_have_the_position_of_their_line() {
    let yaml = ParameterFile::parse("p.yaml", b"A: x\nB:\n  - 1\n").unwrap();
    assert_eq!(yaml.place("B"), "p.yaml:2:1");
    assert_eq!(yaml.place("C"), "p.yaml");

    let json = br#"[{"ParameterKey": "A", "ParameterValue": "x"}]"#;
    let json = ParameterFile::parse("p.json", json).unwrap();
    assert_eq!(json.place("A"), "p.json:1:42");
}

#[test]
fn value_of_the_command_line_replaces_that_of_the_file() {
    let mut file = ParameterFile::parse("p.yaml", b"A: x").unwrap();
    file.replace("A".to_owned(), "y".to_owned());
    assert_eq!(file.get("A").unwrap().value, "y");
    assert_eq!(file.place("A"), "command line");
}

// The values are those that SAM CLI 1.170 passes on.
#[test]
fn conversions_of_the_sam_cli_are_known() {
    for (scalar, converted) in [
        ("true", Some("True")),
        ("FALSE", Some("False")),
        ("0123", Some("123")),
        ("00", Some("0")),
        ("10_000", Some("10000")),
        ("0", None),
        ("443", None),
        ("yes", None),
        ("'true'", None),
        ("'0123'", None),
        ("2026-01-01", None),
        ("vpc-0a1", None),
    ] {
        let file = ParameterFile::parse("p.yaml", format!("A: {scalar}").as_bytes()).unwrap();
        assert_eq!(
            file.get("A").unwrap().converted.as_deref(),
            converted,
            "{scalar}"
        );
    }
}

#[test]
fn mistakes_are_reported_with_their_position() {
    for (path, content, expected) in [
        (
            "p.yaml",
            &b""[..],
            "p.yaml: empty, expected a map of parameter names to values",
        ),
        (
            "p.yaml",
            b"# only a comment\n",
            "p.yaml: empty, expected a map",
        ),
        ("p.yaml", b"just text", "p.yaml:1:1: expected a map"),
        ("p.yaml", b"A: 1\nB: 2\nA: 3\n", "p.yaml:3:1: duplicate"),
        ("p.yaml", b"A: [1\nB: 2\n", "p.yaml:2:2: "),
        (
            "p.yaml",
            b"A: {b: c}\n",
            "p.yaml:1:4: expected a string, a number or a list",
        ),
        ("p.yaml", b"A: [{b: c}]\n", "p.yaml:1:5: expected a string"),
        (
            "p.yaml",
            b"A: !Ref b\n",
            "p.yaml:1:4: expected a string, a number or a list",
        ),
        (
            "p.yaml",
            b"$include: b.yaml\n",
            "p.yaml:1:1: `$include` is not supported here",
        ),
        ("p.yaml", b"- A\n", "p.yaml:1:3: expected NAME=VALUE"),
        (
            "p.yaml",
            b"- [A]\n",
            "p.yaml:1:3: expected a map or NAME=VALUE",
        ),
        (
            "p.yaml",
            b"- ParameterKey: A\n",
            "p.yaml:1:3: `A` has no `ParameterValue`",
        ),
        (
            "p.yaml",
            b"- A=1\n- A=2\n",
            "p.yaml:2:3: duplicate parameter `A`",
        ),
        (
            "p.yaml",
            b"A: 1\n---\nA: 2\n",
            "p.yaml: more than one document",
        ),
        ("p.yaml", b"A: x\nB: caf\xe9\n", "p.yaml:2:7: not UTF-8"),
        ("p.json", b" \n", "p.json: empty, expected an object"),
        (
            "p.json",
            b"7",
            "p.json: expected an object of parameter names",
        ),
        ("p.json", b"{\"A\": 1,\n \"A\": 2}", "p.json:2:"),
        ("p.json", b"{\"A\": 1,}", "p.json:1:9: "),
        (
            "p.json",
            b"{\"A\": {}}",
            "p.json:1:7: expected a string, a number",
        ),
        (
            "p.json",
            b"{\"A\": [1]}",
            "p.json:1:7: expected a list of strings",
        ),
        (
            "p.json",
            b"[{\"a\": 1}]",
            "p.json:1:2: expected an object with ParameterKey",
        ),
        (
            "p.json",
            b"[{\"ParameterKey\": \"A\"}]",
            "p.json:1:2: `A` has no `ParameterValue`",
        ),
        (
            "p.json",
            b"[\"A=1\", \"A=2\"]",
            "p.json:1:9: duplicate parameter `A`",
        ),
    ] {
        let error = error_of(path, content);
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
}

#[test]
fn size_and_number_of_parameters_are_limited() {
    let many: String = (0..=MAX_PARAMETERS)
        .map(|index| format!("P{index}: x\n"))
        .collect();
    assert_eq!(
        error_of("p.yaml", many.as_bytes()),
        "p.yaml: 201 parameters, expected at most 200"
    );

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("p.yaml");
    std::fs::write(&path, vec![b'#'; 1_024 * 1_024 + 1]).unwrap();
    let error = ParameterFile::read(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("p.yaml: larger than 1048576 bytes"),
        "{error}"
    );

    let error = ParameterFile::read(&directory.path().join("missing.yaml")).unwrap_err();
    assert!(
        error.to_string().contains("missing.yaml: No such file"),
        "{error}"
    );
}

// A read of a pipe without a writer never ends.
#[test]
fn pipes_devices_and_directories_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.yaml");
    let created = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(created.unwrap().success());

    for path in [pipe.as_path(), Path::new("/dev/zero"), directory.path()] {
        let error = ParameterFile::read(path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: not a regular file", path.display()));
        let error = read_regular(path, 1).unwrap_err();
        assert_eq!(error, "not a regular file");
    }
}
