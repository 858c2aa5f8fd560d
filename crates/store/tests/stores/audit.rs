//! Audit records: a change and its record are one transaction. Dynalite has no transactions.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use limits::PlanDocument;
use registry::{
    Admin, AuditRecord, AuditTrail, BulkRefusal, BulkRow, Change, Condition, IMPORT_BATCH,
    ImportedKey, ImportedRow, KeyChange, KeyPatch, Refusal, ScannedKey, SelectedKey,
};
use store::Store;

use crate::admin::{created, hash, key, new_plan, new_secret, number, refusal};
use crate::cases::{stores, test_on_stores};
use crate::failure::World;
use crate::imports::row;
use testing::stores::Subject;
use testing::{Fault, FaultProxy};

test_on_stores! {
    stores [embedded, ministack]
    a_change_and_its_record_are_written_together
    a_refused_record_leaves_no_change
    policies_and_candidates_have_records
    a_bulk_change_has_one_record
    a_key_that_changed_since_its_selection_is_not_changed
    an_import_writes_as_many_keys_per_transaction_as_it_may
    concurrent_changes_have_one_record_each
    of_concurrent_deletions_the_recorded_one_succeeds
}

/// Records real changes, under a name of its own.
#[derive(Debug)]
pub(crate) struct Trail {
    name: String,
    /// If this is set, all records have the same key.
    key: Option<(Timestamp, u64)>,
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self {
            name: format!("trail-{:06}", number()),
            key: None,
        }
    }

    /// Returns a trail that can write one record.
    pub(crate) fn with_one_key() -> Self {
        Self {
            key: Some((Timestamp::now(), 7)),
            ..Self::new()
        }
    }

    pub(crate) fn admin<'s>(&'s self, store: &'s Store) -> Admin<'s> {
        store.admin().audited(self)
    }

    /// Returns the kinds of the changes that were recorded.
    pub(crate) async fn records(&self, store: &Store) -> Vec<String> {
        let begin = format!("{}:", self.name);
        let is_mine = |document: &str| document.starts_with(&begin);
        let day = |hours| {
            let instant = Timestamp::now() + SignedDuration::from_hours(hours);
            instant.strftime("%F").to_string()
        };
        // The test may run at midnight.
        let (mut position, from, mut found) = (day(48), day(-24), Vec::new());
        loop {
            let page = store
                .admin()
                .audit_records(&position, &from, 5, &is_mine)
                .await
                .unwrap();
            found.extend(page.items.iter().map(|text| text.replace(&begin, "")));
            match page.next {
                Some(next) => position = next,
                None => break,
            }
        }
        found.sort();
        found
    }
}

impl AuditTrail for Trail {
    fn record(&self, change: &Change<'_>) -> Option<AuditRecord> {
        let kind = match change {
            Change::Key(KeyChange { before: None, .. }) => "create",
            Change::Key(KeyChange { after: None, .. }) => "delete",
            Change::Key(change) if change.before == change.after => return None,
            Change::Key(_) => "update",
            Change::Secret { .. } => "rotate",
            Change::Plan { before, after, .. } if before == after => return None,
            Change::Plan { after: None, .. } => "delete plan",
            Change::Plan { .. } => "put plan",
            Change::Block { before, after } if before == after => return None,
            Change::Block { after: None, .. } => "remove block",
            Change::Block { before: None, .. } => "create block",
            Change::Block { .. } => "replace block",
            Change::Candidate { after: None, .. } => "drop candidate",
            Change::Candidate { before, after } if before == after => "renew candidate",
            Change::Candidate { .. } => "put candidate",
            Change::Promotion { .. } => "promote",
            Change::Document { after: None, .. } => "delete policy",
            Change::Document { before, after, .. } if before == after => return None,
            Change::Document { .. } => "put policy",
            Change::Keys(changes) => &format!("change {} keys", changes.len()),
            Change::Calls { quota, amount, .. } => &format!("{quota} {amount}"),
            _ => "other",
        };
        let unique = || (Timestamp::now(), fastrand::u64(..));
        let (at, number) = self.key.unwrap_or_else(unique);
        Some(AuditRecord {
            at,
            request_id: self.name.clone(),
            number,
            document: format!("{}:{kind}", self.name),
        })
    }
}

fn named(name: &str) -> KeyPatch {
    KeyPatch {
        name: Some(Some(name.to_owned())),
        ..KeyPatch::default()
    }
}

