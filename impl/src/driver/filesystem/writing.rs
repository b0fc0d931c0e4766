//! Putting files there: all under temporary names first, then step by step into their places.
//!
//! A file that replaces another must hold its bytes before it is moved there, and every directory above it must stay. So these are made
//! durable together, whatever their number; after that each step is one sync more. See [`together`](super::together) for how
//! calls that run beside each other share them.

use bytes::Bytes;

use super::calls::{Calls, Errno, Opening, Status};
use super::disk::{Disk, acting};
use super::together::Since;
use crate::driver::{DriverError, Kind, StoragePath};
use crate::sync::{AtomicBool, Ordering};

/// Directories that hold something new, each with the places in it that stay once it was synced.
struct Unsettled<C: Calls> {
    directories: Vec<(StoragePath, C::Handle, Vec<StoragePath>)>,
    since: Since,
}

impl<C: Calls> Unsettled<C> {
    /// What is not fresh was made by another call, whenever that was.
    fn add(&mut self, directory: &StoragePath, handle: C::Handle, place: &StoragePath, is_fresh: bool) {
        if !is_fresh {
            self.since = Since::EVER;
        }
        match self.directories.iter_mut().find(|(known, ..)| known == directory) {
            // Another file of the same call came this way.
            Some((.., places)) if places.contains(place) => {}
            Some((.., places)) => places.push(place.clone()),
            None => self.directories.push((directory.clone(), handle, vec![place.clone()])),
        }
    }
}

/// A file on its way to its place.
struct Part<'a, C: Calls> {
    path: &'a StoragePath,
    directory: C::Handle,
    temporary: String,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Aside,
    Visible,
    Durable,
}

