//! The registry, asked through its front: one file for each subject.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod asking;
mod blind;
mod blobs;
mod checking;
mod collection;
mod durability;
mod library;
mod lists;
mod manifests;
mod middleware;
mod missing;
mod obstacles;
mod slow;
mod strangers;
mod support;
mod unreadable;
mod uploads;
