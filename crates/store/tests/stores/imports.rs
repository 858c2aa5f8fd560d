//! Imports of keys: cases of [`crate::admin`], run on the embedded store and on a real server.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use registry::{
    Condition, ImportChange, ImportNote, ImportRefusal, ImportedKey, ImportedRow, KeyPatch,
    KeyRecord,
};
use store::Store;

use crate::admin::{
    Registry, assert_ended, created, hash, known, listed, new_plan, new_secret, number, rotate,
};

/// A row with nothing but a secret and a plan.
pub(crate) fn row(secret: &str) -> ImportedKey {
    ImportedKey {
        hash: hash(secret),
        hint: None,
        key_id: None,
        new_key_id: format!("imported-{:06}", number()),
        name: None,
        description: None,
        plan: Some("free".to_owned()),
        enabled: None,
        expires_at: None,
        not_before: None,
        allowed_ips: None,
        group: None,
        subject: None,
        scopes: None,
        metadata: None,
        created_at: None,
    }
}

async fn import(store: &Store, row: ImportedKey) -> ImportedRow {
    without_records(
        store
            .admin()
            .import_keys(&[row], false, Timestamp::now())
            .await
            .unwrap(),
    )
    .remove(0)
}

fn done(key_id: &str, change: ImportChange, notes: Vec<ImportNote>) -> ImportedRow {
    ImportedRow::Key {
        key_id: key_id.to_owned(),
        change,
        notes,
        written: None,
    }
}

/// The rows without what was written.
fn without_records(mut rows: Vec<ImportedRow>) -> Vec<ImportedRow> {
    for row in &mut rows {
        if let ImportedRow::Key { written, .. } = row {
            *written = None;
        }
    }
    rows
}

async fn record(store: &Store, key_id: &str) -> KeyRecord {
    store.admin().key(key_id).await.unwrap().document
}

async fn patch(store: &Store, key_id: &str, patch: KeyPatch) {
    store
        .admin()
        .update_key(key_id, &patch, &Condition::None, Timestamp::now())
        .await
        .unwrap();
}

pub(crate) async fn an_import_keeps_what_the_file_does_not_say(subject: Arc<Registry>) {
    let (store, secret) = (&subject.store, new_secret());
    let first = ImportedKey {
        name: Some("first".to_owned()),
        ..row(&secret)
    };
    let id = first.new_key_id.clone();
    assert_eq!(
        import(store, first.clone()).await,
        done(&id, ImportChange::Created, Vec::new())
    );
    let metadata = [("team".to_owned(), Some("a".to_owned()))].into();
    let change = KeyPatch {
        subject: Some(Some("alice".to_owned())),
        scopes: Some(vec!["orders:read".to_owned()]),
        expires_at: Some(Some(Timestamp::now() + SignedDuration::from_hours(1))),
        enabled: Some(false),
        metadata: Some(metadata),
        ..KeyPatch::default()
    };
    patch(store, &id, change).await;
    let before = record(store, &id).await;

    assert_eq!(
        import(store, first.clone()).await,
        done(&id, ImportChange::Unchanged, Vec::new())
    );
    assert_eq!(record(store, &id).await, before);
    let renamed = ImportedKey {
        name: Some("second".to_owned()),
        plan: None,
        ..row(&secret)
    };
    assert_eq!(
        import(store, renamed).await,
        done(&id, ImportChange::Updated, Vec::new())
    );
    let after = record(store, &id).await;
    assert!(after.updated_at > before.updated_at);
    let mut renamed = before;
    renamed.name = Some("second".to_owned());
    renamed.updated_at = after.updated_at;
    assert_eq!(after, renamed);
}

pub(crate) async fn an_import_changes_what_the_file_says(subject: Arc<Registry>) {
    let store = &subject.store;
    let (id, old) = created(store, "free").await;
    let new = new_secret();
    rotate(store, &id, &new, 3600).await.unwrap();
    let end = Timestamp::now() + SignedDuration::from_hours(1);
    let all = ImportedKey {
        key_id: Some(id.clone()),
        name: Some("name".to_owned()),
        description: Some("description".to_owned()),
        plan: Some("open".to_owned()),
        enabled: Some(false),
        expires_at: Some(end),
        subject: Some("bob".to_owned()),
        scopes: Some(vec!["a".to_owned(), "b".to_owned()]),
        metadata: Some([("team".to_owned(), "a".to_owned())].into()),
        ..row(&new)
    };
    let moved = ImportNote::Moves {
        from: "free".to_owned(),
        to: "open".to_owned(),
    };
    assert_eq!(
        import(store, all.clone()).await,
        done(&id, ImportChange::Updated, vec![moved])
    );
    let changed = record(store, &id).await;
    assert_eq!(
        (changed.name, changed.description),
        (all.name, all.description)
    );
    assert_eq!(
        (changed.key.plan.as_str(), changed.key.expires_at),
        ("open", Some(end))
    );
    assert_eq!(
        (changed.key.subject, Some(changed.key.scopes)),
        (all.subject, all.scopes)
    );
    assert_eq!(Some(changed.metadata), all.metadata);
    // The earlier secret is the same key.
    for secret in [&old, &new] {
        assert!(!known(&subject, secret).await.unwrap().enabled);
    }
}

