//! A plan whose time zone is spelled in another way has the same windows, counts and grants.

use std::sync::Arc;

use aws::Retries;
use aws_sdk_dynamodb::types::AttributeValue;
use limits::{Caller, Plan, PlanDocument, Verdict};
use registry::Condition;
use store::Store;

use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, TEST_DEADLINE, aws, caller, instance, patient, plan};

/// Names of two zones.
const UTC: [&str; 5] = ["UTC", "Etc/UTC", "Zulu", "utc", "GMT"];
const BERLIN: [&str; 3] = ["Europe/Berlin", "europe/berlin", "Europe/Oslo"];

fn monthly(zone: &str) -> String {
    format!(r#"{{"quotas":[{{"limit":5,"period":"month","time_zone":"{zone}"}}]}}"#)
}

async fn granted(store: &Store, caller: &Caller, plan: &Plan, amount: i64) {
    store
        .grant_at(caller, plan, "month", amount, None, NOON, patient())
        .await
        .unwrap();
}

pub(crate) async fn counts_and_grants_stay_if_a_zone_is_spelled_in_another_way(
    subject: Arc<Subject>,
) {
    for names in [&UTC[..], &BERLIN[..]] {
        let (caller, mut used) = (caller(), 0);
        granted(&subject.store, &caller, &plan(&monthly(names[0])), 10).await;
        for zone in names {
            let plan = plan(&monthly(zone));
            subject.call(&caller, &plan, 2, NOON).await;
            used += 2;
            let (_, quotas) = subject
                .report(&caller, &plan, ((11, 22), (11, 22)), NOON)
                .await;
            assert_eq!(quotas, [[used, 15 - used]], "{zone}");
        }
    }
}

/// The release before stored a plan as it was sent, and named its windows by that spelling.
#[tokio::test]
async fn windows_that_an_earlier_release_stored_under_an_alias_are_found() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;
    let client = aws::client!(
        aws(&url).await,
        aws_sdk_dynamodb,
        "dynamodb",
        Retries::Standard
    );
    let open = async || Store::DynamoDb(Box::new(instance(&aws(&url).await, TEST_DEADLINE)));

    for (zone, others) in [
        ("Etc/UTC", UTC.to_vec()),
        ("europe/berlin", BERLIN.to_vec()),
    ] {
        let (name, caller) = (caller().to_string().replace('#', "-"), caller());
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let item = client
            .put_item()
            .table_name("tollgate-registry")
            .item("pk", text("plan"))
            .item("sk", text(&name));
        item.item("v", AttributeValue::N("1".to_owned()))
            .item("doc", text(&monthly(zone)))
            .send()
            .await
            .unwrap();

        // As the release before counted: by the plan as it is stored.
        let store = open().await;
        let stored = store.plan(&name, patient()).await.unwrap().unwrap();
        let charged = store
            .charge_at(&caller, &stored, None, 3, NOON, patient())
            .await
            .unwrap();
        assert_eq!(charged.verdict, Verdict::Allowed);
        granted(&store, &caller, &stored, 10).await;

        for other in others {
            let document: PlanDocument = serde_json::from_str(&monthly(other)).unwrap();
            let (_, put) = store
                .admin()
                .put_plan(&name, &document, &Condition::None)
                .await
                .unwrap();
            assert_eq!(
                put.quotas[0].time_zone.as_deref(),
                Some(zone),
                "counts are stored under this name"
            );

            let fresh = open().await;
            let plan = fresh.plan(&name, patient()).await.unwrap().unwrap();
            let day = "2026-11-22".parse().unwrap();
            let report = fresh
                .usage_at(&caller, Some(&plan), day, day, NOON, patient())
                .await
                .unwrap();
            assert_eq!(
                (report.quotas[0].used, report.quotas[0].remaining),
                (3, 12),
                "{zone} {other}"
            );
        }
    }
}
