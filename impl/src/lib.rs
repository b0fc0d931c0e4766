//! A complete filesystem-backed container registry.
pub mod digest;
pub mod driver;
pub mod manifest;
pub mod name;
