//! Audit records: a change and its record are one transaction on every store.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use limits::PlanDocument;
use registry::{Admin, AuditRecord, AuditTrail, Change, Condition, KeyChange, KeyPatch, Refusal};
use store::Store;

use crate::admin::{created, hash, new_plan, new_secret, number, refusal};
use crate::cases::{stores, test_on_stores};
use crate::failure::World;
use testing::stores::Subject;
use testing::{Fault, FaultProxy};

test_on_stores! {
    stores [embedded, ministack, dynalite]
    a_change_and_its_record_are_written_together
    concurrent_changes_have_one_record_each
}

/// Records real changes, under a name of its own.
#[derive(Debug)]
pub(crate) struct Trail(String);

impl Trail {
    pub(crate) fn new() -> Self {
        Self(format!("trail-{:06}", number()))
    }

    pub(crate) fn admin<'s>(&'s self, store: &'s Store) -> Admin<'s> {
        store.admin().audited(self)
    }

    /// Returns the kinds of the changes that were recorded.
    pub(crate) async fn records(&self, store: &Store) -> Vec<String> {
        let begin = format!("{}:", self.0);
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
            Change::Key(_) => "update",
            Change::Secret { .. } => "rotate",
            Change::Plan { before, after } if before == after => return None,
            Change::Plan { after: None, .. } => "delete plan",
            Change::Plan { .. } => "put plan",
            Change::Block { before, after } if before == after => return None,
            Change::Block { after: None, .. } => "remove block",
            Change::Block { before: None, .. } => "create block",
            Change::Block { .. } => "replace block",
            _ => "other",
        };
        Some(AuditRecord {
            at: Timestamp::now(),
            request_id: self.0.clone(),
            document: format!("{}:{kind}", self.0),
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
    ];
    assert_eq!(refused[3], Refusal::SecretInUse);
    assert_eq!(trail.records(store).await, ["put plan", "rotate", "update"]);

    admin.delete_key(&id, &Condition::None, now).await.unwrap();
    admin.delete_plan(&plan, &Condition::None).await.unwrap();
    assert_eq!(
        trail.records(store).await,
        ["delete", "delete plan", "put plan", "rotate", "update"]
    );
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

#[tokio::test]
async fn change_whose_response_is_lost_has_exactly_one_record() {
    let world = World::new().await;
    let subject = Subject::dynamodb("ministack", &world.proxy.url).await;
    let (store, trail) = (&subject.store, Trail::new());
    let admin = trail.admin(store);
    let plan = format!("plan-{:06}", number());
    let document = PlanDocument::default();

    lose_first_transaction(&world.proxy);
    let first = admin.put_plan(&plan, &document, &Condition::None).await;
    world.proxy.fault_all(Fault::None);
    if first.is_err() {
        admin
            .put_plan(&plan, &document, &Condition::None)
            .await
            .unwrap();
    }
    assert_eq!(trail.records(store).await, ["put plan"], "{first:?}");

    let (id, _) = created(store, &plan).await;
    lose_first_transaction(&world.proxy);
    let first = admin
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await;
    world.proxy.fault_all(Fault::None);
    assert_eq!(
        refusal(
            admin
                .delete_key(&id, &Condition::None, Timestamp::now())
                .await
        ),
        Refusal::NotFound
    );
    assert_eq!(
        trail.records(store).await,
        ["delete", "put plan"],
        "{first:?}"
    );
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
