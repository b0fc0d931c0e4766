//! A complete filesystem-backed container registry.
