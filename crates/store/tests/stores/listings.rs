//! Lists of keys while the keys change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use registry::Condition;
use store::Store;

use crate::admin::{Registry, created, listed, new_plan, new_secret, rotate};
use crate::failure::World;
use testing::Fault;
use testing::stores::{TEST_DEADLINE, aws, instance};

pub(crate) async fn a_list_shows_every_key_while_keys_are_rotated(subject: Arc<Registry>) {
    let plan = new_plan(&subject.store).await;
    let mut keys = BTreeSet::new();
    for _ in 0..6 {
        keys.insert(created(&subject.store, &plan).await.0);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let rotating = tokio::spawn({
        let (subject, keys, is_over) = (Arc::clone(&subject), keys.clone(), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                for key_id in &keys {
                    rotate(&subject.store, key_id, &new_secret(), 0)
                        .await
                        .unwrap();
                }
            }
        }
    });

    for round in 0..20 {
        let (plan, limit) = (
            Some(plan.as_str()).filter(|_| round % 2 == 0),
            [1, 2, 100][round % 3],
        );
        let ids = listed(&subject.store, plan, limit).await;
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        assert_eq!(distinct.len(), ids.len(), "a key was shown twice");
        assert!(
            keys.is_subset(&distinct),
            "missing: {:?}",
            keys.difference(&distinct)
        );
    }
    is_over.store(true, Ordering::Relaxed);
    rotating.await.unwrap();
}

/// The index is read before the rotation, the items after it.
#[tokio::test]
async fn a_key_that_is_rotated_between_index_and_items_is_listed() {
    let world = World::new().await;
    let open = async || {
        Store::DynamoDb(Box::new(instance(
            &aws(&world.proxy.url).await,
            TEST_DEADLINE,
        )))
    };
    let (slow, direct) = (Arc::new(open().await), open().await);
    for (grace_s, rotations, by_plan) in
        [(0, 1, true), (0, 7, true), (3600, 1, true), (0, 1, false)]
    {
        let plan = new_plan(&direct).await;
        let mut keys = BTreeSet::new();
        for _ in 0..5 {
            keys.insert(created(&direct, &plan).await.0);
        }
        let deleted = created(&direct, &plan).await.0;

        let before = world.proxy.count("BatchGetItem");
        world.proxy.fault_by(|_, operation| match operation {
            "BatchGetItem" => Fault::Delay(Duration::from_secs(2)),
            _ => Fault::None,
        });
        let list = tokio::spawn({
            let (slow, plan) = (Arc::clone(&slow), by_plan.then(|| plan.clone()));
            async move { listed(&slow, plan.as_deref(), 1000).await }
        });
        while world.proxy.count("BatchGetItem") == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.proxy.fault_all(Fault::None);
        let rotated = keys.iter().nth(2).unwrap();
        for _ in 0..rotations {
            rotate(&direct, rotated, &new_secret(), grace_s)
                .await
                .unwrap();
        }
        direct
            .admin()
            .delete_key(&deleted, &Condition::None, Timestamp::now())
            .await
            .unwrap();

        assert!(!list.is_finished(), "the list was read before the rotation");
        let ids: BTreeSet<_> = list.await.unwrap().into_iter().collect();
        assert!(
            keys.is_subset(&ids),
            "grace {grace_s} s, {rotations} rotations: {:?}",
            keys.difference(&ids)
        );
        assert!(!ids.contains(&deleted));
    }
}
