//! Candidates of policies.

use std::sync::Arc;

use registry::{AdminError, Condition, Refusal};

use crate::admin::Registry;

/// The number of rounds in which changes compete.
const ROUNDS: usize = 10;
/// The number of administrators that put a candidate in force at once.
const PROMOTERS: usize = 4;

fn policy(cost: usize) -> String {
    format!(r#"{{"rules":[{{"match":"GET /","auth":"any","cost":{cost}}}]}}"#)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, AdminError>) -> Refusal {
    match result {
        Err(AdminError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_policy_and_its_candidate_change_together(subject: Arc<Registry>) {
    let (admin, any) = (subject.store.admin(), Condition::None);
    let deadline = || subject.store.deadline();
    let orphan = admin.put_candidate("main", &policy(2), &any).await;
    assert_eq!(refusal(orphan), Refusal::NotFound);

    admin.put_policy("main", &policy(1), &any).await.unwrap();
    admin.put_candidate("main", &policy(2), &any).await.unwrap();
    let listed = admin.policy_entries(None, 10).await.unwrap().items;
    assert!(listed.len() == 1 && listed[0].has_candidate, "{listed:?}");

    let stored = subject.store.policy_candidate("main", deadline()).await;
    assert_eq!(stored.unwrap(), Some(policy(2)));
    let active = subject.store.policy("main", deadline()).await;
    assert_eq!(active.unwrap(), Some(policy(1)));

    let promotion = admin.promote_candidate("main", &any).await.unwrap();
    assert_eq!((promotion.before, promotion.after), (policy(1), policy(2)));
    let stored = subject.store.policy_candidate("main", deadline()).await;
    assert_eq!(stored.unwrap(), None);
    let active = subject.store.policy("main", deadline()).await;
    assert_eq!(active.unwrap(), Some(policy(2)));

    admin.put_candidate("main", &policy(3), &any).await.unwrap();
    admin.delete_policy("main", &any).await.unwrap();
    assert_eq!(refusal(admin.candidate("main").await), Refusal::NotFound);
    let promotion = admin.promote_candidate("main", &any).await;
    assert_eq!(refusal(promotion), Refusal::NotFound);
}

pub(crate) async fn a_policy_that_changes_is_never_lost_to_its_candidate(subject: Arc<Registry>) {
    let (admin, any) = (subject.store.admin(), Condition::None);

    for round in 0..ROUNDS {
        let name = format!("policy-{round}");
        admin.put_policy(&name, &policy(1), &any).await.unwrap();
        admin.put_candidate(&name, &policy(2), &any).await.unwrap();

        let mut promoters = tokio::task::JoinSet::new();
        for _ in 0..PROMOTERS {
            let (subject, name) = (Arc::clone(&subject), name.clone());
            promoters.spawn(async move {
                let admin = subject.store.admin();
                admin.promote_candidate(&name, &Condition::None).await
            });
        }
        let changed = admin.put_policy(&name, &policy(3), &any).await.unwrap();

        let results = promoters.join_all().await;
        let promoted = results.iter().filter(|result| result.is_ok()).count();
        assert!(promoted <= 1, "{results:?}");
        let before = if promoted == 1 { policy(2) } else { policy(1) };
        assert_eq!(changed.before, Some(before), "{results:?}");

        assert_eq!(admin.policy(&name).await.unwrap().document, policy(3));
        let has_candidate = admin.candidate(&name).await.is_ok();
        assert_eq!(has_candidate, promoted == 0, "{results:?}");
    }
}
