//! Finding out how a target is set up, before it is held to anything.
//!
//! A registry that has deletion switched off does nothing wrong; the model must only know. A few requests in a namespace of their
//! own show it: something is deleted, and indexes are pushed whose entries are not there. What is found is an
//! [`Inference`] with its evidence; what the answers leave open is not inferred, and stays as by default. What is [`Said`] before is
//! not asked, or demanded.

mod blobs;
mod deletion;
mod demand;
mod lists;
mod manifests;

use crate::campaign::Step;
use crate::config::{self, By, ConfigError, Said};
use crate::facts::{self, Value};
use crate::pool::{self, Algorithm};
use crate::target::{Target, TargetError};
use crate::wire;
use proofhouse_model::{Code, Content, Dialect, Op, Options, Outcome, Release, UploadRef};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use demand::Demand;

const REPOSITORY: &str = "probe";
/// Of whatever is pushed by tag; so a later one replaces it.
const TAG: &str = "probe";
const ELSEWHERE: &str = "probe-elsewhere";
const CONFIG: &str = "{}";
const SHARED: &str = "pushed to one repository";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Is it asked of a target that is held to that?
type Asked = fn(Dialect) -> bool;

/// What is asked, in this order, and of which targets. All of it is asked of OCI's; other dialects leave less open, and what
/// `distribution` answers to a URL that it refuses is no client's fault, so it cannot be told from others.
const QUESTIONS: [(&str, Asked); 13] = [
    (facts::BLOB_DELETION, |_| true),
    (facts::TAG_DELETION, is_oci),
    (facts::MANIFEST_DELETION, is_oci),
    ("shared_blobs", is_oci),
    (facts::MOUNTS, is_oci),
    (facts::SHA512, is_oci),
    // 2.8 validates every entry, and nothing can be set.
    ("validate_index", |dialect| dialect != Dialect::Distribution(Release::V2_8)),
    ("urls_allow", |dialect| !matches!(dialect, Dialect::Distribution(_))),
    (facts::REFERRERS, |dialect| !matches!(dialect, Dialect::Distribution(_))),
    (facts::CATALOG, is_oci),
    (facts::PAGE_OF_ONE, is_oci),
    (facts::PAGE_OF_A_MILLION, is_oci),
    (facts::MANIFEST_BYTES, is_oci),
];

/// What a probe finds out that is an option of the model.
const OPTIONS: [&str; 4] = ["delete", "shared_blobs", "urls_allow", "validate_index"];

fn is_oci(dialect: Dialect) -> bool {
    dialect == Dialect::Oci
}

/// How it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The target was asked.
    Probe,
    /// The command line says it.
    Assumed,
    /// A file says it.
    File,
}

/// Something that is known about a target: it was found out, or said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inference {
    /// The option or the fact, as [`config::assume`] has it.
    pub key: &'static str,
    /// Its value, written likewise.
    pub value: String,
    /// How it is known.
    pub origin: Origin,
    /// What was asked and answered, or who says it.
    pub evidence: String,
    /// It is a part of the standard that is optional, and not there: that is not held against the target.
    pub absent: bool,
}

/// As it stands in a document.
#[derive(Deserialize)]
struct Written {
    key: String,
    value: String,
    origin: Origin,
    evidence: String,
    absent: bool,
}

impl<'de> Deserialize<'de> for Inference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Inference, D::Error> {
        let Written { key: name, value, origin, evidence, absent } = Written::deserialize(deserializer)?;
        let key = config::keys().find(|key| *key == name);
        let key = key.ok_or_else(|| D::Error::custom(format!("there is no option {name:?}")))?;
        Ok(Inference { key, value, origin, evidence, absent })
    }
}

impl Inference {
    /// How it is set up, or how it behaves.
    fn new(key: &'static str, value: impl Into<String>, evidence: impl Into<String>) -> Inference {
        Inference { key, value: value.into(), origin: Origin::Probe, evidence: evidence.into(), absent: false }
    }