async fn a_change_and_its_record_are_written_together(subject: Arc<Subject>) {
    let (store, trail, now) = (&subject.store, Trail::new(), Timestamp::now());
    let admin = trail.admin(store);
    let plan = format!("plan-{:06}", number());
    let document = PlanDocument::default();
    for _ in 0..2 {
        // The second time, nothing changes.
        admin
            .put_plan(&plan, &document, &Condition::None)
            .await
            .unwrap();
    }
    let (id, _) = created(store, &plan).await;
    admin
        .update_key(&id, &named("new"), &Condition::None, now)
        .await
        .unwrap();
    let rotation = hash(&new_secret()).into();
    admin
        .rotate_key(&id, &rotation, now, &Condition::None, &(), now)
        .await
        .unwrap();
    assert_eq!(trail.records(store).await, ["put plan", "rotate", "update"]);

    let (other, other_secret) = created(store, &plan).await;
    assert_ne!(other, id);
    let taken = hash(&other_secret).into();
    let refused = [
        refusal(
            admin
                .update_key(&id, &named("x"), &Condition::Absent, now)
                .await,
        ),
        refusal(admin.delete_key(&id, &Condition::Absent, now).await),
        refusal(admin.delete_plan(&plan, &Condition::None).await),
        refusal(
            admin
                .rotate_key(&id, &rotation, now, &Condition::None, &(), now)
                .await,
        ),
        refusal(
            admin
                .rotate_key(&id, &taken, now, &Condition::None, &(), now)
                .await,
        ),
    ];
    assert_eq!(refused[3], Refusal::SecretInUse);
    assert_eq!(refused[4], Refusal::SecretInUse);
    assert_eq!(trail.records(store).await, ["put plan", "rotate", "update"]);

    let without_trail = store.admin();
    without_trail
        .delete_key(&other, &Condition::None, now)
        .await
        .unwrap();
    admin.delete_key(&id, &Condition::None, now).await.unwrap();
    admin.delete_plan(&plan, &Condition::None).await.unwrap();
    assert_eq!(
        trail.records(store).await,
        ["delete", "delete plan", "put plan", "rotate", "update"]
    );
}

async fn a_refused_record_leaves_no_change(subject: Arc<Subject>) {
    let (store, trail, now) = (&subject.store, Trail::with_one_key(), Timestamp::now());
    let admin = trail.admin(store);
    let plan = format!("plan-{:06}", number());
    let document = PlanDocument::default();
    let policy = format!("policy-{:06}", number());
    admin
        .put_plan(&plan, &document, &Condition::None)
        .await
        .unwrap();
    let (id, _) = created(store, &plan).await;
    let stored = store.admin().key(&id).await.unwrap();

    let record = key(&plan);
    let rotation = hash(&new_secret()).into();
    let created = admin
        .create_key(&hash(&new_secret()), &record, &(), now)
        .await;
    let refused = [
        refusal(created),
        refusal(
            admin
                .update_key(&id, &named("x"), &Condition::None, now)
                .await,
        ),
        refusal(
            admin
                .rotate_key(&id, &rotation, now, &Condition::None, &(), now)
                .await,
        ),
        refusal(admin.delete_key(&id, &Condition::None, now).await),
        refusal(admin.put_policy(&policy, "{}", &Condition::None).await),
    ];

    assert_eq!(refused, [const { Refusal::Busy }; 5]);
    assert_eq!(store.admin().key(&id).await.unwrap(), stored);
    let missing = [
        refusal(store.admin().key(&record.key.key_id).await),
        refusal(store.admin().policy(&policy).await),
    ];
    assert_eq!(missing, [const { Refusal::NotFound }; 2]);
    assert_eq!(trail.records(store).await, ["put plan"]);
}

async fn policies_and_candidates_have_records(subject: Arc<Subject>) {
    let (store, trail) = (&subject.store, Trail::new());
    let (admin, any) = (trail.admin(store), &Condition::None);
    let policy = format!("policy-{:06}", number());
    let missing = refusal(admin.put_candidate(&policy, "1", any).await);
    assert_eq!(missing, Refusal::NotFound);

    admin.put_policy(&policy, "1", any).await.unwrap();
    for _ in 0..2 {
        // The second time, nothing changes.
        admin.put_candidate(&policy, "2", any).await.unwrap();
    }
    admin.put_policy(&policy, "3", any).await.unwrap();
    let changed = refusal(admin.promote_candidate(&policy, any).await);
    assert_eq!(changed, Refusal::PolicyChanged);
    admin.put_candidate(&policy, "2", any).await.unwrap();
    admin.promote_candidate(&policy, any).await.unwrap();
    admin.put_candidate(&policy, "2", any).await.unwrap();
    admin.delete_candidate(&policy, any).await.unwrap();
    let expected = [
        "drop candidate",
        "promote",
        "put candidate",
        "put candidate",
        "put policy",
        "put policy",
        "renew candidate",
    ];
    assert_eq!(trail.records(store).await, expected);

    let absent = &Condition::Absent;
    let refused = [
        refusal(admin.delete_candidate(&policy, any).await),
        refusal(admin.promote_candidate(&policy, any).await),
        refusal(admin.delete_policy(&policy, absent).await),
    ];
    assert_eq!(refused[2], Refusal::Precondition);
    assert_eq!(trail.records(store).await, expected);
    admin.delete_policy(&policy, any).await.unwrap();
    assert!(
        trail
            .records(store)
            .await
            .contains(&"delete policy".to_owned())
    );
}

