//! Suites.

pub mod peer;
