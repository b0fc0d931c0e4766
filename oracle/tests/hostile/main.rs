//! Clients that mean harm, and trees that do.
//!
//! Whatever comes over the wire, the server answers with no 5xx, goes on, keeps its memory within a bound, lets go of what it
//! opened, and touches nothing outside of its root.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod documents;
mod framing;
mod house;
mod names;
mod trees;

use house::{House, status};

/// What a server may ever take of memory here, in KiB: 64 MiB, as for any load.
const MOST_MEMORY: u64 = 64 << 10;

/// Every answer is below 500 or none at all, and afterwards all is as it was.
fn withstands(house: &House, said: impl IntoIterator<Item = (String, String)>) -> Vec<Option<u16>> {
    let (outside, descriptors) = (house.outside(), house.descriptors());
    let mut statuses = Vec::new();
    for (what, answer) in said {
        let status = status(&answer);
        assert!(status.is_none_or(|status| status < 500), "{what}: {answer}");
        statuses.push(status);
    }
    house.answers();
    assert_eq!(house.outside(), outside, "nothing outside of the root changes");
    assert!(house.peak() < MOST_MEMORY, "it took {} KiB", house.peak());
    // The connection that asked last may not be let go of yet.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while house.descriptors() > descriptors {
        assert!(std::time::Instant::now() < until, "{} descriptors, and {descriptors} before", house.descriptors());
        std::thread::yield_now();
    }
    statuses
}
