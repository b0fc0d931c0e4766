//! `proofhouse check` on registries behind TLS and credentials, and what is left of it there.
//!
//! The registry is `proofhouse serve`; certificates, keys and tokens are made anew. Whatever happens, no password is ever seen
//! in what the program says.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod everywhere;
mod passwords;
mod served;
mod tls;
mod tokens;
mod traces;
