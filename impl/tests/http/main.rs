//! The registry over HTTP: a real listener on loopback, a real client, and raw bytes where framing is the subject.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod blobs;
mod framing;
mod lifecycle;
mod lists;
mod malformed;
mod manifests;
mod operations;
mod support;
mod uploads;
