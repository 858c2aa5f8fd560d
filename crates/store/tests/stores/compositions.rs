//! Documents of compositions: cases of [`crate::admin`].

use std::sync::Arc;

use registry::{Condition, ManagedBy, Refusal, Version};

use crate::admin::{Registry, number, refusal};

const FIRST: &str = r#"{"routes":{"GET /bff/a":{"parts":{}}}}"#;
const SECOND: &str = r#"{"routes":{"GET /bff/b":{"parts":{}}}}"#;

pub(crate) async fn compositions_are_written_read_and_deleted(subject: Arc<Registry>) {
    let (admin, any) = (subject.store.admin(), Condition::None);
    let name = format!("composed-{:06}", number());
    let read = || subject.store.composition(&name, subject.store.deadline());
    assert_eq!(read().await.unwrap(), None);
    assert_eq!(
        refusal(admin.delete_composition(&name, &any).await),
        Refusal::NotFound
    );

    let made = admin
        .put_composition(&name, FIRST, &Condition::Absent)
        .await
        .unwrap();
    assert!(made.created, "{made:?}");
    assert_eq!(read().await.unwrap().as_deref(), Some(FIRST));

    let again = admin.put_composition(&name, SECOND, &Condition::Absent);
    assert_eq!(refusal(again.await), Refusal::Precondition);
    let replace = Condition::Matches(vec![made.version]);
    let replaced = admin.put_composition(&name, SECOND, &replace).await;
    assert_eq!(replaced.unwrap().before.as_deref(), Some(FIRST));
    assert_eq!(read().await.unwrap().as_deref(), Some(SECOND));

    let stale = Condition::Matches(vec![Version::told("0")]);
    assert_eq!(
        refusal(admin.delete_composition(&name, &stale).await),
        Refusal::Precondition
    );
    let deleted = admin.delete_composition(&name, &any).await.unwrap();
    assert_eq!(deleted, SECOND);
    assert_eq!(read().await.unwrap(), None);
}

pub(crate) async fn compositions_and_policies_of_one_name_are_separate(subject: Arc<Registry>) {
    let (admin, any) = (subject.store.admin(), Condition::None);
    let name = format!("separate-{:06}", number());
    admin.put_policy(&name, "{}", &any).await.unwrap();
    admin.put_composition(&name, FIRST, &any).await.unwrap();

    admin.delete_policy(&name, &any).await.unwrap();
    assert_eq!(admin.composition(&name).await.unwrap().document, FIRST);
    assert_eq!(refusal(admin.policy(&name).await), Refusal::NotFound);

    let unnamed = subject
        .store
        .composition("no name", subject.store.deadline());
    assert_eq!(unnamed.await.unwrap(), None);
}

pub(crate) async fn compositions_are_listed_with_the_program_that_created_them(
    subject: Arc<Registry>,
) {
    let program = ManagedBy::new("first").unwrap();
    let admin = subject.store.admin().created_by(Some(&program));
    let prefix = format!("listed-{:06}", number());
    let names = [0, 1, 2].map(|number| format!("{prefix}-{number}"));
    for name in &names {
        let put = admin.put_composition(name, FIRST, &Condition::None);
        assert_eq!(put.await.unwrap().creator(), Some(&program));
    }

    let page = admin.composition_entries(Some(&prefix), 2).await.unwrap();
    assert_eq!(page.next.as_ref(), Some(&names[1]));
    let rest = admin.composition_entries(Some(&names[1]), 100).await;
    let mut listed = page.items;
    listed.extend(rest.unwrap().items);
    listed.retain(|entry| entry.name.starts_with(&prefix));

    let found: Vec<_> = listed.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(found, names);
    let version = admin.composition(&names[0]).await.unwrap().version;
    assert_eq!(listed[0].version, version);
    assert_eq!(listed[0].managed_by.as_ref(), Some(&program));
}
