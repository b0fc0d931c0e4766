//! What the suites share: documents and images to push, the clients that people push with, a real registry to compare
//! with, a disk that forgets, and what the fuzz targets do.
//!
//! The suites themselves are in `tests/`; each holds two of model, registry, oracle and peer to one another.

pub mod client;
pub mod crash;
pub mod documents;
pub mod environment;
pub mod fuzz;
pub mod layout;
pub mod peer;