pub(crate) async fn an_import_never_enables_a_key_or_gives_it_more_time(subject: Arc<Registry>) {
    let (store, secret) = (&subject.store, new_secret());
    let first = row(&secret);
    let id = first.new_key_id.clone();
    import(store, first).await;
    let ended = Timestamp::now() - SignedDuration::from_secs(1);
    patch(
        store,
        &id,
        KeyPatch {
            enabled: Some(false),
            expires_at: Some(Some(ended)),
            ..KeyPatch::default()
        },
    )
    .await;
    let before = record(store, &id).await;

    let later = Some(Timestamp::now() + SignedDuration::from_hours(1));
    let again = ImportedKey {
        enabled: Some(true),
        expires_at: later,
        ..row(&secret)
    };
    let notes = vec![ImportNote::StaysDisabled, ImportNote::StaysExpired];
    assert_eq!(
        import(store, again).await,
        done(&id, ImportChange::Unchanged, notes)
    );
    assert_eq!(record(store, &id).await, before);
}

pub(crate) async fn an_import_never_brings_an_ended_secret_back(subject: Arc<Registry>) {
    let store = &subject.store;
    let refused = async |secret: &str| match import(store, row(secret)).await {
        ImportedRow::Refused(refusal) => refusal,
        imported => panic!("imported: {imported:?}"),
    };

    let (id, first) = created(store, "free").await;
    rotate(store, &id, &new_secret(), 3600).await.unwrap();
    assert_eq!(
        refused(&first).await,
        ImportRefusal::EarlierSecret { key_id: id.clone() }
    );
    let last = new_secret();
    rotate(store, &id, &last, 0).await.unwrap();
    assert!(
        matches!(refused(&first).await, ImportRefusal::EndedSecret { key_id, .. } if key_id == id)
    );

    // A grace that ends by itself, and what later changes and rotations make of it.
    let past = Timestamp::now() - SignedDuration::from_hours(2);
    let (id, graced) = created(store, "free").await;
    let (admin, new) = (store.admin(), new_secret());
    let grace_end = past + SignedDuration::from_hours(1);
    admin
        .rotate_key(
            &id,
            &hash(&new).into(),
            grace_end,
            &Condition::None,
            &(),
            past,
        )
        .await
        .unwrap();
    let ended = ImportRefusal::EndedSecret {
        key_id: id.clone(),
        ended_at: grace_end,
    };
    assert_eq!(refused(&graced).await, ended);
    patch(
        store,
        &id,
        KeyPatch {
            name: Some(Some("x".to_owned())),
            ..KeyPatch::default()
        },
    )
    .await;
    assert_eq!(refused(&graced).await, ended);
    rotate(store, &id, &new_secret(), 3600).await.unwrap();
    assert_eq!(refused(&graced).await, ended);

    admin
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    for secret in [&graced, &new] {
        assert!(matches!(
            refused(secret).await,
            ImportRefusal::EndedSecret { .. }
        ));
        assert_ended(known(&subject, secret).await);
    }
}

