//! The grants of a caller in memory, by window.

use limits::{GrantId, GrantList, ListedGrant, Nanos, Revocation, Window, WindowId};

/// The lists of windows that are not over.
#[derive(Debug, Default)]
pub(crate) struct GrantLists {
    lists: Vec<(Window, GrantList)>,
}

impl GrantLists {
    /// Adds a grant, and removes the lists of windows that are over.
    pub(crate) fn add(&mut self, window: &Window, grant: ListedGrant, now: Nanos) {
        self.lists.retain(|(known, _)| known.end > now);
        match self.of_mut(window.id) {
            Some(list) => list.add(grant),
            None => {
                let mut list = GrantList::default();
                list.add(grant);
                self.lists.push((*window, list));
            }
        }
    }

    /// Returns the grants of a window.
    pub(crate) fn of(&self, window: WindowId) -> GrantList {
        let found = self.lists.iter().find(|(known, _)| known.id == window);
        found.map_or_else(GrantList::default, |(_, list)| list.clone())
    }

    /// Records that a grant was revoked.
    pub(crate) fn revoke(&mut self, window: WindowId, id: GrantId, revocation: Revocation) {
        if let Some(list) = self.of_mut(window) {
            list.revoke(id, revocation);
        }
    }

    fn of_mut(&mut self, window: WindowId) -> Option<&mut GrantList> {
        let mut lists = self.lists.iter_mut();
        lists
            .find(|(known, _)| known.id == window)
            .map(|(_, list)| list)
    }
}
