//! The import and export of key files.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::keys::reason;
use crate::support::{Api, Response, unique};

async fn import(api: &Api, query: &str, file: &str) -> Response {
    api.call("POST", &format!("/keys/import{query}"))
        .body("text/csv", file)
        .send()
        .await
}

async fn export(api: &Api, plan: &str) -> String {
    let exported = api
        .call("GET", &format!("/keys/export?plan={plan}"))
        .header("accept", "text/csv")
        .send()
        .await;
    assert_eq!(exported.status, 200, "{exported:?}");
    exported.text
}

fn secret() -> String {
    format!("{}-secret", unique("imported-by-a-test"))
}

fn counts(outcome: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|name| outcome[name].as_u64().unwrap())
}

fn lines(messages: &Value) -> Vec<u64> {
    messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["line"].as_u64().unwrap())
        .collect()
}

pub(crate) async fn key_file_is_imported_and_exported(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let (first, second, off) = (secret(), secret(), secret());
    let file = format!(
        "colour,enabled,KEY,usageplanids,name,Description,enabeld\n\
         red,,{first},\"{plan}\",first,\"one, two\",FALSE\n\
         red,TRUE,{second},,,,\n\
         red,true,{second},,twice,,\n\
         red,FALSE,{off},,off,,\n\
         red,TRUE,short,,wrong,,\n"
    );
    let imported = import(&api, &format!("?plan={plan}"), &file).await;
    assert_eq!(imported.status, 200, "{imported:?}");

    let outcome = imported.json();
    assert_eq!(
        (&outcome["imported"], counts(&outcome)),
        (&json!(3), [3, 0, 0, 2])
    );
    assert_eq!(
        (lines(&outcome["errors"]), lines(&outcome["keys"])),
        (vec![4, 6], vec![2, 3, 5])
    );
    assert_eq!(outcome["ignored_columns"], json!(["colour", "enabeld"]));
    assert!(!imported.text.contains("short") && !imported.text.contains(&first));
    assert_eq!(
        (reason(&api, &first).await, reason(&api, &second).await),
        (json!("ok"), json!("ok"))
    );
    assert_eq!(reason(&api, &off).await, "key_disabled");

    let listed = || async { api.get(&format!("/keys?plan={plan}")).await.json()["items"].clone() };
    let before = listed().await;
    let ids = |keys: &Value| {
        let keys = keys.as_array().unwrap().iter();
        keys.map(|key| key["key_id"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&before), ids(&outcome["keys"]));

    let again = import(&api, &format!("?plan={plan}"), &file).await.json();
    assert_eq!(
        (counts(&again), &again["keys"][0]["outcome"]),
        ([0, 0, 3, 2], &json!("unchanged"))
    );
    assert_eq!(listed().await, before);

    let exported = export(&api, &plan).await;
    assert_eq!(exported.lines().count(), 4);
    assert!(exported.starts_with("KeyId,Name,Description,Enabled,UsagePlanIds,"));
    assert!(exported.contains(",first,\"one, two\",TRUE,"), "{exported}");

    let headless = import(&api, "", "Name,Secret\n").await;
    assert_eq!(
        (headless.status, headless.mistakes()),
        (422, vec![String::new()])
    );
}

pub(crate) async fn exported_file_is_imported_unchanged(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let mut expected = BTreeSet::new();
    for name in [
        "=cmd|' /C calc'!A0",
        "+49 30",
        "\t=1",
        "'=1",
        "''=1",
        "'90s",
        " a, \"b\" ",
        "x;=1",
        "\u{ff1d}1",
        "\u{feff}=1",
    ] {
        let key = json!({"plan": plan, "name": name, "description": format!("{name}, too"), "subject": "=1",
            "scopes": ["a", "=b"], "metadata": {"team": name}, "expires_at": "2027-01-01T00:00:00Z"});
        assert_eq!(api.send("POST", "/keys", key).await.status, 201, "{name}");
        expected.insert((name.to_owned(), format!("{name}, too")));
    }
    let exported = export(&api, &plan).await;
    let mut rows = csv::Reader::from_reader(exported.as_bytes());
    let mut header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    // The keys still exist under their ids, so the file gets no ids.
    header.push("Key".to_owned());
    header[0] = "Ignored".to_owned();
    let (other, mut file) = (api.plan(json!({})).await, Vec::new());
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(&mut file);
    writer.write_record(&header).unwrap();
    for row in rows.records() {
        let mut row = row.unwrap();
        for cell in row
            .iter()
            .flat_map(|cell| cell.split([';', '\n', '\r', '\t']))
        {
            let shown = cell.trim_start_matches([' ', '\u{feff}']);
            assert!(
                !shown.starts_with(['=', '+', '-', '@', '\u{ff1d}']),
                "{cell:?}"
            );
        }
        row.push_field(&secret());
        writer.write_record(&row).unwrap();
    }
    drop(writer);

    let imported = import(
        &api,
        &format!("?plan={other}"),
        &String::from_utf8(file).unwrap(),
    )
    .await
    .json();
    assert_eq!(
        counts(&imported),
        [u64::try_from(expected.len()).unwrap(), 0, 0, 0],
        "{imported}"
    );

    let listed = api.get(&format!("/keys?plan={other}")).await.json();
    let items = listed["items"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: BTreeSet<_> = items
        .iter()
        .map(|key| (text(&key["name"]), text(&key["description"])))
        .collect();
    assert_eq!(found, expected);

    for key in items {
        assert_eq!(
            (&key["subject"], &key["scopes"]),
            (&json!("=1"), &json!(["a", "=b"]))
        );
        assert_eq!(
            (&key["expires_at"], &key["metadata"]["team"]),
            (&json!("2027-01-01T00:00:00Z"), &key["name"])
        );
    }
}

pub(crate) async fn import_keeps_ids_and_expiry(api: Arc<Api>) {
    let (key_id, key, other) = (unique("chosen"), secret(), secret());
    let file = |key: &str| {
        format!(
            "KeyId,Key,UsagePlanIds,ExpiresAt,Subject,Scopes\n{key_id},{key},open,2020-01-01T00:00:00Z,alice,a b\n"
        )
    };
    let imported = import(&api, "", &file(&key)).await.json();
    assert_eq!(
        imported["keys"],
        json!([{"line": 2, "key_id": key_id, "outcome": "created"}])
    );
    assert_eq!(reason(&api, &key).await, "key_expired");

    let shown = api.get(&format!("/keys/{key_id}")).await.json();
    assert_eq!(
        (&shown["subject"], &shown["scopes"]),
        (&json!("alice"), &json!(["a", "b"]))
    );

    let taken = import(&api, "", &file(&other)).await.json();
    assert_eq!(
        taken["errors"],
        json!([{"line": 2, "detail": "`KeyId` is the id of another key"}])
    );

    // Ids that cannot be used in a path.
    let wrong = format!("KeyId,Key,UsagePlanIds\nexport,{other},open\na/b,{other},open\n");
    assert_eq!(counts(&import(&api, "", &wrong).await.json()), [0, 0, 0, 2]);
}

pub(crate) async fn import_never_restores_a_disabled_or_revoked_key(api: Arc<Api>) {
    let (leaked, rotated, deleted) = (secret(), secret(), secret());
    let file = format!(
        "Name,Key,Enabled\nleaked,{leaked},TRUE\nrotated,{rotated},TRUE\ndeleted,{deleted},TRUE\n"
    );
    let imported = import(&api, "?plan=open", &file).await.json();
    let id = |row: usize| imported["keys"][row]["key_id"].as_str().unwrap().to_owned();
    let off = api
        .send(
            "PATCH",
            &format!("/keys/{}", id(0)),
            json!({"enabled": false}),
        )
        .await;
    let ended = api
        .send(
            "POST",
            &format!("/keys/{}/rotate", id(1)),
            json!({"grace_s": 0}),
        )
        .await;
    let gone = api.call("DELETE", &format!("/keys/{}", id(2))).send().await;
    assert_eq!((off.status, ended.status, gone.status), (200, 200, 204));

    for query in ["?plan=open", "?plan=open&dry_run=true"] {
        let again = import(&api, query, &file).await.json();
        assert_eq!(counts(&again), [0, 0, 1, 2], "{again}");
        assert_eq!(
            (lines(&again["warnings"]), lines(&again["errors"])),
            (vec![2], vec![3, 4])
        );
        assert!(
            again["errors"][0]["detail"]
                .as_str()
                .unwrap()
                .contains("ended at 2026-11-22T12:00:00Z"),
            "{again}"
        );
    }
    assert_eq!(reason(&api, &leaked).await, "key_disabled");

    for secret in [&rotated, &deleted] {
        assert_eq!(reason(&api, secret).await, "key_expired");
    }
}

pub(crate) async fn dry_run_writes_nothing(api: Arc<Api>) {
    let (plan, new, known) = (api.plan(json!({})).await, secret(), secret());
    import(
        &api,
        &format!("?plan={plan}"),
        &format!("Name,Key\nknown,{known}\n"),
    )
    .await;
    let file = format!("Name,Key\nnew,{new}\nrenamed,{known}\nwrong,short\nagain,{new}\n");
    let dry = import(&api, &format!("?plan={plan}&dry_run=true"), &file)
        .await
        .json();
    assert_eq!(
        (&dry["dry_run"], counts(&dry)),
        (&json!(true), [1, 1, 0, 2])
    );
    assert_eq!(dry["keys"][0], json!({"line": 2, "outcome": "created"}));
    assert_eq!(reason(&api, &new).await, "unknown_key");
    assert_eq!(
        api.get(&format!("/keys?plan={plan}")).await.json()["items"][0]["name"],
        "known"
    );

    let real = import(&api, &format!("?plan={plan}"), &file).await.json();
    assert_eq!(
        (counts(&real), &real["errors"]),
        (counts(&dry), &dry["errors"])
    );
}

pub(crate) async fn plan_ids_of_another_account_are_mapped(api: Arc<Api>) {
    let (one, two) = (api.plan(json!({})).await, api.plan(json!({})).await);
    let keys: Vec<_> = (0..5).map(|_| secret()).collect();
    let file = format!(
        "Name,key,description,Enabled,usageplanIds\nfirst,{},x,TRUE,c7y23b\nsecond,{},,,'d8z34c'\nthird,{},,,{two}\n\
         none,{},,,\nboth,{},,,'c7y23b,d8z34c'\n",
        keys[0], keys[1], keys[2], keys[3], keys[4]
    );
    let plan_of = async |key: &str| {
        let peek = api
            .send("POST", "/decisions", json!({"key": key, "mode": "peek"}))
            .await
            .json();
        peek["plan"].as_str().unwrap_or("-").to_owned()
    };

    // Unknown ids without a mapping.
    let outcome = import(&api, "?dry_run=true", &file).await.json();
    assert_eq!(
        (counts(&outcome), lines(&outcome["errors"])),
        ([1, 0, 0, 4], vec![2, 3, 5, 6])
    );
    assert!(
        outcome["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("the plan `c7y23b` does not exist"),
        "{outcome}"
    );

    // Some ids are mapped, and `plan` applies to the others. A key has one plan.
    let query = format!("?plans=c7y23b:{one},d8z34c:{two}&plans=e9:{one}");
    let outcome = import(&api, &query, &file).await.json();
    assert_eq!(
        (counts(&outcome), lines(&outcome["errors"])),
        ([3, 0, 0, 2], vec![5, 6]),
        "{outcome}"
    );
    assert!(
        outcome["errors"][1]["detail"]
            .as_str()
            .unwrap()
            .contains("a key has one plan"),
        "{outcome}"
    );

    for (key, plan) in keys.iter().zip([&one, &two, &two]) {
        assert_eq!(&plan_of(key).await, plan);
    }
    let outcome = import(&api, &format!("?plans=d8z34c:{two}&plan={one}"), &file)
        .await
        .json();
    assert_eq!(counts(&outcome), [1, 1, 2, 1], "{outcome}");
    assert_eq!(
        outcome["warnings"][0]["detail"],
        format!("the key moves from plan `{two}` to plan `{one}`")
    );

    // Without a mapping, `plan` is the plan of every row.
    let outcome = import(&api, &format!("?plan={one}"), &file).await.json();
    assert_eq!(counts(&outcome), [1, 1, 3, 0], "{outcome}");

    for query in [
        "?plan=nowhere",
        "?plans=c7y23b:nowhere",
        "?plans=c7y23b",
        "?plans=a:open,a:free",
        "?dry_run=yes",
    ] {
        let refused = import(&api, query, &file).await;
        assert_eq!(
            (refused.status, refused.mistakes().len()),
            (400, 1),
            "{query}"
        );
    }
}

pub(crate) async fn other_csv_dialects_are_rejected(api: Arc<Api>) {
    let key = secret();
    for (file, expected) in [
        (
            format!("Name;key\na;{key}\n"),
            "separated by semicolons (`;`)",
        ),
        (format!("Name\tkey\na\t{key}\n"), "separated by tabs"),
        (format!("sep=;\nName;key\na;{key}\n"), "`sep=`"),
    ] {
        let refused = import(&api, "?plan=open", &file).await;
        assert_eq!(refused.status, 422);
        assert!(
            refused.text.contains(expected) && !refused.text.contains(&key),
            "{refused:?}"
        );
    }
    let quoted = import(
        &api,
        "?plan=open",
        &format!("Name, key\n\"A\", \"{key}\"\n"),
    )
    .await
    .json();

    assert_eq!(
        (counts(&quoted), lines(&quoted["errors"])),
        ([0, 0, 0, 1], vec![2])
    );
    assert_eq!(reason(&api, &key).await, "unknown_key");
}