impl<C: Calls> Disk<C> {
    /// Puts one file there.
    pub(super) fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.write_steps(&[vec![(path.clone(), content)]], &AtomicBool::new(true))
    }

    /// Puts files there, each step durable before anything of the next can be seen. It goes no step further as soon as it `is_wanted` no
    /// more.
    pub(super) fn write_steps(
        &self,
        steps: &[Vec<(StoragePath, Bytes)>],
        is_wanted: &AtomicBool,
    ) -> Result<(), DriverError> {
        let _shared = self.sharing_tree();
        let mut parts = Vec::new();
        let written = self.write_parts(steps, is_wanted, &mut parts);
        if written.is_err() {
            for Part { path, directory, temporary, stage, .. } in &parts {
                match stage {
                    // Best effort: a leftover is invisible.
                    Stage::Aside => drop(self.calls.unlink(directory, temporary.as_ref())),
                    Stage::Visible => self.doubt_names(path),
                    Stage::Durable => {}
                }
            }
        }
        written
    }

    fn write_parts<'a>(
        &self,
        steps: &'a [Vec<(StoragePath, Bytes)>],
        is_wanted: &AtomicBool,
        parts: &mut Vec<Part<'a, C>>,
    ) -> Result<(), DriverError> {
        let Some((first, _)) = steps.iter().flatten().next() else { return Ok(()) };
        let mut unsettled = self.unsettled();
        let mut files = Vec::new();
        for (path, content) in steps.iter().flatten() {
            let failed = acting(path, "write");
            self.put_right(path, "write")?;
            let directory = self.enter(path, "write", &mut unsettled)?;
            let (temporary, file) = self.create_temporary(&directory).map_err(&failed)?;
            parts.push(Part { path, directory, temporary, stage: Stage::Aside });
            self.calls.write_all(&file, content).and_then(|()| self.date(&file)).map_err(failed)?;
            files.push(file);
        }
        self.settle(unsettled, &files).map_err(acting(first, "write"))?;
        // A push that waits for its steps keeps no more open than it needs.
        drop(files);
        let mut rest = &mut parts[..];
        for step in steps {
            if !is_wanted.load(Ordering::Acquire) {
                return Err(acting(first, "write")(Errno::CANCELED));
            }
            let (parts, later) = rest.split_at_mut(step.len());
            rest = later;
            let since = self.together.since();
            for part in &mut *parts {
                let moved = self.calls.rename(&part.directory, &part.temporary, &part.directory, part.path.file_name());
                moved.map_err(acting(part.path, "write"))?;
                part.stage = Stage::Visible;
            }
            let Some(part) = parts.first() else { continue };
            let directories: Vec<_> = parts.iter().map(|part| &part.directory).collect();
            self.sync_each(since, &directories).map_err(acting(part.path, "write"))?;
            for part in parts {
                part.stage = Stage::Durable;
                self.confirmed.remember(part.path);
            }
        }
        Ok(())
    }

    /// Makes the directories above `path`, durable if asked for, and makes sure that a file can be put there.
    /// Answers the directory.
    pub(super) fn prepare(&self, path: &StoragePath, operation: &'static str) -> Result<C::Handle, DriverError> {
        let mut unsettled = self.unsettled();
        let directory = self.enter(path, operation, &mut unsettled)?;
        self.settle(unsettled, &[]).map_err(acting(path, operation))?;
        Ok(directory)
    }

    /// [`prepare`](Self::prepare), but for making anything durable.
    fn enter(
        &self,
        path: &StoragePath,
        operation: &'static str,
        unsettled: &mut Unsettled<C>,
    ) -> Result<C::Handle, DriverError> {
        let failed = acting(path, operation);
        let Some(parent) = path.parent() else { return Err(failed(Errno::ISDIR)) };
        let root = self.ensure_root().map_err(&failed)?;
        let (nearest, missing) = self.nearest(root, &parent);
        let (directory, is_fresh) = match missing {
            0 => (nearest, false),
            _ => self.make(nearest, &parent, missing, path, operation, unsettled)?,
        };
        if is_fresh {
            return Ok(directory);
        }
        match self.look(&directory, path, operation)? {
            Some(Status { kind: Kind::Directory, .. }) => Err(failed(Errno::ISDIR)),
            _ => Ok(directory),
        }
    }

    /// The directory, or the nearest one above it, that is there and for which nothing must be done; and how many are missing below that.
    /// In most calls none is.
    fn nearest(&self, root: C::Handle, directory: &StoragePath) -> (C::Handle, usize) {
        let mut missing = 0;
        let mut place = Some(directory.clone());
        while let Some(at) = place.filter(|place| !place.is_root()) {
            if (!self.fsync || self.durable.knows(&at))
                && let Ok(opened) = self.below(&root, &at, Opening::Directory)
            {
                return (opened, missing);
            }
            missing += 1;
            place = at.parent();
        }
        (root, missing)
    }

    /// Makes the last `missing` parts of `directory`, below what is open. Also says whether the last one was made just now.
    fn make(
        &self,
        nearest: C::Handle,
        directory: &StoragePath,
        missing: usize,
        path: &StoragePath,
        operation: &'static str,
        unsettled: &mut Unsettled<C>,
    ) -> Result<(C::Handle, bool), DriverError> {
        let failed = |error: Errno| match error {
            Errno::LOOP => DriverError::SymbolicLink { path: path.clone() },
            error => acting(path, operation)(error),
        };
        let mut at = nearest;
        let mut is_fresh = false;
        let mut above = StoragePath::root();
        let there = directory.components().count() - missing;
        for (index, name) in directory.components().enumerate() {
            let place = above.join(name)?;
            if index >= there {
                is_fresh = match self.calls.make_directory(&at, name) {
                    Ok(()) => true,
                    Err(Errno::EXIST) => false,
                    Err(error) => return Err(failed(error)),
                };
                let next = self.calls.open(&at, name.as_ref(), Opening::Directory).map_err(failed)?;
                let parent = std::mem::replace(&mut at, next);
                if self.fsync && (is_fresh || !self.durable.knows(&place)) {
                    unsettled.add(&above, parent, &place, is_fresh);
                }
            }
            above = place;
        }
        Ok((at, is_fresh))
    }

    fn unsettled(&self) -> Unsettled<C> {
        Unsettled { directories: Vec::new(), since: self.together.since() }
    }

    /// Makes these directories durable, and files that were written since they were begun.
    fn settle(&self, unsettled: Unsettled<C>, files: &[C::Handle]) -> Result<(), Errno> {
        let Unsettled { directories, since } = unsettled;
        let handles = directories.iter().map(|(_, handle, _)| handle).chain(files);
        self.sync_each(since, &handles.collect::<Vec<_>>())?;
        directories.iter().flat_map(|(.., places)| places).for_each(|place| self.durable.remember(place));
        Ok(())
    }

    /// Makes all of these durable as far as they were changed `since` then: alone, or together with others.
    pub(super) fn sync_each(&self, since: Since, handles: &[&C::Handle]) -> Result<(), Errno> {
        if !self.fsync || handles.is_empty() {
            return Ok(());
        }
        let (now, syncs) = (|| self.calls.now(), u32::try_from(handles.len()).unwrap_or(u32::MAX));
        let sync = || self.calls.sync_together(&self.calls.root()?);
        let are_reached = handles.iter().all(|handle| self.calls.is_reached(handle));
        if are_reached && self.together.wait(since, syncs, now, sync) {
            return Ok(());
        }
        let begun = now();
        handles.iter().try_for_each(|handle| self.calls.sync(handle))?;
        self.together.took_alone(syncs, now().saturating_sub(begun));
        Ok(())
    }
}
