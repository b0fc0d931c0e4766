//! The model's verdicts in words, for people.
//!
//! Nothing is decided here, and nothing of the specification looks here: outcomes, expectations and violations as text
//! (`outcomes.rs`), bytes (`bytes.rs`), and what the model says of one manifest (`explain.rs`).

mod bytes;
mod explain;
mod outcomes;

pub use explain::{Explanation, explain};
