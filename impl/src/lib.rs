//! A complete filesystem-backed container registry.
//!
//! A [`registry::Registry`] is built over a [`driver::Driver`] with the options of [`builder::RegistryBuilder`]. Through it:
//! repositories, each with blobs, manifests, tags and referrers; uploads that survive restarts; garbage collection. [`api::Api`]
//! is the same as clients see it, in text and without HTTP; [`http`] puts HTTP before it, and [`server`] a listener before that.
//!
//! What it does, exactly, is `docs/behaviour.md`. The directory layout is that of the CNCF distribution registry ([`paths`]).

pub mod api;
pub mod auth;
pub mod blob;
pub mod builder;
pub mod cache;
mod catalog;
pub mod config;
pub mod control;
pub mod descriptor;
pub mod digest;
pub mod driver;
pub mod error;
pub mod faults;
pub mod fsck;
pub mod gc;
pub mod http;
pub mod manifest;
pub mod manifests;
pub mod name;
pub mod paths;
pub mod progress;
mod purge;
#[cfg(feature = "faults")]
pub mod races;
pub mod referrers;
pub mod registry;
pub mod repository;
pub mod server;
mod shared;
mod survey;
mod sync;
pub mod tags;
pub mod tls;
pub mod vacuum;

pub use catalog::RepositoryWalk;
