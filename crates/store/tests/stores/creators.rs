//! The program that created an object: cases of [`crate::admin`], run on the embedded store and on
//! a real server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use limits::PlanDocument;
use registry::{
    AuditRecord, AuditTrail, Change, Condition, ImportedKey, KeyPatch, ManagedBy, Refusal,
};
use tokio::runtime::Handle;

use crate::admin::{Registry, hash, key, new_secret, number, refusal, rotate};
use crate::imports::row;

fn program(name: &str) -> ManagedBy {
    ManagedBy::new(name).unwrap()
}

fn policy(cost: usize) -> String {
    format!(r#"{{"rules":[{{"match":"GET /","auth":"any","cost":{cost}}}]}}"#)
}

fn plan(near_limit: &str) -> PlanDocument {
    serde_json::from_str(&format!(r#"{{"near_limit":{near_limit}}}"#)).unwrap()
}

pub(crate) async fn plans_and_policies_keep_the_program_that_created_them(subject: Arc<Registry>) {
    let (first, second, any) = (program("first"), program("second"), Condition::None);
    let admin = || subject.store.admin();
    let name = format!("managed-{:06}", number());

    let as_first = admin().created_by(Some(&first));
    let (made, _) = as_first.put_plan(&name, &plan("0.5"), &any).await.unwrap();
    assert_eq!((made.created, made.creator()), (true, Some(&first)));
    as_first.put_policy(&name, &policy(1), &any).await.unwrap();

    for other in [Some(&second), None] {
        let other = admin().created_by(other);
        let (put, _) = other.put_plan(&name, &plan("0.4"), &any).await.unwrap();
        assert_eq!(
            (put.managed_by.as_ref(), put.creator()),
            (Some(&first), None)
        );
        other.put_policy(&name, &policy(2), &any).await.unwrap();
        other.put_candidate(&name, &policy(3), &any).await.unwrap();
        other.promote_candidate(&name, &any).await.unwrap();
    }

    let stored = admin().plan(&name).await.unwrap();
    let policy = admin().policy(&name).await.unwrap();
    assert_eq!(
        [&stored.managed_by, &policy.managed_by],
        [&Some(first.clone()); 2]
    );
    let plans = admin().plans(None, 1_000).await.unwrap().items;
    let listed = plans.into_iter().find(|(listed, _)| *listed == name);
    assert_eq!(listed.unwrap().1.managed_by, Some(first.clone()));
    let policies = admin().policy_entries(None, 1_000).await.unwrap().items;
    let listed = policies.into_iter().find(|entry| entry.name == name);
    assert_eq!(listed.unwrap().managed_by, Some(first));
}

pub(crate) async fn a_key_keeps_the_program_that_created_it(subject: Arc<Registry>) {
    let (admin, now) = (subject.store.admin(), Timestamp::now());
    let (mut record, secret) = (key("free"), new_secret());
    record.managed_by = Some(program("first"));
    let id = record.key.key_id.clone();
    admin
        .create_key(&hash(&secret), &record, &(), now)
        .await
        .unwrap();

    let disable = KeyPatch {
        enabled: Some(false),
        ..KeyPatch::default()
    };
    admin
        .update_key(&id, &disable, &Condition::None, now)
        .await
        .unwrap();
    let next = new_secret();
    rotate(&subject.store, &id, &next, 3_600).await.unwrap();
    let import = ImportedKey {
        name: Some("Acme".to_owned()),
        ..row(&next)
    };
    admin.import_keys(&[import], false, now).await.unwrap();

    let stored = admin.key(&id).await.unwrap().document;
    assert_eq!(stored.name.as_deref(), Some("Acme"));
    assert_eq!(stored.managed_by, Some(program("first")));
}

/// Creates the policy again between the reads and the writes of the first change that it records.
struct CreatedAgain {
    subject: Arc<Registry>,
    name: String,
    is_done: AtomicBool,
}

impl fmt::Debug for CreatedAgain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl CreatedAgain {
    async fn create_again(&self) {
        let (second, any) = (program("second"), Condition::None);
        let admin = self.subject.store.admin().created_by(Some(&second));
        admin.delete_policy(&self.name, &any).await.unwrap();
        admin
            .put_policy(&self.name, &policy(1), &Condition::Absent)
            .await
            .unwrap();
    }
}

impl AuditTrail for CreatedAgain {
    fn record(&self, _: &Change<'_>) -> Option<AuditRecord> {
        if !self.is_done.swap(true, Ordering::Relaxed) {
            let create_again = || Handle::current().block_on(self.create_again());
            tokio::task::block_in_place(create_again);
        }
        None
    }
}

/// A change never gives an object, which was created again meanwhile, the name of the one before.
pub(crate) async fn an_object_that_is_created_again_has_its_new_creator(subject: Arc<Registry>) {
    let (first, any) = (program("first"), Condition::None);

    for is_promoted in [false, true] {
        let name = format!("again-{:06}", number());
        let admin = subject.store.admin().created_by(Some(&first));
        admin.put_policy(&name, &policy(1), &any).await.unwrap();
        admin.put_candidate(&name, &policy(2), &any).await.unwrap();
        let trail = CreatedAgain {
            subject: Arc::clone(&subject),
            name: name.clone(),
            is_done: AtomicBool::new(false),
        };

        let admin = subject.store.admin().audited(&trail);
        if is_promoted {
            // The candidate was deleted with its policy.
            let promotion = admin.promote_candidate(&name, &any).await;
            assert_eq!(refusal(promotion), Refusal::NotFound);
        } else {
            admin.put_policy(&name, &policy(2), &any).await.unwrap();
        }

        let stored = subject.store.admin().policy(&name).await.unwrap();
        assert_eq!(stored.managed_by, Some(program("second")));
        assert_eq!(stored.document, policy(if is_promoted { 1 } else { 2 }));
    }
}