    /// Whether it has something that is optional.
    fn part(key: &'static str, there: bool, evidence: impl Into<String>) -> Inference {
        Inference { absent: !there, ..Inference::new(key, there.to_string(), evidence) }
    }

    /// What somebody says.
    fn said(key: &'static str, value: String, by: &By) -> Inference {
        let origin = match by {
            By::Assumed => Origin::Assumed,
            By::File(_) => Origin::File,
        };
        let absent = facts::FACTS.contains(&key) && value == "false";
        Inference { key, value, origin, evidence: by.to_string(), absent }
    }

    /// In words.
    pub fn told(&self) -> String {
        let known = if self.origin == Origin::Probe { "for " } else { "" };
        format!("{}={}, {known}{}", self.key, self.value, self.evidence)
    }
}

/// What is known, in words: what is said, what it has and how it is set up, and last what was found to be optional and absent, in one.
pub fn told(known: &[Inference]) -> Vec<String> {
    let (absent, there): (Vec<&Inference>, Vec<&Inference>) =
        known.iter().partition(|one| one.absent && one.origin == Origin::Probe);
    let mut told: Vec<String> = there.iter().map(|one| one.told()).collect();
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|one| one.key).collect();
        told.push(format!("absent: {}: optional in the standard, not held against it", names.join(", ")));
    }
    told
}

/// What a probe came to.
#[derive(Debug)]
pub struct Probed {
    /// What is known of the target: what is said, then what was found out.
    pub known: Vec<Inference>,
    /// How the target is set up, by all that is known.
    pub options: Options,
    /// Where the target does not do as a file says, one sentence each.
    pub contradictions: Vec<String>,
    demands: Vec<Demand>,
}

/// Asks a target how it is set up. Begins a case of its own with the options that are said.
///
/// What the command line says is not asked, nor is what is said to be lacking. What is said to be there is asked for ([`Probed::judge`]).
/// What a file says is asked all the same, to notice the wrong file.
///
/// It ends early where a request is not answered: the run will say what is wrong.
///
/// # Errors
/// When there is no target to ask, or no time.
pub async fn probe(target: &mut dyn Target, dialect: Dialect, said: &Said) -> Result<Probed, TargetError> {
    target.fresh(&said.options).await?;
    let mut asking = Asking { target, stop: None, uploads: 0, steps: Vec::new() };
    let (mut found, mut demands, mut contradictions) = (Vec::new(), Vec::new(), Vec::new());
    for (key, is_asked) in QUESTIONS {
        let demanded = said.facts.demanded(key);
        let deletes = [facts::BLOB_DELETION, facts::MANIFEST_DELETION].contains(&key);
        let settled = said.settles(key) || deletes && said.settles("delete");
        if demanded.is_none() && (settled || !is_asked(dialect)) {
            continue;
        }
        asking.steps.clear();
        let answer = answer(&mut asking, key, demanded).await;
        if asking.stop.is_some() {
            break;
        }
        if let Some(demanded) = demanded {
            demands.extend(Demand::new(key, demanded, answer, &asking.steps));
            continue;
        }
        contradictions.extend(answer.as_ref().and_then(|answer| contradiction(said, answer)));
        found.extend(answer);
    }
    if let Some(Stop::Target(error)) = asking.stop {
        return Err(error);
    }
    found.extend(deletion::option(said, dialect, &found));
    if dialect != Dialect::Oci {
        // They are what the option says.
        found.retain(|one| one.key != facts::BLOB_DELETION);
    }
    found.retain(|one| said.by(one.key).is_none());
    let options = apply(said, &found).map_err(|error| TargetError::Options(error.to_string()))?;
    Ok(Probed { known: [all_said(said), found].concat(), options, contradictions, demands })
}

