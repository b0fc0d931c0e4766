//! A short sequence of operations on the disk that forgets.
//!
//! The bytes are as in [`operations`](super::operations); the second says after which of the system calls the disk crashes: after one
//! in so many. What is left is opened by another registry and read back, and the model says what may be there.

use proofhouse::case::Case;

use super::pair::run;
use super::{Taken, choices};
use crate::crash::{Bound, Tried, crash_case};

/// No sequence has more operations: each has some forty system calls, and after each there are many crashes.
const MOST: usize = 5;

/// Runs the sequence, and crashes.
///
/// # Panics
/// If something acknowledged is lost, or something is there in part.
pub fn crash_operations(data: &[u8]) -> Taken {
    let Some((base, actions, spare)) = choices::sequence(data, MOST) else { return Taken::No };
    let case = Case { actions, ..base.case.clone() };
    let bound =
        Bound { length: MOST, call_one_in: u64::from(spare % 31) + 1, samples: 1, push_one_in: 1 + u64::from(spare) };
    let mut tried = Tried::default();
    if let Err(told) = run(crash_case(&case, spare.into(), bound, None, &mut tried)) {
        panic!("{told}");
    }
    Taken::of(tried.states > 0)
}
