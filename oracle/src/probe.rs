//! Finding out how a target is set up, before it is held to anything.
//!
//! A registry that has deletion switched off does nothing wrong; the model must only know. A few requests in a namespace of their
//! own show it: something is deleted, and indexes are pushed whose entries are not there. What is found is an
//! [`Inference`] with its evidence; what the answers leave open is not inferred, and stays as it was assumed.

mod blobs;
mod deletion;
mod lists;
mod manifests;

use crate::config::{self, ConfigError};
use crate::pool::{self, Algorithm};
use crate::target::{Target, TargetError};
use crate::wire;
use proofhouse_model::{Code, Content, Dialect, Op, Options, Outcome, Release, UploadRef};

const REPOSITORY: &str = "probe";
/// Of whatever is pushed by tag; so a later one replaces it.
const TAG: &str = "probe";
const ELSEWHERE: &str = "probe-elsewhere";
const CONFIG: &str = "{}";
const SHARED: &str = "pushed to one repository";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is no option: OCI's dialect learns from the first answer whether there is a referrers API, and holds a target to it. Told
/// all the same, for whoever reads what was found. So are the others here.
pub const REFERRERS: &str = "referrers";

/// Whether a mount is made, or an upload started instead.
pub const MOUNTS: &str = "mounts";

/// Whether blobs may be named by their sha512.
pub const SHA512: &str = "sha512";

/// Whether blobs can be deleted. The option `delete` says it of blobs and manifests together.
pub const BLOB_DELETION: &str = "blob_deletion";

/// Whether manifests can be deleted.
pub const MANIFEST_DELETION: &str = "manifest_deletion";

/// Whether a tag can be deleted, and its manifest stays.
pub const TAG_DELETION: &str = "tag_deletion";

/// Whether the repositories are listed.
pub const CATALOG: &str = "catalog";

/// Whether a page of one tag has one, and announces the next.
pub const PAGE_OF_ONE: &str = "page_of_one";

/// What becomes of a page that is far too large: `taken`, `cut` or `refused`.
pub const PAGE_OF_A_MILLION: &str = "page_of_a_million";

/// The largest manifest, in bytes, that was taken of the three sizes that are tried.
pub const MANIFEST_BYTES: &str = "manifest_bytes";

const NO_OPTIONS: [&str; 10] = [
    REFERRERS,
    MOUNTS,
    SHA512,
    BLOB_DELETION,
    MANIFEST_DELETION,
    TAG_DELETION,
    CATALOG,
    PAGE_OF_ONE,
    PAGE_OF_A_MILLION,
    MANIFEST_BYTES,
];

/// Something that was found out about a target.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Inference {
    /// The option, as [`config::assume`] has it, or one of the names above, of what is no option.
    pub key: &'static str,
    /// Its value, written likewise.
    pub value: String,
    /// What was asked and answered.
    pub evidence: String,
    /// It is a part of the standard that is optional, and not there: that is not held against the target.
    pub absent: bool,
}

impl Inference {
    /// How it is set up, or how it behaves.
    fn new(key: &'static str, value: impl Into<String>, evidence: impl Into<String>) -> Inference {
        Inference { key, value: value.into(), evidence: evidence.into(), absent: false }
    }

    /// Whether it has something that is optional.
    fn part(key: &'static str, there: bool, evidence: impl Into<String>) -> Inference {
        Inference { absent: !there, ..Inference::new(key, there.to_string(), evidence) }
    }
}

/// What was found, in words: what it has and how it is set up, and last what is optional and absent, in one.
pub fn told(found: &[Inference]) -> Vec<String> {
    let (absent, there): (Vec<&Inference>, Vec<&Inference>) = found.iter().partition(|one| one.absent);
    let mut told: Vec<String> =
        there.iter().map(|one| format!("{}={}, for {}", one.key, one.value, one.evidence)).collect();
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|one| one.key).collect();
        told.push(format!("absent: {}: optional in the standard, not held against it", names.join(", ")));
    }
    told
}

