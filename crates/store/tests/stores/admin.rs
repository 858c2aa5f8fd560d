//! The registry's administration: the same on the embedded store and on a real server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::Retries;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use limits::PlanDocument;
use registry::{
    AdminError, ApiKey, Condition, Keep, KeptAnswer, KeyHash, KeyPatch, KeyRecord, KeyStatus, Once,
    Refusal, Version, VersionedDocument,
};
use store::Store;

use crate::candidates::{
    a_policy_and_its_candidate_change_together,
    a_policy_that_changes_is_never_lost_to_its_candidate,
};
use crate::cases::test_on_stores;
use crate::compositions::{
    compositions_and_policies_of_one_name_are_separate,
    compositions_are_listed_with_the_program_that_created_them,
    compositions_are_written_read_and_deleted,
};
use crate::creators::{
    a_key_keeps_the_program_that_created_it, an_object_that_is_created_again_has_its_new_creator,
    plans_and_policies_keep_the_program_that_created_them,
};
use crate::imports::{
    a_dry_run_writes_nothing, an_import_and_a_change_at_once_lose_nothing,
    an_import_changes_what_the_file_says, an_import_keeps_what_the_file_does_not_say,
    an_import_needs_plans_that_exist, an_import_never_brings_an_ended_secret_back,
    an_import_never_enables_a_key_or_gives_it_more_time, imported_key_ids_belong_to_one_key,
};
use crate::listings::a_list_shows_every_key_while_keys_are_rotated;
use testing::Emulator;
use testing::stores::{Subject, TEST_DEADLINE, aws, instance, patient};

test_on_stores! {
    registries [embedded, ministack]
    a_document_is_written_only_over_what_its_writer_knew
    a_plan_that_keys_are_on_stays
    a_plan_deleted_while_keys_come_leaves_no_key_without_a_plan
    plans_are_listed_in_the_order_of_their_names
    a_key_needs_a_plan_that_is_there
    a_key_is_found_by_its_id_and_listed_with_its_plan
    a_list_shows_each_key_once_while_others_come_and_go
    a_list_shows_every_key_while_keys_are_rotated
    of_many_who_change_the_same_version_one_wins
    changes_of_different_members_at_once_are_all_kept
    both_secrets_of_a_rotated_key_work_until_the_grace_ends
    a_change_reaches_every_secret_and_so_does_the_end
    without_a_grace_all_earlier_secrets_end_at_once
    a_key_has_a_few_secrets_and_no_more
    an_answer_is_kept_once_for_all_who_repeat_its_request
    ended_secrets_are_refused_and_listed_nowhere
    ended_secret_cannot_be_used_for_a_new_key
    deleted_keys_are_listed_page_by_page_and_among_no_keys
    an_import_keeps_what_the_file_does_not_say
    an_import_changes_what_the_file_says
    an_import_never_enables_a_key_or_gives_it_more_time
    an_import_never_brings_an_ended_secret_back
    a_dry_run_writes_nothing
    imported_key_ids_belong_to_one_key
    an_import_needs_plans_that_exist
    an_import_and_a_change_at_once_lose_nothing
    a_policy_and_its_candidate_change_together
    a_policy_that_changes_is_never_lost_to_its_candidate
    plans_and_policies_keep_the_program_that_created_them
    a_key_keeps_the_program_that_created_it
    an_object_that_is_created_again_has_its_new_creator
    compositions_are_written_read_and_deleted
    compositions_and_policies_of_one_name_are_separate
    compositions_are_listed_with_the_program_that_created_them
}

/// Makes registries, each with the server that it needs.
mod registries {
    use super::{Arc, Emulator, Registry};

    pub(super) async fn embedded() -> ((), Arc<Registry>) {
        ((), Arc::new(Registry::embedded()))
    }

    pub(super) async fn ministack() -> (Emulator, Arc<Registry>) {
        let server = Emulator::ministack();
        let registry = Registry::dynamodb(&server).await;
        (server, Arc::new(registry))
    }
}

