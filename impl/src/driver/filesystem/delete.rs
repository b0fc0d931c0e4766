//! Removing: at once as far as anybody sees, and bit by bit afterwards.
//!
//! A directory is first moved aside, so that nobody sees half of it; what a crash leaves of it is cleared away later.

use std::ffi::OsString;

use super::calls::{Calls, Errno, Listed, Opening, Status};
use super::disk::{Disk, acting, is_temporary, looking, not_found, temporary_name};
use super::together::Since;
use crate::driver::{DriverError, Kind, StoragePath};
use crate::sync::{AtomicBool, Ordering, PoisonError, lock};

/// How many directories are open at once, at most, until they are synced.
const OPEN_AT_ONCE: usize = 128;

/// Where what is deleted waits to be removed: a directory in the root, under a name of ours.
struct Aside<C: Calls> {
    root: C::Handle,
    directory: C::Handle,
    name: String,
    count: u64,
}

impl<C: Calls> Disk<C> {
    pub(super) fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        let always = AtomicBool::new(true);
        if self.delete_each(std::slice::from_ref(path), &always)? > 0 { Ok(()) } else { Err(not_found(path)) }
    }

    /// Deletes what is there of these, and says how many that was. The directories they stand in are synced together. It stops between
    /// two as soon as it `is_wanted` no more.
    pub(super) fn delete_each(&self, paths: &[StoragePath], is_wanted: &AtomicBool) -> Result<u64, DriverError> {
        let mut aside = None;
        let mut count = 0;
        let mut deleted = Ok(());
        let mut unsynced: Vec<(C::Handle, &StoragePath)> = Vec::new();
        let since = self.together.since();
        for path in paths {
            match self.take_out(path, &mut aside) {
                Ok(directory) => {
                    if unsynced.last().is_none_or(|(_, before)| before.parent() != path.parent()) {
                        unsynced.push((directory, path));
                    }
                    if unsynced.len() == OPEN_AT_ONCE {
                        deleted = self.sync_deleted(since, &std::mem::take(&mut unsynced));
                    }
                    count += 1;
                }
                Err(DriverError::NotFound { .. }) => {}
                Err(error) => deleted = Err(error),
            }
            if deleted.is_err() || !is_wanted.load(Ordering::Acquire) {
                break;
            }
        }
        // However far it came: what is gone already must stay so.
        let synced = self.sync_deleted(since, &unsynced);
        if let Some(Aside { root, name, .. }) = aside {
            let removed = self.calls.remove_tree(&root, name.as_ref());
            deleted.and(synced)?;
            removed.map_err(acting(&paths[0], "delete"))?;
            self.clear_leftovers();
            return Ok(count);
        }
        deleted.and(synced).map(|()| count)
    }

    fn sync_deleted(&self, since: Since, unsynced: &[(C::Handle, &StoragePath)]) -> Result<(), DriverError> {
        let Some((_, first)) = unsynced.first() else { return Ok(()) };
        let (directories, paths): (Vec<_>, Vec<_>) = unsynced.iter().map(|(handle, path)| (handle, *path)).unzip();
        self.sync_names(since, &directories, &paths).map_err(acting(first, "delete"))
    }

    /// Takes something out of sight at once, and says which directory it stood in. Nobody has to wait for the rest.
    fn take_out(&self, path: &StoragePath, aside: &mut Option<Aside<C>>) -> Result<C::Handle, DriverError> {
        if path.is_root() {
            return Err(DriverError::InvalidPath { path: path.as_str().to_owned() });
        }
        self.catch_up().map_err(acting(path, "delete"))?;
        // What is not there is not waited for.
        self.put_right(path, "delete")?;
        self.standing(path)?;
        let exclusive = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        self.put_right(path, "delete")?;
        let (directory, status) = self.standing(path)?;
        self.confirmed.forget(path);
        let is_gone = if status.kind == Kind::Directory {
            self.durable.forget(path);
            self.move_aside(&directory, path, aside)
        } else {
            self.calls.unlink(&directory, path.file_name().as_ref()).map(|()| true)
        };
        let is_gone = is_gone.map_err(looking(path, "delete"))?;
        drop(exclusive);
        if !is_gone {
            self.calls.remove_tree(&directory, path.file_name().as_ref()).map_err(acting(path, "delete"))?;
        }
        Ok(directory)
    }

    /// What is to be deleted, and the directory it stands in.
    fn standing(&self, path: &StoragePath) -> Result<(C::Handle, Status), DriverError> {
        let directory = self.directory_of(path, "delete")?;
        let status = self.look(&directory, path, "delete")?.ok_or_else(|| not_found(path))?;
        Ok((directory, status))
    }

    /// Moves a directory aside, and says whether that could be done. If another disk is mounted below the root, it must be removed where
    /// it stands.
    fn move_aside(
        &self,
        directory: &C::Handle,
        path: &StoragePath,
        aside: &mut Option<Aside<C>>,
    ) -> Result<bool, Errno> {
        let aside = match aside {
            Some(aside) => aside,
            None => aside.insert(self.make_aside()?),
        };
        aside.count += 1;
        match self.calls.rename(directory, path.file_name(), &aside.directory, &aside.count.to_string()) {
            Err(Errno::XDEV) => Ok(false),
            moved => moved.map(|()| true),
        }
    }

    /// The caller holds the tree alone.
    fn make_aside(&self) -> Result<Aside<C>, Errno> {
        let root = self.calls.root()?;
        // Before the first one of this process, so that none of those is among them.
        lock(&self.leftovers).get_or_insert_with(|| self.asides(&root));
        loop {
            let name = temporary_name();
            match self.calls.make_directory(&root, &name) {
                Err(Errno::EXIST) => continue,
                made => made?,
            }
            return match self.calls.open(&root, name.as_ref(), Opening::Directory) {
                Ok(directory) => Ok(Aside { root, directory, name, count: 0 }),
                Err(error) => {
                    let _ = self.calls.remove_directory(&root, name.as_ref());
                    Err(error)
                }
            };
        }
    }

    /// The names of what stands aside.
    fn asides(&self, root: &C::Handle) -> Vec<OsString> {
        let is_aside =
            |Listed { name, kind }: &Listed| is_temporary(name) && kind.is_none_or(|kind| kind == Kind::Directory);
        let entries = self.calls.entries(root).unwrap_or_default().into_iter();
        entries.filter(is_aside).map(|entry| entry.name).collect()
    }

    /// Clears away, once, what an earlier process had moved aside and not yet removed. That is garbage, whoever put it there; so
    /// failures are left to the next process.
    fn clear_leftovers(&self) {
        let leftovers = lock(&self.leftovers).as_mut().map(std::mem::take).unwrap_or_default();
        if leftovers.is_empty() {
            return;
        }
        let Ok(root) = self.calls.root() else { return };
        for name in leftovers {
            let _ = self.calls.remove_tree(&root, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::System;
    use super::*;

    #[test]
    fn what_this_process_has_moved_aside_is_never_taken_for_what_another_has_left() {
        let root = tempfile::tempdir().unwrap();
        let left = root.path().join(".tmp-left/below");
        fs::create_dir_all(&left).unwrap();
        let disk = Disk::new(System::new(root.path().to_owned(), false), false, None);
        let path = StoragePath::new("/a/b").unwrap();
        disk.write(&path, "content".into()).unwrap();
        let (first, second) = (disk.make_aside().unwrap(), disk.make_aside().unwrap());
        // One deletion is done, another is on its way.
        disk.clear_leftovers();
        assert!(!left.exists());
        for aside in [&first, &second] {
            assert!(root.path().join(&aside.name).is_dir());
        }
        let mut aside = Some(second);
        disk.take_out(&path.parent().unwrap(), &mut aside).unwrap();
        assert!(disk.read(&path, 9).unwrap_err().is_not_found());
    }
}
