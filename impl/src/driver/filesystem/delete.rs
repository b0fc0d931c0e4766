//! Removing: at once as far as anybody sees, and bit by bit afterwards.
//!
//! A directory is first moved aside, so that nobody sees half of it; what a crash leaves of it is cleared away later.

use super::calls::{Calls, Errno, Listed, Opening, Status};
use super::disk::{Disk, acting, is_temporary, looking, not_found, temporary_name};
use crate::driver::{DriverError, Kind, StoragePath};
use crate::sync::{Ordering, PoisonError};

/// Where what is deleted waits to be removed: a directory in the root, under a name of ours.
struct Aside<C: Calls> {
    root: C::Handle,
    directory: C::Handle,
    name: String,
    count: u64,
}

impl<C: Calls> Disk<C> {
    pub(super) fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        if self.delete_each(std::slice::from_ref(path))? > 0 { Ok(()) } else { Err(not_found(path)) }
    }

    /// Deletes what is there of these, and says how many that was. A directory that several stand in, one after the other, is synced
    /// once.
    pub(super) fn delete_each(&self, paths: &[StoragePath]) -> Result<u64, DriverError> {
        let mut aside = None;
        let mut count = 0;
        let mut deleted = Ok(());
        let mut unsynced: Option<(C::Handle, &StoragePath)> = None;
        for path in paths {
            match self.take_out(path, &mut aside) {
                Ok(directory) => {
                    let before = unsynced.replace((directory, path));
                    let left = before.filter(|(_, before)| before.parent() != path.parent());
                    deleted = left.map_or(Ok(()), |(directory, before)| self.sync_deleted(&directory, before));
                    count += 1;
                }
                Err(DriverError::NotFound { .. }) => {}
                Err(error) => deleted = Err(error),
            }
            if deleted.is_err() {
                break;
            }
        }
        // However far it came: what is gone already must stay so.
        let synced = unsynced.map_or(Ok(()), |(directory, path)| self.sync_deleted(&directory, path));
        if let Some(Aside { root, name, .. }) = aside {
            let removed = self.calls.remove_tree(&root, name.as_ref());
            deleted.and(synced)?;
            removed.map_err(acting(&paths[0], "delete"))?;
            self.clear_leftovers();
            return Ok(count);
        }
        deleted.and(synced).map(|()| count)
    }

    fn sync_deleted(&self, directory: &C::Handle, path: &StoragePath) -> Result<(), DriverError> {
        self.sync_names(directory, path).map_err(acting(path, "delete"))
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
        let _exclusive = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        self.put_right(path, "delete")?;
        let (directory, status) = self.standing(path)?;
        self.confirmed.forget(path);
        let taken = if status.kind == Kind::Directory {
            self.durable.forget(path);
            self.move_aside(&directory, path, aside)
        } else {
            self.calls.unlink(&directory, path.file_name().as_ref())
        };
        taken.map_err(looking(path, "delete"))?;
        Ok(directory)
    }

    /// What is to be deleted, and the directory it stands in.
    fn standing(&self, path: &StoragePath) -> Result<(C::Handle, Status), DriverError> {
        let directory = self.directory_of(path, "delete")?;
        let status = self.look(&directory, path, "delete")?.ok_or_else(|| not_found(path))?;
        Ok((directory, status))
    }

    /// Moves a directory aside. If another disk is mounted below the root, it is removed where it stands.
    fn move_aside(&self, directory: &C::Handle, path: &StoragePath, aside: &mut Option<Aside<C>>) -> Result<(), Errno> {
        let aside = match aside {
            Some(aside) => aside,
            None => aside.insert(self.make_aside()?),
        };
        aside.count += 1;
        match self.calls.rename(directory, path.file_name(), &aside.directory, &aside.count.to_string()) {
            Err(Errno::XDEV) => self.calls.remove_tree(directory, path.file_name().as_ref()),
            moved => moved,
        }
    }

    fn make_aside(&self) -> Result<Aside<C>, Errno> {
        let root = self.calls.root()?;
        loop {
            let name = temporary_name();
            match self.calls.make_directory(&root, &name) {
                Err(Errno::EXIST) => continue,
                made => made?,
            }
            let directory = self.calls.open(&root, name.as_ref(), Opening::Directory)?;
            return Ok(Aside { root, directory, name, count: 0 });
        }
    }

    /// Clears away, once, what an earlier process had moved aside and not yet removed. Whatever stands aside is garbage,
    /// whoever put it there; so failures are left to the next process.
    fn clear_leftovers(&self) {
        if self.cleared.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let Ok(root) = self.calls.root() else { return };
        for Listed { name, kind } in self.calls.entries(&root).unwrap_or_default() {
            if is_temporary(&name) && kind.is_none_or(|kind| kind == Kind::Directory) {
                let _ = self.calls.remove_tree(&root, &name);
            }
        }
    }
}