#[tokio::test]
async fn an_index_that_still_has_the_secret_before_leads_to_the_key() {
    let server = Emulator::ministack();
    let subject = Registry::dynamodb(&server).await;
    let url = subject.url.clone().unwrap();
    let (id, secret) = created(&subject.store, "free").await;
    let new = new_secret();
    rotate(&subject.store, &id, &new, 3600).await.unwrap();
    // The new secret's item, as if the index had not heard of it.
    let client = aws::client!(
        aws(&url).await,
        aws_sdk_dynamodb,
        "dynamodb",
        Retries::Standard
    );
    for attribute in ["shard", "plan"] {
        let update = client.update_item().table_name("tollgate-registry");
        let update = update.key("pk", AttributeValue::S(format!("key#{}", sha256(&new))));
        let update = update.key("sk", AttributeValue::S("key".to_owned()));
        update
            .update_expression("REMOVE #a")
            .expression_attribute_names("#a", attribute)
            .send()
            .await
            .unwrap();
    }
    let found = subject.store.admin().key(&id).await.unwrap().document;
    assert_eq!(
        found.retiring.first().map(|retiring| retiring.hash),
        Some(hash(&secret))
    );
    subject
        .store
        .admin()
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    let fresh = instance(&aws(&url).await, TEST_DEADLINE);
    for secret in [&secret, &new] {
        assert_ended(fresh.key(&hash(secret), patient()).await.unwrap());
    }
}

/// A store with the seeds in it, and where its tables are.
pub(crate) struct Registry {
    pub(crate) store: Store,
    url: Option<String>,
}

impl Registry {
    fn embedded() -> Self {
        Self {
            store: Subject::embedded().store,
            url: None,
        }
    }

    async fn dynamodb(server: &Emulator) -> Self {
        let url = format!("http://{}", server.address);
        Self {
            store: Subject::dynamodb("ministack", &url).await.store,
            url: Some(url),
        }
    }
}

