//! Reports on the usage of all keys, compared with the numbers that docs/guides/billing.md states.

use limits::Caller;
use store::Call;
use testing::stores::{patient, plan};

use super::rows::print_requests;
use super::world::{PLAN, World};
use super::{KEYS, PAGE};

const REQUESTS_OF_PAGES: usize = 450;
const REQUESTS_OF_ORDER: usize = 230;

pub(crate) async fn print(world: &World) {
    charge_each_key(world).await;

    let pages = world.measure(all_pages(world)).await;
    print_requests("usage, page by page", &pages, REQUESTS_OF_PAGES);
    let top = world.measure(most_calls(world)).await;
    print_requests("10 keys with the most calls", &top, REQUESTS_OF_ORDER);
}

async fn charge_each_key(world: &World) {
    let plan = plan("{}");
    for key_id in key_ids(world).await {
        let call = Call {
            caller: &Caller::Key(key_id),
            group: None,
            plan: &plan,
            route: None,
            cost: 1,
            deadline: patient(),
        };
        let decision = world.store.charge(&call).await.expect("a decision");
        assert!(!decision.degraded);
    }
}

async fn key_ids(world: &World) -> Vec<String> {
    let (mut ids, mut after) = (Vec::with_capacity(KEYS), None);
    loop {
        let admin = world.store.admin();
        let page = admin.keys(Some(PLAN), after.as_deref(), 1000).await;
        let page = page.expect("a page");
        let found = page.items.into_iter();
        ids.extend(found.map(|found| found.document.key.key_id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn all_pages(world: &World) {
    let (mut rows, mut calls, mut cursor) = (0, 0, String::new());
    loop {
        let page = world.get("/usage", &format!("limit={PAGE}{cursor}")).await;
        for row in page["items"].as_array().expect("rows") {
            // The store also has a few keys of other plans.
            if row["plan"] == PLAN {
                rows += 1;
                calls += row["calls"].as_u64().expect("a count");
            }
        }

        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((rows, calls), (KEYS, KEYS as u64), "every key has its call");
}

async fn most_calls(world: &World) {
    let query = format!("order=calls&limit=10&plan={PLAN}");
    let page = world.get("/usage", &query).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(10));
}
