//! The oracle: checks any container registry against the reference model, and shows the shortest sequence that breaks it.
//!
//! A [campaign](campaign::run) makes cases ([`generate`]), performs each on a [`Target`](target::Target) in
//! [`lockstep`] with the model, compares every answer, and shrinks the first divergence ([`shrink`]). Three
//! targets come with it: the registry in process, any registry over HTTP, and yours. A registry that is written in
//! Rust needs some forty lines:
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//!
//! use proofhouse::campaign::{self, CampaignConfig, OptionSets};
//! use proofhouse::target::{Target, TargetError};
//! use proofhouse_model::{BlobBody, Code, Content, ErrorItem, Op, Options, Outcome};
//!
//! /// A registry of blobs, and nothing but blobs.
//! #[derive(Default)]
//! struct Tiny {
//!     bytes: BTreeMap<String, Content>,
//!     links: BTreeSet<(String, String)>,
//! }
//!
//! fn unknown(digest: &str) -> Outcome {
//!     let error = ErrorItem { code: Code::BlobUnknown, detail: Some(digest.into()) };
//!     Outcome::Refused { status: 404, errors: vec![error] }
//! }
//!
//! #[async_trait::async_trait(?Send)]
//! impl Target for Tiny {
//!     async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
//!         *self = Tiny::default();
//!         Ok(())
//!     }
//!
//!     fn offers(&self, op: &Op) -> bool {
//!         let (Op::PutBlob { repo, digest, .. } | Op::GetBlob { repo, digest, range: None } | Op::DeleteBlob { repo, digest }) = op
//!         else {
//!             return false;
//!         };
//!         // Names and digests are checked by somebody else.
//!         proofhouse_model::is_repository(repo) && proofhouse_model::is_digest(digest)
//!     }
//!
//!     async fn perform(&mut self, op: &Op) -> Outcome {
//!         match op {
//!             Op::PutBlob { repo, digest, bytes, .. } => {
//!                 let algorithm = digest.split(':').next().unwrap_or_default();
//!                 if proofhouse_model::digest_of(algorithm, bytes) != *digest {
//!                     let error = ErrorItem { code: Code::DigestInvalid, detail: Some(digest.clone()) };
//!                     return Outcome::Refused { status: 400, errors: vec![error] };
//!                 }
//!                 self.bytes.insert(digest.clone(), bytes.clone());
//!                 self.links.insert((repo.clone(), digest.clone()));
//!                 Outcome::BlobStored { digest: Some(digest.clone()) }
//!             }
//!             Op::GetBlob { digest, .. } => match self.bytes.get(digest) {
//!                 // Here is the fault: nobody asks whether the repository links it.
//!                 Some(bytes) => Outcome::Blob {
//!                     digest: Some(digest.clone()),
//!                     size: bytes.size(),
//!                     body: Some(BlobBody { bytes: bytes.clone(), range: None }),
//!                 },
//!                 None => unknown(digest),
//!             },
//!             Op::DeleteBlob { repo, digest } => match self.links.remove(&(repo.clone(), digest.clone())) {
//!                 true => Outcome::Done,
//!                 false => unknown(digest),
//!             },
//!             _ => Outcome::Broken { what: "not offered".into() },
//!         }
//!     }
//! }
//!
//! let options = Options { delete: true, ..Options::default() };
//! let config = CampaignConfig { option_sets: OptionSets::Fixed(options), ..CampaignConfig::default() };
//! let divergence = campaign::run(&config, &mut Tiny::default(), &mut ())?.into_first().expect("it is wrong");
//!
//! // A blob that is pushed to one repository, and read from another.
//! let operations: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
//! assert_eq!(operations, ["PutBlob", "GetBlob"]);
//! assert_eq!(divergence.finding.rule().0, "blob.unlinked");
//! # Ok::<(), TargetError>(())
//! ```
//!
//! The command line (`proofhouse`) does the same for people, and explains what it finds.

pub mod action;
mod assume;
pub mod campaign;
pub mod case;
pub mod concurrent;
pub mod config;
pub mod coverage;
pub mod diff;
pub mod disk;
pub mod facts;
pub mod file;
pub mod generate;
pub mod lockstep;
pub mod pool;
pub mod probe;
pub mod report;
pub mod shrink;
pub mod target;
pub mod unfinished;
pub mod wire;

#[cfg(test)]
mod perfect;