fn sha256(secret: &str) -> String {
    serde_json::to_value(hash(secret))
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

pub(crate) fn hash(secret: &str) -> KeyHash {
    KeyHash::of(secret).unwrap()
}

pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn new_secret() -> String {
    format!("a-secret-for-a-test-{:08}", number())
}

pub(crate) fn key(plan: &str) -> KeyRecord {
    let key = format!(
        r#"{{"key_id":"id-{:06}","plan":"{plan}","enabled":true}}"#,
        number()
    );
    KeyRecord::new(
        serde_json::from_str::<ApiKey>(&key).unwrap(),
        Timestamp::now(),
    )
}

pub(crate) async fn created(store: &Store, plan: &str) -> (String, String) {
    let (record, secret) = (key(plan), new_secret());
    store
        .admin()
        .create_key(&hash(&secret), &record, &(), Timestamp::now())
        .await
        .unwrap();
    (record.key.key_id, secret)
}

pub(crate) async fn new_plan(store: &Store) -> String {
    let name = format!("plan-{:06}", number());
    store
        .admin()
        .put_plan(&name, &PlanDocument::default(), &Condition::None)
        .await
        .unwrap();
    name
}

pub(crate) async fn rotate(
    store: &Store,
    id: &str,
    secret: &str,
    grace_s: i64,
) -> Result<KeyRecord, AdminError> {
    let now = Timestamp::now();
    let end = now + SignedDuration::from_secs(grace_s);
    let rotated = store
        .admin()
        .rotate_key(id, &hash(secret).into(), end, &Condition::None, &(), now)
        .await?;
    Ok(rotated.document)
}

/// What an instance that remembers nothing knows of a key.
pub(crate) async fn known(subject: &Registry, secret: &str) -> Option<Arc<ApiKey>> {
    match &subject.store {
        Store::Embedded(store) => store.registry().key(&hash(secret)),
        Store::DynamoDb(_) => {
            let url = subject.url.as_deref().unwrap();
            instance(&aws(url).await, TEST_DEADLINE)
                .key(&hash(secret), patient())
                .await
                .unwrap()
        }
    }
}

pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, AdminError>) -> Refusal {
    match outcome {
        Err(AdminError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn throttled(rate: u32) -> PlanDocument {
    serde_json::from_str(&format!(r#"{{"throttle":{{"rate":{rate},"burst":1}}}}"#)).unwrap()
}

async fn a_document_is_written_only_over_what_its_writer_knew(subject: Arc<Registry>) {
    let (admin, name) = (subject.store.admin(), format!("plan-{:06}", number()));
    let (first, _) = admin
        .put_plan(&name, &throttled(1), &Condition::Absent)
        .await
        .unwrap();
    assert!(first.created);
    assert_eq!(
        refusal(
            admin
                .put_plan(&name, &throttled(2), &Condition::Absent)
                .await
        ),
        Refusal::Precondition
    );
    let known = Condition::Matches(vec![Version::told("another"), first.version.clone()]);
    let (second, _) = admin.put_plan(&name, &throttled(2), &known).await.unwrap();
    assert!(!second.created && second.version != first.version);
    assert_eq!(
        refusal(admin.put_plan(&name, &throttled(3), &known).await),
        Refusal::Precondition
    );
    assert_eq!(
        refusal(admin.delete_plan(&name, &known).await),
        Refusal::Precondition
    );
    let there = admin.plan(&name).await.unwrap();
    assert_eq!(
        serde_json::to_value(&there.document).unwrap(),
        serde_json::to_value(throttled(2)).unwrap()
    );
    assert_eq!(there.version, second.version);
    admin.delete_plan(&name, &Condition::Present).await.unwrap();
    assert_eq!(refusal(admin.plan(&name).await), Refusal::NotFound);
    assert_eq!(
        refusal(admin.delete_plan(&name, &Condition::None).await),
        Refusal::NotFound
    );
    assert_eq!(
        refusal(
            admin
                .put_plan(&name, &throttled(2), &Condition::Present)
                .await
        ),
        Refusal::Precondition
    );
}

async fn a_plan_that_keys_are_on_stays(subject: Arc<Registry>) {
    let (admin, plan) = (subject.store.admin(), new_plan(&subject.store).await);
    let (id, _) = created(&subject.store, &plan).await;
    let in_use = Refusal::PlanInUse { key_id: id.clone() };
    assert_eq!(
        refusal(admin.delete_plan(&plan, &Condition::None).await),
        in_use
    );
    admin
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    admin.delete_plan(&plan, &Condition::None).await.unwrap();
}

async fn a_plan_deleted_while_keys_come_leaves_no_key_without_a_plan(subject: Arc<Registry>) {
    let rounds = if matches!(subject.store, Store::Embedded(_)) {
        500
    } else {
        12
    };
    for round in 0..rounds {
        let plan = new_plan(&subject.store).await;
        let (mover, _) = created(&subject.store, "free").await;
        let deletion = tokio::spawn({
            let (subject, plan) = (Arc::clone(&subject), plan.clone());
            async move {
                subject
                    .store
                    .admin()
                    .delete_plan(&plan, &Condition::None)
                    .await
                    .is_ok()
            }
        });
        let secret = new_secret();
        let arrival = tokio::spawn({
            let (subject, plan, hash) = (Arc::clone(&subject), plan.clone(), hash(&secret));
            async move {
                let (admin, now) = (subject.store.admin(), Timestamp::now());
                if round % 2 == 0 {
                    return admin.create_key(&hash, &key(&plan), &(), now).await.is_ok();
                }
                let patch = KeyPatch {
                    plan: Some(plan),
                    ..KeyPatch::default()
                };
                admin
                    .update_key(&mover, &patch, &Condition::None, now)
                    .await
                    .is_ok()
            }
        });
        let (is_deleted, has_arrived) = (deletion.await.unwrap(), arrival.await.unwrap());
        assert!(!(is_deleted && has_arrived), "a key is on the deleted plan");
    }
}

async fn plans_are_listed_in_the_order_of_their_names(subject: Arc<Registry>) {
    let admin = subject.store.admin();
    let mut names = Vec::new();
    for name in ["list-c", "list-a", "list-b"] {
        admin
            .put_plan(name, &throttled(1), &Condition::None)
            .await
            .unwrap();
    }
    let mut after = Some("list-".to_owned());
    while let Some(from) = after {
        let page = admin.plans(Some(&from), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(
            page.items
                .into_iter()
                .map(|(name, _)| name)
                .filter(|name| name.starts_with("list-")),
        );
        after = page.next;
    }
    assert_eq!(names, ["list-a", "list-b", "list-c"]);
}

async fn a_key_needs_a_plan_that_is_there(subject: Arc<Registry>) {
    let (admin, secret) = (subject.store.admin(), new_secret());
    let made = admin
        .create_key(&hash(&secret), &key("nowhere"), &(), Timestamp::now())
        .await;
    assert_eq!(refusal(made), Refusal::UnknownPlan("nowhere".to_owned()));
    assert_eq!(known(&subject, &secret).await, None);
    let (id, secret) = created(&subject.store, "free").await;
    let patch = KeyPatch {
        plan: Some("nowhere".to_owned()),
        ..KeyPatch::default()
    };
    let moved = admin
        .update_key(&id, &patch, &Condition::None, Timestamp::now())
        .await;
    assert_eq!(refusal(moved), Refusal::UnknownPlan("nowhere".to_owned()));
    let again = admin
        .create_key(&hash(&secret), &key("free"), &(), Timestamp::now())
        .await;
    assert_eq!(refusal(again), Refusal::SecretInUse);
}

async fn a_key_is_found_by_its_id_and_listed_with_its_plan(subject: Arc<Registry>) {
    let (admin, plan) = (subject.store.admin(), new_plan(&subject.store).await);
    let (id, secret) = created(&subject.store, &plan).await;
    assert_eq!(admin.key(&id).await.unwrap().document.key.plan, plan);
    assert_eq!(known(&subject, &secret).await.unwrap().key_id, id);
    assert_eq!(
        admin.keys(Some(&plan), None, 10).await.unwrap().items.len(),
        1
    );
    let patch = KeyPatch {
        plan: Some("open".to_owned()),
        ..KeyPatch::default()
    };
    admin
        .update_key(&id, &patch, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    assert!(
        admin
            .keys(Some(&plan), None, 10)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(refusal(admin.key("nobody").await), Refusal::NotFound);
    // The seeds are listed like any other.
    let all = listed(&subject.store, None, 3).await;
    assert!(
        ["k1", "k2", "k3", id.as_str()]
            .iter()
            .all(|id| all.contains(&(*id).to_owned())),
        "{all:?}"
    );
}

pub(crate) async fn listed(store: &Store, plan: Option<&str>, limit: usize) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .admin()
            .keys(plan, after.as_deref(), limit)
            .await
            .unwrap();
        ids.extend(
            page.items
                .into_iter()
                .map(|stored| stored.document.key.key_id),
        );
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn a_list_shows_each_key_once_while_others_come_and_go(subject: Arc<Registry>) {
    let plan = new_plan(&subject.store).await;
    let (mut stay, mut go) = (BTreeSet::new(), Vec::new());
    for n in 0..40 {
        let (id, _) = created(&subject.store, &plan).await;
        if n % 2 == 0 {
            rotate(&subject.store, &id, &new_secret(), 3600)
                .await
                .unwrap();
            stay.insert(id);
        } else {
            go.push(id);
        }
    }
    for plan in [Some(plan.as_str()), None] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = subject
                .store
                .admin()
                .keys(plan, after.as_deref(), 5)
                .await
                .unwrap();
            seen.extend(
                page.items
                    .into_iter()
                    .map(|stored| stored.document.key.key_id),
            );
            after = page.next;
            if after.is_none() {
                break;
            }
            if let Some(id) = go.pop() {
                subject
                    .store
                    .admin()
                    .delete_key(&id, &Condition::None, Timestamp::now())
                    .await
                    .unwrap();
                created(&subject.store, plan.unwrap_or("free")).await;
            }
        }
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "a key was shown twice");
        assert!(
            stay.is_subset(&distinct),
            "{:?}",
            stay.difference(&distinct)
        );
    }
}

async fn of_many_who_change_the_same_version_one_wins(subject: Arc<Registry>) {
    let (id, _) = created(&subject.store, "free").await;
    let version = subject.store.admin().key(&id).await.unwrap().version;
    let change = |n: usize| {
        let (subject, id, condition) = (
            Arc::clone(&subject),
            id.clone(),
            Condition::Matches(vec![version.clone()]),
        );
        async move {
            let patch = KeyPatch {
                name: Some(Some(n.to_string())),
                ..KeyPatch::default()
            };
            subject
                .store
                .admin()
                .update_key(&id, &patch, &condition, Timestamp::now())
                .await
                .is_ok()
        }
    };
    let changes: Vec<_> = (0..16).map(|n| tokio::spawn(change(n))).collect();
    let mut won = 0;
    for change in changes {
        won += usize::from(change.await.unwrap());
    }
    assert_eq!(won, 1);
}

async fn changes_of_different_members_at_once_are_all_kept(subject: Arc<Registry>) {
    let (id, _) = created(&subject.store, "free").await;
    let change = |n: usize| {
        let (subject, id) = (Arc::clone(&subject), id.clone());
        async move {
            let metadata = [(n.to_string(), Some("yes".to_owned()))].into();
            let patch = KeyPatch {
                metadata: Some(metadata),
                ..KeyPatch::default()
            };
            let changed = subject
                .store
                .admin()
                .update_key(&id, &patch, &Condition::None, Timestamp::now())
                .await;
            changed.is_ok().then(|| n.to_string())
        }
    };
    let changes: Vec<_> = (0..4).map(|n| tokio::spawn(change(n))).collect();
    let mut done = BTreeSet::new();
    for change in changes {
        done.extend(change.await.unwrap());
    }
    let found = subject
        .store
        .admin()
        .key(&id)
        .await
        .unwrap()
        .document
        .metadata;
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), done);
    assert!(!done.is_empty());
}

async fn both_secrets_of_a_rotated_key_work_until_the_grace_ends(subject: Arc<Registry>) {
    let (id, old) = created(&subject.store, "free").await;
    let (new, begin) = (new_secret(), Timestamp::now());
    let record = rotate(&subject.store, &id, &new, 3600).await.unwrap();
    let end = record.retiring.first().unwrap().ends_at;
    let (old, new) = (
        known(&subject, &old).await.unwrap(),
        known(&subject, &new).await.unwrap(),
    );
    assert_eq!(
        (old.key_id.as_str(), new.key_id.as_str()),
        (id.as_str(), id.as_str())
    );
    assert_eq!(old.standing(begin.as_nanosecond()), KeyStatus::Good);
    assert_eq!(old.standing(end.as_nanosecond()), KeyStatus::Expired);
    assert_eq!(new.standing(end.as_nanosecond()), KeyStatus::Good);
}

async fn a_change_reaches_every_secret_and_so_does_the_end(subject: Arc<Registry>) {
    let (id, old) = created(&subject.store, "free").await;
    let secrets = [old, new_secret(), new_secret()];
    for secret in &secrets[1..] {
        rotate(&subject.store, &id, secret, 3600).await.unwrap();
    }
    let patch = KeyPatch {
        enabled: Some(false),
        plan: Some("open".to_owned()),
        ..KeyPatch::default()
    };
    subject
        .store
        .admin()
        .update_key(&id, &patch, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    for secret in &secrets {
        let key = known(&subject, secret).await.unwrap();
        assert_eq!((key.enabled, key.plan.as_str()), (false, "open"));
    }
    subject
        .store
        .admin()
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    for secret in &secrets {
        assert_ended(known(&subject, secret).await);
    }
}

async fn without_a_grace_all_earlier_secrets_end_at_once(subject: Arc<Registry>) {
    let (id, first) = created(&subject.store, "free").await;
    let (second, third) = (new_secret(), new_secret());
    rotate(&subject.store, &id, &second, 3600).await.unwrap();
    rotate(&subject.store, &id, &third, 0).await.unwrap();
    for secret in [&first, &second] {
        assert_ended(known(&subject, secret).await);
    }
    assert_eq!(known(&subject, &third).await.unwrap().key_id, id);
}

async fn a_key_has_a_few_secrets_and_no_more(subject: Arc<Registry>) {
    let (id, _) = created(&subject.store, "free").await;
    for _ in 0..4 {
        rotate(&subject.store, &id, &new_secret(), 3600)
            .await
            .unwrap();
    }
    assert_eq!(
        refusal(rotate(&subject.store, &id, &new_secret(), 3600).await),
        Refusal::TooManySecrets(4)
    );
    rotate(&subject.store, &id, &new_secret(), 0).await.unwrap();
}

struct Kept(Once);

impl Keep for Kept {
    fn keep(&self, _: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError> {
        Ok(Some(self.0.clone()))
    }
}

async fn an_answer_is_kept_once_for_all_who_repeat_its_request(subject: Arc<Registry>) {
    let (id, now) = (format!("request-{}", number()), Timestamp::now());
    let create = |n: usize| {
        let (subject, id) = (Arc::clone(&subject), id.clone());
        async move {
            let answer = KeptAnswer {
                request: "fingerprint".to_owned(),
                sealed: n.to_string(),
                version: None,
            };
            let (record, secret) = (key("free"), new_secret());
            let keep = Kept(Once { id, answer });
            subject
                .store
                .admin()
                .create_key(&hash(&secret), &record, &keep, now)
                .await
                .map(|_| n)
        }
    };
    let creations: Vec<_> = (0..8).map(|n| tokio::spawn(create(n))).collect();
    let mut made = Vec::new();
    for creation in creations {
        match creation.await.unwrap() {
            Ok(n) => made.push(n.to_string()),
            Err(error) => assert_eq!(refusal::<()>(Err(error)), Refusal::Repeated),
        }
    }
    let kept = subject
        .store
        .admin()
        .kept_answer(&id, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(made, [kept.sealed]);
    let tomorrow = now + SignedDuration::from_hours(24) + SignedDuration::from_secs(1);
    assert_eq!(
        subject
            .store
            .admin()
            .kept_answer(&id, tomorrow)
            .await
            .unwrap(),
        None
    );
}

/// A secret that has ended is still known, and is refused whatever the clock says.
pub(crate) fn assert_ended(key: Option<Arc<ApiKey>>) {
    let key = key.expect("an ended secret is known");
    assert_ne!(key.standing(0), KeyStatus::Good);
}

async fn ended_secrets_are_refused_and_listed_nowhere(subject: Arc<Registry>) {
    let (admin, plan) = (subject.store.admin(), new_plan(&subject.store).await);
    let (id, first) = created(&subject.store, &plan).await;
    let second = new_secret();
    rotate(&subject.store, &id, &second, 0).await.unwrap();
    assert_ended(known(&subject, &first).await);
    assert_eq!(listed(&subject.store, Some(&plan), 10).await, [id.as_str()]);

    admin
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    assert_ended(known(&subject, &second).await);
    assert_eq!(listed(&subject.store, Some(&plan), 10).await, [""; 0]);
    assert!(!listed(&subject.store, None, 100).await.contains(&id));
    assert_eq!(refusal(admin.key(&id).await), Refusal::NotFound);
}

async fn ended_secret_cannot_be_used_for_a_new_key(subject: Arc<Registry>) {
    let admin = subject.store.admin();
    let (id, secret) = created(&subject.store, "free").await;
    admin
        .delete_key(&id, &Condition::None, Timestamp::now())
        .await
        .unwrap();
    let again = admin
        .create_key(&hash(&secret), &key("free"), &(), Timestamp::now())
        .await;
    assert_eq!(refusal(again), Refusal::SecretInUse);
}

async fn deleted_keys_are_listed_page_by_page_and_among_no_keys(subject: Arc<Registry>) {
    let (admin, now) = (subject.store.admin(), Timestamp::now());
    let mut deleted = BTreeSet::new();
    for _ in 0..7 {
        let (mut record, secret) = (key("free"), new_secret());
        record.name = Some("Acme".to_owned());
        record.key.group = Some("acme".to_owned());
        let key_id = record.key.key_id.clone();
        admin
            .create_key(&hash(&secret), &record, &(), now)
            .await
            .unwrap();
        admin
            .delete_key(&key_id, &Condition::None, now)
            .await
            .unwrap();
        deleted.insert(key_id);
    }

    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = admin.deleted_keys(after.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        for key in &page.items {
            assert_eq!(
                (key.name.as_deref(), key.group.as_deref()),
                (Some("Acme"), Some("acme"))
            );
            assert_eq!(
                (key.plan.as_str(), key.deleted_at, key.created_at.is_some()),
                ("free", now, true)
            );
        }
        listed.extend(page.items.into_iter().map(|key| key.key_id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(listed.len(), deleted.len());
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), deleted);

    for plan in [None, Some("free")] {
        let page = admin.keys(plan, None, 100).await.unwrap();
        let mut keys = page.items.iter().map(|stored| &stored.document.key.key_id);
        assert!(!keys.any(|key_id| deleted.contains(key_id)));
    }
}
