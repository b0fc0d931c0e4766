//! Names of large directories, remembered for who reads them page by page.
//!
//! To read and sort ten thousand names takes longer than all else that a page of a hundred costs. So they are kept with what the directory
//! looked like before they were read ([`Version`]), and given again only while it looks the same: whoever has changed it, this process or
//! another, has changed its date. A directory that was changed a moment ago is read each time, since its date may not tell a second
//! change from the first.

use std::collections::HashMap;

use super::calls::{Calls, Version};
use super::disk::{Disk, looking};
use crate::driver::{DriverError, StoragePath};
use crate::sync::{Arc, Mutex, lock};

/// How much memory names may take before all are forgotten, in bytes.
const REMEMBERED: usize = 16 << 20;

/// What a name takes beside its text.
const OVERHEAD: usize = size_of::<String>();

/// The names in a directory, sorted.
pub(super) type Names = Arc<[String]>;

#[derive(Debug, Default)]
pub(super) struct Listings(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    of: HashMap<StoragePath, (Version, Names)>,
    bytes: usize,
}

impl Listings {
    /// The names of a directory that looks so.
    fn get(&self, path: &StoragePath, version: Version) -> Option<Names> {
        let kept = lock(&self.0);
        let (known, names) = kept.of.get(path)?;
        (known.of == version.of).then(|| Arc::clone(names))
    }

    /// Remembers the names of a directory that looked so before they were read.
    fn keep(&self, path: &StoragePath, version: Version, names: &Names) {
        let size = |path: &StoragePath, names: &Names| {
            names.iter().fold(path.as_str().len(), |sum, name| sum + OVERHEAD + name.capacity())
        };
        let mut kept = lock(&self.0);
        if let Some((_, before)) = kept.of.remove(path) {
            kept.bytes -= size(path, &before);
        }
        let bytes = size(path, names);
        if !version.is_settled || bytes > REMEMBERED {
            return;
        }
        if kept.bytes + bytes > REMEMBERED {
            *kept = Kept::default();
        }
        kept.of.insert(path.clone(), (version, Arc::clone(names)));
        kept.bytes += bytes;
    }
}

impl<C: Calls> Disk<C> {
    /// What [`list`](Self::list) gives, perhaps remembered.
    pub(super) fn names(&self, path: &StoragePath) -> Result<Names, DriverError> {
        let Some(directory) = self.listed(path)? else { return Ok(Names::default()) };
        let version = self.calls.version(&directory).map_err(looking(path, "list"))?;
        if let Some(names) = version.and_then(|version| self.listings.get(path, version)) {
            return Ok(names);
        }
        let names = self.scan(path, &directory, |entry| Ok(entry.name.into_string().ok()))?.into();
        if let Some(version) = version {
            self.listings.keep(path, version, &names);
        }
        Ok(names)
    }

    /// The same, if they are remembered and nobody must wait for that to be known.
    pub(super) fn names_at_hand(&self, path: &StoragePath) -> Option<Names> {
        let directory = self.directory_at_hand(path)?;
        self.listings.get(path, self.calls.version(&directory).ok()??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> StoragePath {
        StoragePath::new(text).unwrap()
    }

    fn version(date: i64, is_settled: bool) -> Version {
        Version { of: [1, 2, date, 0, date, 0], is_settled }
    }

    #[test]
    fn names_are_remembered_while_the_directory_looks_the_same() {
        let listings = Listings::default();
        let [old, new]: [Names; 2] = [["a"], ["b"]].map(|names| names.map(str::to_owned).into());
        listings.keep(&at("/a"), version(1, false), &old);
        assert_eq!(listings.get(&at("/a"), version(1, false)), None, "it may change and look the same");
        listings.keep(&at("/a"), version(1, true), &old);
        assert_eq!(listings.get(&at("/a"), version(1, true)), Some(old));
        assert_eq!(listings.get(&at("/a"), version(2, true)), None);
        assert_eq!(listings.get(&at("/b"), version(1, true)), None);
        listings.keep(&at("/a"), version(2, true), &new);
        assert_eq!(listings.get(&at("/a"), version(2, true)), Some(new.clone()));
        // Changed a moment ago: what was known before is of no use.
        listings.keep(&at("/a"), version(3, false), &new);
        assert_eq!(listings.get(&at("/a"), version(2, true)), None);
        assert_eq!(lock(&listings.0).bytes, 0);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let listings = Listings::default();
        let names = |count: usize| -> Names { (0..count).map(|n| format!("{n:0>100}")).collect() };
        let all = REMEMBERED / (100 + OVERHEAD);
        for (path, count) in [("/a", all / 2), ("/b", all / 2), ("/c", all / 2), ("/d", all + 1)] {
            listings.keep(&at(path), version(1, true), &names(count));
            assert!(lock(&listings.0).bytes <= REMEMBERED);
        }
        let known = ["/a", "/b", "/c", "/d"].map(|path| listings.get(&at(path), version(1, true)).is_some());
        assert_eq!(known, [false, false, true, false]);
    }
}
