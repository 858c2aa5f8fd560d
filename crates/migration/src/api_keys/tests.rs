use super::*;
use crate::Outcome;

fn migrated(text: &str, plans: &KeyFilePlans) -> Migration {
    let migration = migrate_key_file("keys.csv", text.as_bytes(), plans).unwrap();
    if !migration.declaration.keys.is_empty() {
        let yaml = migration.declaration.to_yaml(&[]);
        let read = Declaration::parse("generated", &yaml).unwrap();
        assert_eq!(read, migration.declaration);
    }
    migration
}

fn plan(name: &str) -> KeyFilePlans {
    KeyFilePlans {
        default: Some(name.to_owned()),
        ..KeyFilePlans::default()
    }
}

fn texts(migration: &Migration, outcome: Outcome) -> Vec<String> {
    let findings = migration.report.findings.iter();
    let found = findings.filter(|finding| finding.outcome == outcome);
    let texts = found.map(|it| format!("{}: {}", it.origin.place, it.text));
    texts.collect()
}

/// The three forms that the documentation of API Gateway describes.
#[test]
fn documented_forms_are_read() {
    for text in [
        "Key,name\nmade-up-0123456789abcdefghij,First\n",
        "Name,key,description,Enabled,usageplanIds\nFirst,made-up-0123456789abcdefghij,From a file,TRUE,basic\n",
        "Enabled,Name,key,UsageplanIds\ntrue,First,made-up-0123456789abcdefghij,\"basic,gold\"\n",
        "Enabled,Name,key,UsageplanIds\ntrue,First,made-up-0123456789abcdefghij,'basic,gold'\n",
    ] {
        let migration = migrated(text, &plan("basic"));
        let key = &migration.declaration.keys[0];
        assert_eq!(
            (key.key_id.as_str(), &key.fields["plan"]),
            ("first", &"basic".into())
        );
        let hash = KeyHash::of("made-up-0123456789abcdefghij").unwrap().hex();
        assert_eq!(key.hash, Some(hash));
    }
}

#[test]
fn rows_keep_every_field_of_an_export() {
    let text = "KeyId,Name,Key,Enabled,ExpiresAt,NotBefore,AllowedIps,Group,Subject,Scopes,Metadata,CreatedAt\n\
        Key_7,a,twenty-characters-01,FALSE,2030-01-01T00:00:00Z,2020-01-01T00:00:00Z,192.0.2.0/24 2001:db8::1,acme,\
        alice,read write,\"{\"\"crm\"\":\"\"7\"\"}\",2019-01-01T00:00:00Z\n";
    let migration = migrated(text, &plan("basic"));
    let key = &migration.declaration.keys[0];
    assert_eq!(key.key_id, "Key_7");
    let expected = serde_json::json!({
        "name": "a", "plan": "basic", "enabled": false, "expires_at": "2030-01-01T00:00:00Z",
        "not_before": "2020-01-01T00:00:00Z", "allowed_ips": ["192.0.2.0/24", "2001:db8::1/128"], "group": "acme",
        "subject": "alice", "scopes": ["read", "write"],
        "metadata": {"created_at": "2019-01-01T00:00:00Z", "crm": "7"},
    });
    assert_eq!(Value::Object(key.fields.clone()), expected);
}

#[test]
fn plans_are_those_of_the_import() {
    let plans = KeyFilePlans {
        default: None,
        by_id: [
            ("a1".to_owned(), "gold".to_owned()),
            ("b2".to_owned(), "gold".to_owned()),
        ]
        .into(),
    };
    let text = "Name,Key,UsagePlanIds\n\
        one,twenty-characters-01,a1\n\
        two,twenty-characters-02,\"a1,b2\"\n\
        three,twenty-characters-03,\"a1,c3\"\n\
        four,twenty-characters-04,c3\n\
        five,twenty-characters-05,\n\
        six,twenty-characters-06,not a plan\n";
    let migration = migrated(text, &plans);
    let found: Vec<_> = migration
        .declaration
        .keys
        .iter()
        .map(|key| &key.fields["plan"])
        .collect();
    assert_eq!(found, ["gold", "gold", "c3"]);
    let rejected = texts(&migration, Outcome::Closed);
    assert!(
        rejected[0].starts_with("keys.csv:4: `UsagePlanIds` names several"),
        "{rejected:?}"
    );
    assert!(
        rejected[1].starts_with("keys.csv:6: the row names no plan"),
        "{rejected:?}"
    );
    assert!(
        rejected[2].starts_with("keys.csv:7: `UsagePlanIds` is not"),
        "{rejected:?}"
    );
}

/// API Gateway imports the last row. An earlier row would enable a key that the last one disables.
#[test]
fn last_row_with_a_key_counts() {
    let text = "Name,Key,Enabled\na,twenty-characters-01,TRUE\nb,twenty-characters-02,\na,twenty-characters-01,FALSE\n";
    let migration = migrated(text, &plan("basic"));
    let keys = &migration.declaration.keys;
    assert_eq!(
        (keys.len(), &keys[0].fields["enabled"]),
        (2, &Value::Bool(false))
    );
    let rejected = texts(&migration, Outcome::NotMapped);
    assert_eq!(
        rejected,
        ["keys.csv:2: the row in line 4 has the same key and replaces it"]
    );
}

#[test]
fn invalid_rows_are_reported_without_secrets() {
    let text =
        "Name,Key,Enabled\na,short,\n日本,twenty-characters-01,\nb,twenty-characters-02,maybe\n";
    let migration = migrated(text, &plan("basic"));
    assert_eq!(migration.declaration.keys[0].key_id, "key-3");
    let rejected = texts(&migration, Outcome::Closed);
    assert!(
        rejected[0].contains("keys.csv:2: a key is 20 to 128"),
        "{rejected:?}"
    );
    assert!(
        rejected[1].contains("keys.csv:4: `Enabled`"),
        "{rejected:?}"
    );
    assert!(!migration.report.to_string().contains("twenty-characters"));
}

#[test]
fn unreadable_files_are_errors() {
    for (bytes, expected) in [
        (&b""[..], "keys.csv:1: the file is empty"),
        (
            b"\xff\xfeN\0a\0",
            "keys.csv:1: the file is encoded in UTF-16",
        ),
        (
            b"Name;Key\na;b\n",
            "keys.csv:1: the columns are separated by semicolons",
        ),
        (
            b"{\"items\": []}",
            "keys.csv:1: the header has no column `Key`",
        ),
    ] {
        let error = migrate_key_file("keys.csv", bytes, &plan("basic"))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let error = migrate_key_file("keys.csv", b"Key\n", &plan("no plan")).unwrap_err();
    assert!(error.to_string().contains("invalid plan name"), "{error}");
}

#[test]
fn ten_thousand_keys_of_one_name_have_different_ids() {
    let mut text = "Name,Key\n".to_owned();
    for number in 0..10_000 {
        text.push_str(&format!("Team,twenty-characters-{number:05}\n"));
    }
    let keys = migrated(&text, &plan("basic")).declaration.keys;
    assert_eq!(
        (keys.len(), keys[9_999].key_id.as_str()),
        (10_000, "team-10000")
    );
}
