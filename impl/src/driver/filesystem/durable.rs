//! Places that are known to survive a crash: directories, and files that have come to stand where they are.
//!
//! A file survives only if every directory above it does, and a name only once the directory it stands in was made durable. Whoever
//! finds a name there cannot tell whether that has happened: another call may have put it there a moment ago, or a process
//! that was killed. So it is made durable once by this process, and remembered.

use std::collections::BTreeSet;

use super::calls::Errno;
use crate::driver::StoragePath;
use crate::sync::{Mutex, MutexGuard, lock};

/// How many places are remembered before all are forgotten again. About 10 MiB of paths.
const REMEMBERED: usize = 1 << 16;

/// A directory is remembered only when all above it are: whoever knows one knows the whole way.
#[derive(Debug, Default)]
pub(super) struct DurablePlaces(Mutex<BTreeSet<String>>);

impl DurablePlaces {
    /// Makes sure that this place stays in its directory, which `sync` makes durable. `fresh`: it was made just now,
    /// so it was not durable.
    pub(super) fn ensure(
        &self,
        place: &StoragePath,
        fresh: bool,
        sync: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if fresh || !self.knows(place) {
            sync()?;
            self.remember(place);
        }
        Ok(())
    }

    pub(super) fn knows(&self, place: &StoragePath) -> bool {
        self.known().contains(place.as_str())
    }

    pub(super) fn remember(&self, place: &StoragePath) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(place.as_str().to_owned());
    }

    /// Forgets a place that is gone, and all below it.
    pub(super) fn forget(&self, place: &StoragePath) {
        let mut known = self.known();
        known.remove(place.as_str());
        // After a slash comes a zero.
        let (from, to) = (format!("{place}/"), format!("{place}0"));
        let below: Vec<String> = known.range(from..to).cloned().collect();
        for place in below {
            known.remove(&place);
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<String>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_forgotten_with_all_below_it_and_with_nothing_beside_it() {
        let durable = DurablePlaces::default();
        let places = ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b-c", "/a/b0", "/a/bc"]
            .map(|text| StoragePath::new(text).unwrap());
        places.iter().for_each(|place| durable.remember(place));
        durable.forget(&places[1]);
        let known: Vec<bool> = places.iter().map(|place| durable.knows(place)).collect();
        assert_eq!(known, [true, false, false, false, true, true, true]);
    }
}
