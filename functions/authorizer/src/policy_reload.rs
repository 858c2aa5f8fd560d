//! A policy in the registry, with the state of its reloads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use policy::PolicyName;
use registry::ReloadSchedule;

/// A policy in the registry, with the state of its reloads.
pub(crate) struct PolicyReload {
    pub(crate) source: PolicyName,
    pub(crate) schedule: ReloadSchedule,
    loaded: Mutex<LoadedText>,
}

/// The texts that were loaded last.
#[derive(Default)]
pub(crate) struct LoadedText {
    pub(crate) text: String,
    /// The text of the candidate, if there is one.
    pub(crate) candidate: Option<String>,
}

impl PolicyReload {
    pub(crate) fn new(source: PolicyName) -> Self {
        Self {
            source,
            schedule: ReloadSchedule::default(),
            loaded: Mutex::default(),
        }
    }

    pub(crate) fn loaded(&self) -> MutexGuard<'_, LoadedText> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
