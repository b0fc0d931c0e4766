//! What the suites share: documents to push, and a real registry to compare with.
//!
//! The suites themselves are in `tests/`; each holds two of model, registry, oracle and peer to one another.

pub mod documents;
pub mod peer;