/// Every key claims its id. All keys are put on one plan, or each on a plan of its own.
async fn an_import_writes_as_many_keys_per_transaction_as_it_may(subject: Arc<Subject>) {
    let store = &subject.store;
    for (plans, keys) in [(1, 48), (IMPORT_BATCH, 24)] {
        let trail = Trail::new();
        let mut names = Vec::new();
        for _ in 0..plans {
            names.push(new_plan(store).await);
        }
        let row = |index: usize| ImportedKey {
            key_id: Some(format!("chosen-{:06}", number())),
            plan: Some(names[index % plans].clone()),
            ..row(&new_secret())
        };
        let rows: Vec<_> = (0..IMPORT_BATCH).map(row).collect();
        let records = vec![format!("change {keys} keys"); IMPORT_BATCH / keys];

        for _ in 0..2 {
            // The second time, nothing changes.
            let admin = trail.admin(store);
            let imported = admin.import_keys(&rows, false, Timestamp::now()).await;
            for outcome in imported.unwrap() {
                assert!(matches!(outcome, ImportedRow::Key { .. }), "{outcome:?}");
            }
            assert_eq!(trail.records(store).await, records);
        }
    }
}

/// Selects keys, each with its id and its secret.
async fn selected(store: &Store, keys: &[(String, String)], patch: &KeyPatch) -> Vec<SelectedKey> {
    let mut selected = Vec::new();
    for (id, secret) in keys {
        let key = ScannedKey {
            hash: hash(secret),
            stored: store.admin().key(id).await.unwrap(),
        };
        selected.push(SelectedKey::new(&key, patch).unwrap());
    }
    selected
}

async fn a_key_that_changed_since_its_selection_is_not_changed(subject: Arc<Subject>) {
    let (store, now) = (&subject.store, Timestamp::now());
    let (from, to, other) = (
        new_plan(store).await,
        new_plan(store).await,
        new_plan(store).await,
    );
    let admin = store.admin();
    let keys = [created(store, &from).await, created(store, &from).await];
    let moved = |plan: &str| KeyPatch {
        plan: Some(plan.to_owned()),
        ..KeyPatch::default()
    };
    let keys_to_change = selected(store, &keys, &moved(&to)).await;

    admin
        .update_key(&keys[0].0, &moved(&other), &Condition::None, now)
        .await
        .unwrap();
    let rows = admin.change_keys(&keys_to_change, &moved(&to), now).await;

    let rows = rows.unwrap();
    assert!(
        matches!(
            &rows[..],
            [
                BulkRow::Refused(BulkRefusal::Changed),
                BulkRow::Changed { .. }
            ]
        ),
        "{rows:?}"
    );
    let present = admin.key(&keys[0].0).await.unwrap();
    assert_eq!(present.document.key.plan, other);
}

async fn a_bulk_change_has_one_record(subject: Arc<Subject>) {
    let (store, trail, now) = (&subject.store, Trail::new(), Timestamp::now());
    let plan = new_plan(store).await;
    let admin = trail.admin(store);
    let keys = [created(store, &plan).await, created(store, &plan).await];
    let patch = KeyPatch {
        enabled: Some(false),
        ..KeyPatch::default()
    };
    let keys_to_change = selected(store, &keys, &patch).await;

    for _ in 0..2 {
        // The second time, nothing changes.
        admin
            .change_keys(&keys_to_change, &patch, now)
            .await
            .unwrap();
    }
    assert_eq!(trail.records(store).await, ["change 2 keys"]);

    let to_missing_plan = KeyPatch {
        plan: Some("missing".to_owned()),
        ..KeyPatch::default()
    };
    let keys_to_change = selected(store, &keys, &to_missing_plan).await;
    let rows = admin
        .change_keys(&keys_to_change, &to_missing_plan, now)
        .await
        .unwrap();
    assert!(
        rows.iter().all(|row| matches!(row, BulkRow::Refused(_))),
        "{rows:?}"
    );
    assert_eq!(trail.records(store).await, ["change 2 keys"]);
}

