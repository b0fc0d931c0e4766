//! The manifests of one repository: storing, reading, deleting.
//!
//! A manifest is bytes in the global store and a revision link in the repository. [`ManifestStore::put`] checks what the
//! manifest names before it stores (`verify`); the bytes are kept exactly as they came, and their type is derived from them
//! when they are read.

mod content;
mod faulty;
mod store;
mod verify;

pub(crate) use content::{Content, Hashing, read_content, too_large};
pub use store::{ManifestStore, PutManifest, Stored, StoredManifest};