pub(crate) async fn a_dry_run_writes_nothing(subject: Arc<Registry>) {
    let (store, plan) = (&subject.store, new_plan(&subject.store).await);
    let (id, secret) = created(store, &plan).await;
    let before = record(store, &id).await;
    let new = new_secret();
    let rows = [
        ImportedKey {
            name: Some("x".to_owned()),
            plan: None,
            ..row(&secret)
        },
        ImportedKey {
            plan: Some(plan.clone()),
            key_id: Some(format!("chosen-{}", number())),
            ..row(&new)
        },
    ];
    let outcome = without_records(
        store
            .admin()
            .import_keys(&rows, true, Timestamp::now())
            .await
            .unwrap(),
    );
    let changes: Vec<_> = outcome
        .iter()
        .map(|row| match row {
            ImportedRow::Key { change, .. } => *change,
            ImportedRow::Refused(refusal) => panic!("{refusal:?}"),
        })
        .collect();
    assert_eq!(changes, [ImportChange::Updated, ImportChange::Created]);
    assert_eq!(record(store, &id).await, before);
    assert_eq!(known(&subject, &new).await, None);
    assert_eq!(listed(store, Some(&plan), 10).await, [id]);
    // The same rows, in earnest.
    let imported = store
        .admin()
        .import_keys(&rows, false, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(without_records(imported), outcome);
}

pub(crate) async fn imported_key_ids_belong_to_one_key(subject: Arc<Registry>) {
    let (store, chosen) = (&subject.store, format!("chosen-{:06}", number()));
    let with_id = |secret: &str, id: &str| ImportedKey {
        key_id: Some(id.to_owned()),
        ..row(secret)
    };
    let (secret, other) = (new_secret(), new_secret());
    assert_eq!(
        import(store, with_id(&secret, &chosen)).await,
        done(&chosen, ImportChange::Created, Vec::new())
    );
    assert_eq!(
        import(store, with_id(&secret, &chosen)).await,
        done(&chosen, ImportChange::Unchanged, Vec::new())
    );
    let in_use = ImportedRow::Refused(ImportRefusal::KeyIdInUse);
    assert_eq!(import(store, with_id(&other, &chosen)).await, in_use);
    let other_id = ImportRefusal::OtherKeyId {
        key_id: chosen.clone(),
    };
    assert_eq!(
        import(store, with_id(&secret, "another")).await,
        ImportedRow::Refused(other_id)
    );
    // An id that no import gave.
    let (id, _) = created(store, "free").await;
    assert_eq!(import(store, with_id(&other, &id)).await, in_use);
    assert_eq!(known(&subject, &other).await, None);

    // Two at the same moment: the index knows neither.
    let raced = format!("chosen-{:06}", number());
    let (one, two) = (
        with_id(&new_secret(), &raced),
        with_id(&new_secret(), &raced),
    );
    let (one, two) = tokio::join!(import(store, one), import(store, two));
    let won = [&one, &two]
        .into_iter()
        .filter(|row| matches!(row, ImportedRow::Key { .. }))
        .count();
    assert_eq!(won, 1, "{one:?} {two:?}");
}

pub(crate) async fn an_import_needs_plans_that_exist(subject: Arc<Registry>) {
    let store = &subject.store;
    let secrets = [new_secret(), new_secret(), new_secret()];
    let rows = [
        row(&secrets[0]),
        ImportedKey {
            plan: Some("nowhere".to_owned()),
            ..row(&secrets[1])
        },
        ImportedKey {
            plan: None,
            ..row(&secrets[2])
        },
    ];
    let outcome = without_records(
        store
            .admin()
            .import_keys(&rows, false, Timestamp::now())
            .await
            .unwrap(),
    );
    let id = rows[0].new_key_id.as_str();
    assert_eq!(
        outcome,
        [
            done(id, ImportChange::Created, Vec::new()),
            ImportedRow::Refused(ImportRefusal::UnknownPlan("nowhere".to_owned())),
            ImportedRow::Refused(ImportRefusal::NoPlan),
        ]
    );
    assert!(
        known(&subject, &secrets[0]).await.is_some()
            && known(&subject, &secrets[1]).await.is_none()
    );
}

/// An import reads, and writes later. What was changed in between must not be undone.
pub(crate) async fn an_import_and_a_change_at_once_lose_nothing(subject: Arc<Registry>) {
    let store = &subject.store;
    for _ in 0..4 {
        let (id, secret) = created(store, "free").await;
        let renamed = ImportedKey {
            name: Some("file".to_owned()),
            plan: None,
            ..row(&secret)
        };
        let off = KeyPatch {
            enabled: Some(false),
            ..KeyPatch::default()
        };
        let (imported, ()) = tokio::join!(import(store, renamed), patch(store, &id, off));
        let after = record(store, &id).await;
        assert!(!after.key.enabled, "the key was enabled again");
        assert!(
            matches!(imported, ImportedRow::Refused(ImportRefusal::Busy)) || after.name.is_some(),
            "{imported:?}"
        );

        let (id, secret) = created(store, "free").await;
        let renamed = ImportedKey {
            name: Some("file".to_owned()),
            plan: None,
            ..row(&secret)
        };
        let admin = store.admin();
        let now = Timestamp::now();
        let (_, deleted) = tokio::join!(
            import(store, renamed),
            admin.delete_key(&id, &Condition::None, now)
        );
        deleted.unwrap();
        assert_ended(known(&subject, &secret).await);
    }
}