async fn concurrent_changes_have_one_record_each(subject: Arc<Subject>) {
    let (store, trail, now) = (&subject.store, Trail::new(), Timestamp::now());
    let plan = new_plan(store).await;
    let (id, _) = created(store, &plan).await;
    let admin = trail.admin(store);

    let update = async |number: usize| {
        let patch = named(&format!("name {number}"));
        admin.update_key(&id, &patch, &Condition::None, now).await
    };
    let outcomes = join_all((0..8).map(update)).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();

    assert!(made > 0, "{outcomes:?}");
    assert_eq!(trail.records(store).await.len(), made, "{outcomes:?}");
}

async fn of_concurrent_deletions_the_recorded_one_succeeds(subject: Arc<Subject>) {
    let (store, trail, now) = (&subject.store, Trail::new(), Timestamp::now());
    let (admin, any) = (trail.admin(store), &Condition::None);
    let (plan, unused) = (new_plan(store).await, new_plan(store).await);
    let (id, _) = created(store, &plan).await;
    let policy = format!("policy-{:06}", number());
    let candidate = async || {
        let made = store.admin().put_candidate(&policy, "2", any).await;
        made.unwrap();
    };
    store.admin().put_policy(&policy, "1", any).await.unwrap();

    let key = join_all((0..4).map(|_| admin.delete_key(&id, any, now))).await;
    let plan = join_all((0..4).map(|_| admin.delete_plan(&unused, any))).await;
    candidate().await;
    let promoted = join_all((0..4).map(|_| admin.promote_candidate(&policy, any))).await;
    candidate().await;
    let dropped = join_all((0..4).map(|_| admin.delete_candidate(&policy, any))).await;
    let deleted = join_all((0..4).map(|_| admin.delete_policy(&policy, any))).await;

    let successes = [
        key.iter().filter(|outcome| outcome.is_ok()).count(),
        plan.iter().filter(|outcome| outcome.is_ok()).count(),
        promoted.iter().filter(|outcome| outcome.is_ok()).count(),
        dropped.iter().filter(|outcome| outcome.is_ok()).count(),
        deleted.iter().filter(|outcome| outcome.is_ok()).count(),
    ];
    assert_eq!(successes, [1; 5], "{key:?} {plan:?} {promoted:?}");
    assert_eq!(
        trail.records(store).await,
        [
            "delete",
            "delete plan",
            "delete policy",
            "drop candidate",
            "promote"
        ]
    );
}

#[tokio::test]
async fn change_whose_response_is_lost_has_exactly_one_record() {
    let world = World::new().await;
    let subject = Subject::dynamodb("ministack", &world.proxy.url).await;
    let (store, trail, now) = (&subject.store, Trail::new(), Timestamp::now());
    let (admin, any) = (trail.admin(store), &Condition::None);
    let plan = format!("plan-{:06}", number());
    let mut expected = Vec::new();
    let mut expect = async |kind: &'static str, first: String| {
        world.proxy.fault_all(Fault::None);
        expected.push(kind);
        expected.sort_unstable();
        assert_eq!(trail.records(store).await, expected, "{first}");
    };

    lose_first_transaction(&world.proxy);
    let put = async || admin.put_plan(&plan, &PlanDocument::default(), any).await;
    let first = put().await;
    put().await.unwrap();
    expect("put plan", format!("{first:?}")).await;

    let (id, secret) = created(store, &plan).await;
    lose_first_transaction(&world.proxy);
    let update = async || admin.update_key(&id, &named("new"), any, now).await;
    let first = update().await;
    update().await.unwrap();
    world.proxy.fault_all(Fault::None);
    let updated = store.admin().key(&id).await.unwrap().document;
    assert_eq!(updated.name.as_deref(), Some("new"));
    expect("update", format!("{first:?}")).await;

    let keys = [(id.clone(), secret), created(store, &plan).await];
    let patch = KeyPatch {
        enabled: Some(false),
        ..KeyPatch::default()
    };
    let keys_to_change = selected(store, &keys, &patch).await;
    lose_first_transaction(&world.proxy);
    let change = async || admin.change_keys(&keys_to_change, &patch, now).await;
    let first = change().await;
    change().await.unwrap();
    expect("change 2 keys", format!("{first:?}")).await;

    lose_first_transaction(&world.proxy);
    let first = admin.delete_key(&id, any, now).await;
    let again = refusal(admin.delete_key(&id, any, now).await);
    assert_eq!(again, Refusal::NotFound);
    expect("delete", format!("{first:?}")).await;
}

fn lose_first_transaction(proxy: &FaultProxy) {
    let mut is_lost = false;
    proxy.fault_by(move |_, operation| {
        if operation.contains("TransactWriteItems") && !is_lost {
            is_lost = true;
            return Fault::LoseResponse;
        }
        Fault::None
    });
}
