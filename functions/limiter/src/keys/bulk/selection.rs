//! The keys that a bulk change selects. Only their ids and hashes are kept, so that the memory of a
//! change does not depend on the size of the keys.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::{AdminError, KeyFilter, KeyPatch, ScannedKey, SelectedKey};

use crate::audit::changes::Changes;
use crate::key_search::KeySearch;
use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;

/// The most keys of one change.
const MAX_KEYS: usize = 10_000;
/// The keys whose changes a dry run shows.
const PREVIEWED_KEYS: usize = 20;
/// The time for which keys are searched.
const SEARCH_TIME: Duration = Duration::from_secs(12);

/// The keys that a filter selects, in a stable order.
pub(super) struct Selection {
    pub(super) keys: Vec<SelectedKey>,
    /// The number of keys that the change would change.
    pub(super) changing: usize,
    /// The first keys that the change would change.
    pub(super) preview: Vec<PreviewedKey>,
    /// A hash of the filter, and of each key as it is before and after the change.
    pub(super) token: String,
}

/// A key in the result of a dry run.
pub(super) struct PreviewedKey {
    pub(super) key_id: String,
    pub(super) changes: Changes,
}

impl Selection {
    /// Finds the keys that `filter` selects.
    ///
    /// # Errors
    /// 422 if there are too many, or the store's failure.
    pub(super) async fn find(
        request: &AdminRequest,
        filter: &KeyFilter,
        patch: &KeyPatch,
    ) -> Result<Self, Problem> {
        let (shared, now) = (&request.shared, request.now);
        let mut search = KeySearch::new(shared, filter, now, usize::MAX, SEARCH_TIME);
        let mut selection = Self {
            keys: Vec::new(),
            changing: 0,
            preview: Vec::new(),
            token: String::new(),
        };

        let mut after = None;
        loop {
            let found = search.step(after.as_deref()).await?;
            for key in &found.keys {
                selection.add(key, patch)?;
            }
            after = found.next;
            if after.is_none() {
                break;
            }
            if search.is_over() {
                return Err(too_wide("the selection takes too long"));
            }
        }
        selection.token = token(filter, &selection.keys);
        Ok(selection)
    }

    fn add(&mut self, key: &ScannedKey, patch: &KeyPatch) -> Result<(), Problem> {
        if self.keys.len() == MAX_KEYS {
            return Err(too_wide(&format!(
                "the filter selects more than {MAX_KEYS} keys"
            )));
        }
        let selected = SelectedKey::new(key, patch)
            .map_err(|error| Problem::of_read(AdminError::Registry(error), RESOURCE))?;

        let before = &key.stored.document;
        if selected.is_changing() {
            let after = before.clone().patched(patch);
            self.changing += 1;
            if self.preview.len() < PREVIEWED_KEYS {
                self.preview.push(PreviewedKey {
                    key_id: selected.key_id.clone(),
                    changes: Changes::of_key(Some(before), Some(&after)),
                });
            }
        }
        self.keys.push(selected);
        Ok(())
    }
}

fn too_wide(detail: &str) -> Problem {
    let detail = format!("{detail}, expected a narrower filter, for example with `plan`");
    Problem::invalid_body(vec![Mistake::at("/filter", detail)])
}

/// Returns the token of a selection. It protects against mistakes, not against administrators.
fn token(filter: &KeyFilter, keys: &[SelectedKey]) -> String {
    let mut hash = Context::new(&SHA256);
    // Strings, numbers and maps with string keys, so this cannot fail.
    hash.update(&serde_json::to_vec(filter).unwrap_or_default());
    for key in keys {
        // No id contains a zero byte, and the states have a fixed length.
        hash.update(b"\0");
        hash.update(key.key_id.as_bytes());
        hash.update(b"\0");
        for state in key.states() {
            hash.update(state);
        }
    }
    URL_SAFE_NO_PAD.encode(hash.finish())
}
