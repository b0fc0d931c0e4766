//! Blobs: the bytes, the links that give them to repositories, and the uploads that bring them.
//!
//! The [`BlobStore`] is global and knows bytes by their digest. A repository reaches them through its links only
//! ([`LinkedBlobStore`]); a blob that another repository has is not there. A [`BlobUpload`] grows by chunks, across requests
//! and restarts, and becomes a blob when its content hashes to the digest that the client names.

mod body;
mod hashstate;
mod id;
mod incoming;
mod link;
mod linked;
mod server;
mod source;
mod store;
mod upload;

pub use body::Body;
pub use hashstate::HashState;
pub use id::{InvalidUploadId, UploadId};
pub use link::link_target;
pub use linked::LinkedBlobStore;
pub use server::ServedBlob;
pub use store::{BlobStore, BlobWalk};
pub use upload::BlobUpload;

pub(crate) use incoming::purge_incoming;
pub(crate) use link::{File, LinkKind, LinkStatter, link, linked_digests, read_link, read_small, write_link};
pub(crate) use store::{GlobalStatter, bytes_exist, bytes_stay, not_found_is_none, unreachable_is_none};
pub(crate) use upload::hash_stream;
