//! A disk that forgets, and one that fails.
//!
//! The registry runs on its own filesystem driver over a disk in memory (`disk`, `volume`). After every system call of every
//! operation the disk crashes in each of many ways, a new registry is started on what is left, and everything is read back
//! (`reader`); the model says what is permitted (`permitted`). `docs/reliability.md` says how all of this is bounded.

mod crashing;
mod disk;
mod failing;
mod permitted;
mod reader;
mod volume;

pub use crashing::{Bound, Tried, crash_case, crash_everywhere};
pub use disk::Lie;
pub use failing::{fail_everywhere, with_short_writes};

pub(crate) use crashing::storage;
pub(crate) use disk::Disk;
pub(crate) use volume::Volume;
