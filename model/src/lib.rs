//! The reference model of a container registry.
//!
//! A small, pure, executable specification. [`step`] says every way in which one operation may go from one state: the
//! rule, what the client may see, the state after. [`Model`] follows what was really seen. Nothing here does I/O, reads a
//! clock or draws a random number.
//!
//! ```
//! use proofhouse_model::*;
//!
//! let options = Options { delete: true, ..Options::default() };
//! let mut model = Model::new(Specification::new(Dialect::Proofhouse, options)?);
//! let digest = digest_of("sha256", b"layer");
//! let put = Op::PutBlob { repo: "a".into(), digest: digest.clone(), bytes: "layer".into(), upload: UploadRef(0) };
//! model.observe(&put, &Outcome::BlobStored { digest: Some(digest.clone()) }).map_err(|v| v.to_string())?;
//!
//! // The bytes are on disk, but repository `b` has no link to them: a registry that serves them is wrong.
//! let get = Op::HeadBlob { repo: "b".into(), digest: digest.clone() };
//! let served = Outcome::Blob { digest: Some(digest), size: 5, body: None };
//! let violation = model.observe(&get, &served).unwrap_err();
//! assert_eq!(violation.rule.0, "blob.unlinked");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read it in this order: [`Op`], [`Outcome`], [`Options`], `state.rs`, then one file for each subject: `blobs.rs`,
//! `uploads.rs`, `manifest.rs` (what one says), `manifests.rs`, `lists.rs`, `garbage.rs`. `refusal.rs` has the errors, `rules.rs`
//! the table of rules. Where a branch begins with `at.oci()`, `at.distribution()` or `at.v2()`, it is about other
//! registries than ours; `lenient.rs` and `decoder.rs` are only about them. `words/` is no part of the specification: it says in
//! prose what the rest decides.

mod blobs;
mod content;
mod decoder;
mod expect;
mod garbage;
mod json;
mod lenient;
mod lists;
mod manifest;
mod manifests;
mod model;
mod names;
mod op;
mod options;
mod outcome;
mod refusal;
mod rules;
mod specification;
mod state;
mod step;
mod uploads;
mod words;

pub use content::Content;
pub use expect::{Errors, Expect, Id};
pub use model::{MOST_STATES, Model, Violation, ViolationKind};
pub use names::{digest_of, is_digest, is_repository, is_tag};
pub use op::{Op, Range, Span, UploadRef};
pub use options::{Cache, Deny, Dialect, Options, Platform, Release};
pub use outcome::{BlobBody, Code, ErrorItem, Outcome, Referrer};
pub use rules::{Level, Rule, RuleId, Standard, rule, rules};
pub use specification::{OptionsError, Specification};
pub use state::{Blob, Digest, Repository, Revision, State, Tag, Upload};
pub use step::{Branch, step};
pub use words::{Explanation, explain};
