//! What could not be made durable, and is there all the same.
//!
//! When a sync fails, the system may forget what it could not write and say nothing of it at the next sync. Whoever looks then
//! would take what is there for durable, and acknowledge it. So such a place is remembered until it was put right: a directory
//! until it was synced, a file until it was cut to what is known to be durable. Before that nothing is told of it.

use std::collections::HashMap;

use crate::driver::StoragePath;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// What a place needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The directory must be synced.
    Sync,
    /// The file must be cut to so many bytes.
    Cut(u64),
}

#[derive(Debug, Default)]
pub(super) struct Unfinished {
    // Read before every call; in almost every process it is never set.
    is_any: AtomicBool,
    needs: Mutex<HashMap<StoragePath, Need>>,
}

impl Unfinished {
    pub(super) fn add(&self, place: StoragePath, need: Need) {
        lock(&self.needs).insert(place, need);
        self.is_any.store(true, Ordering::Release);
    }

    pub(super) fn done(&self, place: &StoragePath) {
        let mut needs = lock(&self.needs);
        needs.remove(place);
        self.is_any.store(!needs.is_empty(), Ordering::Release);
    }

    /// What must be put right before anything is told of `path`: itself, and the directories above it.
    pub(super) fn above(&self, path: &StoragePath) -> Vec<(StoragePath, Need)> {
        if !self.is_any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let is_above = |place: &StoragePath| {
            let below = path.as_str().strip_prefix(place.as_str());
            place.is_root() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let needs = lock(&self.needs);
        needs.iter().filter(|(place, _)| is_above(place)).map(|(place, need)| (place.clone(), *need)).collect()
    }
}
