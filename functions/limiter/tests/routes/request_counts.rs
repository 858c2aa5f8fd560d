//! The requests to DynamoDB that an administrator causes, as a proxy counts them.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testing::{Emulator, FaultProxy, Traffic};

use crate::support::{Api, unique};

/// Two full reads of an import, and half of one.
const KEYS: usize = 240;

/// The function on MiniStack, behind a proxy that counts.
struct World {
    api: Api,
    proxy: FaultProxy,
    _server: Emulator,
}

impl World {
    async fn new() -> Self {
        let (api, proxy, server) = Api::behind_proxy().await;
        Self {
            api,
            proxy,
            _server: server,
        }
    }

    /// Returns the outcome of a request, and what it made pass the proxy.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, Traffic) {
        let before = self.proxy.traffic();
        let outcome = work.await;
        (outcome, self.proxy.traffic().since(before))
    }

    async fn import(&self, plan: &str, file: &str) -> Value {
        let path = format!("/keys/import?plan={plan}");
        let call = self.api.call("POST", &path).body("text/csv", file);
        let imported = call.send().await;
        assert_eq!(imported.status, 200, "{imported:?}");
        imported.json()
    }
}

/// Returns a file of keys with names, with or without ids.
fn file(keys: usize, has_ids: bool) -> String {
    let mut file = String::from("Name,Key,KeyId\n");
    for key in 0..keys {
        let secret = unique("imported-secret-of-a-test");
        let key_id = match has_ids {
            true => unique("counted"),
            false => String::new(),
        };
        writeln!(file, "key {key},{secret},{key_id}").unwrap();
    }
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_imported_listed_and_exported_in_batches() {
    let world = World::new().await;
    let plan = world.api.plan(json!({})).await;
    let rows = file(KEYS, false);
    let key_count = u64::try_from(KEYS).unwrap();

    // The plan, 96 keys at once, and 48 per transaction, each with the last key of the plan and an
    // audit record.
    let (imported, traffic) = world.counted(world.import(&plan, &rows)).await;
    assert_eq!(imported["created"], key_count);
    let expected = Traffic {
        requests: 1 + 3 + 5,
        items_read: 1 + KEYS,
        items_written: KEYS + 5 * 2,
    };
    assert_eq!(traffic, expected);

    // The same file again reads the keys.
    let (imported, traffic) = world.counted(world.import(&plan, &rows)).await;
    assert_eq!(imported["unchanged"], key_count);
    let expected = Traffic {
        requests: 1 + 3,
        items_read: 1 + KEYS,
        items_written: 0,
    };
    assert_eq!(traffic, expected);

    // A page is a request to the index and one for its keys.
    let list = async {
        let (mut keys, mut cursor) = (0, String::new());
        loop {
            let path = format!("/keys?plan={plan}&limit=100{cursor}");
            let page = world.api.get(&path).await.json();
            keys += page["items"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return keys,
            }
        }
    };
    let (keys, traffic) = world.counted(list).await;
    let reads = |requests| Traffic {
        requests,
        items_read: KEYS,
        items_written: 0,
    };
    assert_eq!((keys, traffic), (KEYS, reads(3 * 2)));

    let path = format!("/keys/export?plan={plan}");
    let (exported, traffic) = world.counted(world.api.get(&path)).await;
    assert_eq!(exported.text.lines().count(), 1 + KEYS);
    assert_eq!(traffic, reads(1 + 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_deleted_keys_are_read_in_one_request() {
    let world = World::new().await;
    let plan = world.api.plan(json!({})).await;
    let rows = file(48, true);

    // The plan, the keys, the index for each id, the deleted keys, and one transaction, which also
    // claims each id.
    let (imported, traffic) = world.counted(world.import(&plan, &rows)).await;
    assert_eq!(imported["created"], 48);
    let expected = Traffic {
        requests: 1 + 1 + 48 + 1 + 1,
        items_read: 1 + 48 + 48,
        items_written: 2 * 48 + 2,
    };
    assert_eq!(traffic, expected);
}