/// One question. `demanded` is the value that there must be, where that decides what is asked.
async fn answer(asking: &mut Asking<'_>, key: &str, demanded: Option<Value>) -> Option<Inference> {
    match key {
        facts::BLOB_DELETION => deletion::blob(asking).await,
        facts::TAG_DELETION => deletion::tag(asking).await,
        facts::MANIFEST_DELETION => deletion::manifest(asking).await,
        "shared_blobs" => blobs::sharing(asking).await,
        facts::MOUNTS => blobs::mounts(asking).await,
        facts::SHA512 => blobs::sha512(asking).await,
        "validate_index" => manifests::validation(asking).await,
        "urls_allow" => manifests::urls(asking).await,
        facts::REFERRERS => manifests::referrers(asking).await,
        facts::CATALOG => lists::catalog(asking).await,
        facts::PAGE_OF_ONE => lists::page_of_one(asking).await,
        facts::PAGE_OF_A_MILLION => lists::page_of_a_million(asking).await,
        _ => match demanded {
            Some(Value::Bytes(bytes)) => manifests::size(asking, &[bytes]).await,
            _ => manifests::size(asking, &manifests::SIZES).await,
        },
    }
}

/// What is said of all that a probe could find out.
fn all_said(said: &Said) -> Vec<Inference> {
    let options = OPTIONS.into_iter().filter_map(|key| {
        let by = said.by(key)?;
        Some(Inference::said(key, option(&said.options, key), by))
    });
    let facts =
        said.facts.all().filter_map(|(key, value)| Some(Inference::said(key, value.to_string(), said.by(key)?)));
    options.chain(facts).collect()
}

/// The value of one of [`OPTIONS`], as it is assumed.
fn option(options: &Options, key: &str) -> String {
    match key {
        "delete" => options.delete.to_string(),
        "shared_blobs" => options.shared_blobs.map_or("null".to_owned(), |shared| shared.to_string()),
        "urls_allow" => options.urls_allow.clone().unwrap_or_default(),
        _ => manifests::validated(options, |_| true),
    }
}

/// How the target differs from what a file says of it. None: it does not, as far as it was asked.
fn contradiction(said: &Said, answer: &Inference) -> Option<String> {
    let options = &said.options;
    let (key, differs) = match answer.key {
        facts::BLOB_DELETION | facts::MANIFEST_DELETION => ("delete", options.delete.to_string() != answer.value),
        "shared_blobs" => (answer.key, options.shared_blobs.is_some_and(|shared| shared.to_string() != answer.value)),
        "validate_index" => (answer.key, manifests::validated(options, manifests::is_asked) != answer.value),
        "urls_allow" => (answer.key, manifests::allows(options)),
        _ => return None,
    };
    let Some(By::File(file)) = said.by(key).filter(|_| differs) else { return None };
    let value = option(options, key);
    let evidence = &answer.evidence;
    Some(format!("{file} says {key}={value}, and the target does otherwise: {evidence}; is it the target's own file?"))
}

/// A target that is asked until it does not answer.
struct Asking<'a> {
    target: &'a mut dyn Target,
    stop: Option<Stop>,
    uploads: u32,
    /// What was asked since the question began.
    steps: Vec<Step>,
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
        self.steps.push(Step { op: op.clone(), outcome: outcome.clone() });
        outcome
    }

    /// One that nobody opened yet.
    fn upload(&mut self) -> UploadRef {
        self.uploads += 1;
        UploadRef(self.uploads)
    }
}

/// The options with what was found in place of what nobody said.
///
/// # Errors
/// Never for what a probe finds.
fn apply(said: &Said, found: &[Inference]) -> Result<Options, ConfigError> {
    let options = found.iter().filter(|one| OPTIONS.contains(&one.key));
    let assumed = options
        .into_iter()
        .try_fold(said.clone(), |said, one| config::assume(&said, &format!("{}={}", one.key, one.value)));
    Ok(assumed?.options)
}

/// Stores a blob. Each question stores what it needs, so that it stands by itself. False: the target does not take it.
async fn push(target: &mut Asking<'_>, content: &str) -> bool {
    let upload = target.upload();
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
