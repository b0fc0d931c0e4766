//! Ways to be wrong on purpose that only several clients can see.
//!
//! Each [`Race`] takes one guard away that keeps concurrent requests apart. As [`faults`](crate::faults), they exist only with the cargo
//! feature `faults`; the suites that explore schedules must notice every one.

/// A guard that the registry can be told to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Race {
    /// Nothing keeps two requests on one upload apart.
    UploadsUnlocked,
    /// What a push or a mount relies on may go while it is done.
    RelianceUnlocked,
    /// Nothing keeps two writers of one tag apart.
    TagsUnlocked,
    /// The cache takes what was looked up before a removal after it.
    CacheFilledLate,
    /// A collection does not wait for who writes, nor who writes for a collection.
    CollectionUngated,
}

impl Race {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::UploadsUnlocked,
        Self::RelianceUnlocked,
        Self::TagsUnlocked,
        Self::CacheFilledLate,
        Self::CollectionUngated,
    ];
}
