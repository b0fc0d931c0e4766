//! Removing: at once as far as anybody sees, and bit by bit afterwards.
//!
//! A directory is first moved aside, so that nobody sees half of it; what a crash leaves of it is cleared away later.

use super::calls::{Calls, Errno, Listed, Status};
use super::disk::{Disk, acting, is_temporary, looking, not_found, temporary_name};
use crate::driver::{DriverError, Kind, StoragePath};
use crate::sync::{Ordering, PoisonError};

impl<C: Calls> Disk<C> {
    pub(super) fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        if path.is_root() {
            return Err(DriverError::InvalidPath { path: path.as_str().to_owned() });
        }
        let failed = acting(path, "delete");
        self.catch_up().map_err(&failed)?;
        // What is not there is not waited for.
        self.put_right(path, "delete")?;
        self.standing(path)?;
        let exclusive = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        self.put_right(path, "delete")?;
        let (directory, status) = self.standing(path)?;
        self.confirmed.forget(path);
        let aside = if status.kind == Kind::Directory {
            self.durable.forget(path);
            self.move_aside(&directory, path).map_err(looking(path, "delete"))?
        } else {
            self.calls.unlink(&directory, path.file_name().as_ref()).map_err(looking(path, "delete"))?;
            None
        };
        drop(exclusive);
        // Nobody has to wait for this.
        self.sync_names(&directory, path).map_err(&failed)?;
        if status.kind == Kind::Directory {
            match &aside {
                Some((root, aside)) => self.calls.remove_tree(root, aside.as_ref()),
                None => self.calls.remove_tree(&directory, path.file_name().as_ref()),
            }
            .map_err(failed)?;
            self.clear_leftovers();
        }
        Ok(())
    }

    /// What is to be deleted, and the directory it stands in.
    fn standing(&self, path: &StoragePath) -> Result<(C::Handle, Status), DriverError> {
        let directory = self.directory_of(path, "delete")?;
        let status = self.look(&directory, path, "delete")?.ok_or_else(|| not_found(path))?;
        Ok((directory, status))
    }

    /// Takes a directory out of sight at once, and says where it is now: in the root, under a name of ours. Nowhere, if another disk
    /// is mounted below the root: then it is removed where it stands.
    fn move_aside(&self, directory: &C::Handle, path: &StoragePath) -> Result<Option<(C::Handle, String)>, Errno> {
        let root = self.calls.root()?;
        // It may move onto an empty directory only, so each attempt makes one: the name is then ours.
        loop {
            let aside = temporary_name();
            match self.calls.make_directory(&root, &aside) {
                Err(Errno::EXIST) => continue,
                result => result?,
            }
            return match self.calls.rename(directory, path.file_name(), &root, &aside) {
                Ok(()) => Ok(Some((root, aside))),
                Err(error) => {
                    let _ = self.calls.remove_directory(&root, aside.as_ref());
                    if error == Errno::XDEV { Ok(None) } else { Err(error) }
                }
            };
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