/// Asks a target how it is set up. Begins a case of its own with `assumed`.
///
/// It ends early where a request is not answered: the run will say what is wrong.
///
/// # Errors
/// When there is no target to ask, or no time.
pub async fn probe(
    target: &mut dyn Target,
    dialect: Dialect,
    assumed: &Options,
) -> Result<Vec<Inference>, TargetError> {
    target.fresh(assumed).await?;
    let mut asking = Asking { target, stop: None };
    let mut found = Vec::new();
    let oci = dialect == Dialect::Oci;
    found.extend(deletion::found(&mut asking, oci).await);
    if oci && push(&mut asking, UploadRef(2), SHARED).await {
        found.extend(blobs::sharing(&mut asking).await);
        found.extend(blobs::mounts(&mut asking).await);
        found.extend(blobs::sha512(&mut asking).await);
    }
    // 2.8 validates every entry, and nothing can be set.
    if dialect != Dialect::Distribution(Release::V2_8) {
        found.extend(manifests::validation(&mut asking).await);
    }
    // What distribution answers to a URL that it refuses is no client's fault, so it cannot be told from others.
    if !matches!(dialect, Dialect::Distribution(_)) && push(&mut asking, UploadRef(1), CONFIG).await {
        found.extend(manifests::urls(&mut asking).await);
        found.extend(manifests::referrers(&mut asking).await);
        if oci {
            found.extend(lists::catalog(&mut asking).await);
            found.extend(lists::pages(&mut asking).await);
            found.extend(manifests::size(&mut asking).await);
        }
    }
    match asking.stop {
        Some(Stop::Target(error)) => Err(error),
        None | Some(Stop::Silent) => Ok(found),
    }
}

/// A target that is asked until it does not answer.
struct Asking<'a> {
    target: &'a mut dyn Target,
    stop: Option<Stop>,
}

enum Stop {
    Silent,
    Target(TargetError),
}

impl Asking<'_> {
    async fn perform(&mut self, op: &Op) -> Outcome {
        if self.stop.is_some() {
            return Outcome::Broken { what: "not asked any more".to_owned() };
        }
        let outcome = self.target.perform(op).await;
        // Where it is silent it may be silent thirty times more, each until its time is up.
        let silent = matches!(&outcome, Outcome::Broken { what } if wire::cited(what).is_some_and(|(rule, _)| rule.id == wire::WHOLE));
        self.stop = self.target.interruption().map(Stop::Target).or(silent.then_some(Stop::Silent));
        outcome
    }
}

/// The options with what was found in place of what was assumed.
///
/// # Errors
/// Never for what [`probe`] found.
pub fn apply(options: &Options, found: &[Inference]) -> Result<Options, ConfigError> {
    found
        .iter()
        .filter(|one| !NO_OPTIONS.contains(&one.key))
        .try_fold(options.clone(), |options, one| config::assume(&options, &format!("{}={}", one.key, one.value)))
}

/// Stores a blob, if the target takes it.
async fn push(target: &mut Asking<'_>, upload: UploadRef, content: &str) -> bool {
    let (repo, digest, bytes) = (REPOSITORY.to_owned(), Some(sha256(content)), Content::from(content));
    target.perform(&Op::StartUpload { repo: repo.clone(), upload }).await;
    target.perform(&Op::FinishUpload { repo, upload, digest, range: None, bytes }).await.succeeded()
}

/// An image of the config that was pushed, these layers and these other members, each after a comma.
fn image(layers: &str, more: &str) -> String {
    let config = sha256(CONFIG);
    let config = format!(r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}}"#);
    format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{config},"layers":[{layers}]{more}}}"#)
}

/// Stores a manifest.
async fn put(target: &mut Asking<'_>, reference: &str, kind: &str, document: &str) -> Outcome {
    let op = Op::PutManifest {
        repo: REPOSITORY.to_owned(),
        reference: reference.to_owned(),
        content_type: Some(kind.to_owned()),
        tags: Vec::new(),
        bytes: Content::from(document),
    };
    target.perform(&op).await
}

fn says(outcome: &Outcome, code: &Code) -> bool {
    matches!(outcome, Outcome::Refused { errors, .. } if errors.iter().any(|error| error.code == *code))
}

/// It says that it does not do that.
pub(crate) fn is_unsupported(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { status: 405, .. }) || says(outcome, &Code::Unsupported)
}

fn sha256(text: &str) -> String {
    pool::digest(Algorithm::Sha256, text.as_bytes())
}

#[cfg(test)]
mod tests;
