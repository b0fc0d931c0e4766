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

/// A need, and which one it was: another may come while this one is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unmet {
    pub(super) place: StoragePath,
    pub(super) need: Need,
    pub(super) since: u64,
}

#[derive(Debug, Default)]
pub(super) struct Unfinished {
    // Read before every call; in almost every process it is never set.
    is_any: AtomicBool,
    needs: Mutex<Needs>,
}

#[derive(Debug, Default)]
struct Needs {
    of: HashMap<StoragePath, (Need, u64)>,
    count: u64,
}

impl Unfinished {
    pub(super) fn add(&self, place: StoragePath, need: Need) {
        let mut needs = lock(&self.needs);
        needs.count += 1;
        let since = needs.count;
        needs.of.insert(place, (need, since));
        self.is_any.store(true, Ordering::Release);
    }

    /// The need of a place that it has had `since` then is met. A newer one is not.
    pub(super) fn done(&self, place: &StoragePath, since: u64) {
        let mut needs = lock(&self.needs);
        if needs.of.get(place).is_some_and(|(_, newest)| *newest == since) {
            needs.of.remove(place);
        }
        self.is_any.store(!needs.of.is_empty(), Ordering::Release);
    }

    /// Whether anything must be put right anywhere.
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// What must be put right before anything is told of `path`: itself, and the directories above it.
    pub(super) fn above(&self, path: &StoragePath) -> Vec<Unmet> {
        if !self.is_any() {
            return Vec::new();
        }
        let is_above = |place: &StoragePath| {
            let below = path.as_str().strip_prefix(place.as_str());
            place.is_root() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let needs = lock(&self.needs);
        let above = needs.of.iter().filter(|(place, _)| is_above(place));
        above.map(|(place, (need, since))| Unmet { place: place.clone(), need: *need, since: *since }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_that_came_while_an_older_one_was_met_stays() {
        let unfinished = Unfinished::default();
        let [place, below] = ["/a", "/a/b"].map(|text| StoragePath::new(text).unwrap());
        unfinished.add(place.clone(), Need::Sync);
        let older = unfinished.above(&below).pop().unwrap();
        unfinished.add(place.clone(), Need::Sync);
        unfinished.done(&place, older.since);
        let newer = unfinished.above(&below).pop().expect("the newer need is met by nobody");
        unfinished.done(&place, newer.since);
        assert_eq!(unfinished.above(&below), []);
    }
}
