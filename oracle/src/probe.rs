//! Finding out how a target is set up, before it is held to anything.
//!
//! A registry that has deletion switched off does nothing wrong; the model must only know. A few requests in a namespace of their
//! own show it: something is deleted, and indexes are pushed whose entries are not there. What is found is an
//! [`Inference`] with its evidence; what the answers leave open is not inferred, and stays as it was assumed.

use crate::config::{self, ConfigError};
use crate::pool::{self, Algorithm};
use crate::target::{Target, TargetError};
use crate::wire;
use proofhouse_model::{Code, Content, Dialect, Op, Options, Outcome, Release, UploadRef};

/// The platforms that a target's filter is asked about: `os/architecture`.
const PLATFORMS: [&str; 12] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
    "windows/amd64",
    "windows/arm64",
    "darwin/amd64",
    "darwin/arm64",
    "linux/AMD64",
];

const REPOSITORY: &str = "probe";
const ELSEWHERE: &str = "probe-elsewhere";
const CONFIG: &str = "{}";
const SHARED: &str = "pushed to one repository";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is no option: OCI's dialect learns from the first answer whether there is a referrers API, and holds a target to it. Told
/// all the same, for whoever reads what was found.
pub const REFERRERS: &str = "referrers";

/// No option either: whether a mount is made, or an upload started instead.
pub const MOUNTS: &str = "mounts";

/// No option either: whether blobs may be named by their sha512.
pub const SHA512: &str = "sha512";

const NO_OPTIONS: [&str; 3] = [REFERRERS, MOUNTS, SHA512];

/// Something that was found out about a target.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Inference {
    /// The option, as [`config::assume`] has it, or [`REFERRERS`], [`MOUNTS`] or [`SHA512`].
    pub key: &'static str,
    /// Its value, written likewise.
    pub value: String,
    /// What was asked and answered.
    pub evidence: String,
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
    found.extend(deletion(&mut asking).await);
    if dialect == Dialect::Oci && push(&mut asking, UploadRef(2), SHARED).await {
        found.extend(sharing(&mut asking).await);
        found.extend(mounts(&mut asking).await);
        found.extend(sha512(&mut asking).await);
    }
    // 2.8 validates every entry, and nothing can be set.
    if dialect != Dialect::Distribution(Release::V2_8) {
        found.extend(validation(&mut asking).await);
    }
    // What distribution answers to a URL that it refuses is no client's fault, so it cannot be told from others.
    if !matches!(dialect, Dialect::Distribution(_)) && push(&mut asking, UploadRef(1), CONFIG).await {
        found.extend(urls(&mut asking).await);
        found.extend(referrers(&mut asking).await);
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
        // Where it is silent it may be silent thirteen times more, each until its time is up.
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

/// Is deletion on? A blob is pushed and deleted.
async fn deletion(target: &mut Asking<'_>) -> Option<Inference> {
    let (repo, digest) = (REPOSITORY.to_owned(), sha256("probe"));
    if !push(target, UploadRef(0), "probe").await {
        return None;
    }
    let (value, evidence) = match target.perform(&Op::DeleteBlob { repo, digest }).await {
        Outcome::Done => ("true", "a blob was deleted"),
        outcome if is_unsupported(&outcome) => ("false", "deleting a blob was refused as unsupported"),
        _ => return None,
    };
    Some(Inference { key: "delete", value: value.to_owned(), evidence: evidence.to_owned() })
}

/// Does every repository see every blob? One was pushed to one repository, and is asked for in another, to which nothing was.
async fn sharing(target: &mut Asking<'_>) -> Option<Inference> {
    let (repo, digest) = (ELSEWHERE.to_owned(), sha256(SHARED));
    let (value, evidence) = match target.perform(&Op::HeadBlob { repo, digest }).await {
        Outcome::Blob { .. } => ("true", "a blob that was pushed to one repository is there in another"),
        Outcome::Refused { status: 404, .. } => ("false", "a blob that was pushed to one repository is 404 in another"),
        _ => return None,
    };
    Some(Inference { key: "shared_blobs", value: value.to_owned(), evidence: evidence.to_owned() })
}

/// Are blobs mounted? The one that was pushed is asked for in the other repository.
async fn mounts(target: &mut Asking<'_>) -> Option<Inference> {
    let (repo, from) = (ELSEWHERE.to_owned(), Some(REPOSITORY.to_owned()));
    let (value, evidence) =
        match target.perform(&Op::MountBlob { repo, digest: sha256(SHARED), from, upload: UploadRef(3) }).await {
            Outcome::BlobStored { .. } => ("true", "a blob was mounted from one repository in another"),
            Outcome::Upload { .. } => ("false", "an upload was started where a mount was asked for"),
            _ => return None,
        };
    Some(Inference { key: MOUNTS, value: value.to_owned(), evidence: evidence.to_owned() })
}

/// Is sha512 known? The same blob is pushed by it. The standard asks for sha256 only.
async fn sha512(target: &mut Asking<'_>) -> Option<Inference> {
    let (repo, upload) = (REPOSITORY.to_owned(), UploadRef(4));
    let digest = Some(pool::digest(Algorithm::Sha512, SHARED.as_bytes()));
    target.perform(&Op::StartUpload { repo: repo.clone(), upload }).await;
    let finish = Op::FinishUpload { repo, upload, digest, range: None, bytes: Content::from(SHARED) };
    let (value, evidence) = match target.perform(&finish).await {
        Outcome::BlobStored { .. } => ("true", "a blob was pushed by its sha512"),
        Outcome::Refused { status: 400 | 404 | 405, .. } => {
            ("false", "a blob was refused that was pushed by its sha512")
        }
        _ => return None,
    };
    Some(Inference { key: SHA512, value: value.to_owned(), evidence: evidence.to_owned() })
}

/// An image of the config that was pushed, these layers and these other members, each after a comma.
fn image(layers: &str, more: &str) -> String {
    let config = sha256(CONFIG);
    let config = format!(r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}}"#);
    format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{config},"layers":[{layers}]{more}}}"#)
}

/// Are URLs of layers refused? An image is pushed, and again with a layer that has a URL. A pattern cannot be found out.
async fn urls(target: &mut Asking<'_>) -> Option<Inference> {
    let layer = format!(
        r#"{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{}","size":2,"urls":["https://layers.example/layer"]}}"#,
        sha256("elsewhere")
    );
    let plain = put(target, IMAGE, &image("", "")).await;
    let foreign = put(target, IMAGE, &image(&layer, "")).await;
    let refused = says(&foreign, &Code::ManifestInvalid);
    (plain.succeeded() && refused).then(|| Inference {
        key: "urls_allow",
        value: "^$".to_owned(),
        evidence: "an image was refused whose layer has a URL".to_owned(),
    })
}

/// Is there a referrers API? An image with a subject is pushed, and the subject's referrers are asked for.
async fn referrers(target: &mut Asking<'_>) -> Option<Inference> {
    let subject = sha256("subject");
    let more = format!(r#","subject":{{"mediaType":"{IMAGE}","digest":"{subject}","size":7}}"#);
    let document = image("", &more);
    let pushed = put(target, IMAGE, &document).await;
    let Outcome::ManifestStored { subject: confirmed, .. } = pushed else { return None };
    let confirmed = if confirmed.is_some() { "confirmed" } else { "not confirmed" };
    let asked = Op::Referrers { repo: REPOSITORY.to_owned(), digest: subject, artifact_type: None };
    let (value, answered) = match target.perform(&asked).await {
        Outcome::Referrers { referrers, .. } if referrers.iter().any(|row| row.digest == sha256(&document)) => {
            ("true", "it is listed among the subject's referrers")
        }
        Outcome::Refused { status: 404, .. } => ("false", "the subject's referrers are 404"),
        // A list that lacks it, or another refusal: the run will say what is wrong.
        _ => return None,
    };
    let evidence = format!("a manifest was pushed whose subject was {confirmed} by OCI-Subject, and {answered}");
    Some(Inference { key: REFERRERS, value: value.to_owned(), evidence })
}

async fn put(target: &mut Asking<'_>, kind: &str, document: &str) -> Outcome {
    let op = Op::PutManifest {
        repo: REPOSITORY.to_owned(),
        reference: "probe".to_owned(),
        content_type: Some(kind.to_owned()),
        tags: Vec::new(),
        bytes: Content::from(document),
    };
    target.perform(&op).await
}

/// Which entries of an index must exist? Indexes are pushed whose one entry is not there.
async fn validation(target: &mut Asking<'_>) -> Option<Inference> {
    let plain = is_taken(target, None).await?;
    let mut refused = Vec::new();
    for platform in PLATFORMS {
        if !is_taken(target, Some(platform)).await? {
            refused.push(platform);
        }
    }
    let all = refused.len() == PLATFORMS.len();
    let (value, evidence) = match (plain, refused.is_empty()) {
        (true, true) => ("none".to_owned(), "an index was taken whose entry is not there".to_owned()),
        (false, _) if all => ("all".to_owned(), "an index was refused whose entry is not there".to_owned()),
        (true, false) if !all => {
            let list = refused.join(",");
            let evidence =
                format!("of {} platforms, an index was refused for one whose entry is not there", PLATFORMS.len());
            (list, evidence)
        }
        // Neither way of validating does that: the run will say what is wrong.
        _ => return None,
    };
    Some(Inference { key: "validate_index", value, evidence })
}

/// Whether an index with an entry of this platform that is not there is taken. Nothing: it was refused for another reason.
async fn is_taken(target: &mut Asking<'_>, platform: Option<&str>) -> Option<bool> {
    let missing = sha256(platform.unwrap_or("no platform"));
    let platform = match platform.and_then(|platform| platform.split_once('/')) {
        Some((os, architecture)) => format!(r#","platform":{{"architecture":"{architecture}","os":"{os}"}}"#),
        None => String::new(),
    };
    let document = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{IMAGE}","digest":"{missing}","size":2{platform}}}]}}"#
    );
    match put(target, INDEX, &document).await {
        outcome if outcome.succeeded() => Some(true),
        outcome if says(&outcome, &Code::ManifestBlobUnknown) => Some(false),
        _ => None,
    }
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
mod tests {
    use proofhouse_model::Platform;

    use super::*;
    use crate::target::EmbeddedTarget;

    /// What is found of a registry that is set up so, while nothing of it is assumed.
    fn found(options: &Options) -> Vec<Inference> {
        /// A target that does not do as it is told.
        struct Set(EmbeddedTarget, Options);
        #[async_trait::async_trait(?Send)]
        impl Target for Set {
            async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
                self.0.fresh(&self.1).await
            }
            async fn perform(&mut self, op: &Op) -> Outcome {
                self.0.perform(op).await
            }
        }
        let mut target = Set(EmbeddedTarget::builder().memory().build(), options.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(probe(&mut target, Dialect::Oci, &Options::default())).unwrap()
    }

    #[test]
    fn what_is_found_is_how_the_target_is_set_up() {
        let platform = |os: &str, architecture: &str| Platform { os: os.into(), architecture: architecture.into() };
        for delete in [true, false] {
            for (validate_index, platforms) in [
                (false, vec![]),
                (true, vec![]),
                (true, vec![platform("linux", "amd64")]),
                (true, vec![platform("linux", "arm64"), platform("windows", "amd64")]),
            ] {
                // Patterns are not inferred, only that nothing is allowed.
                let urls_allow = delete.then(|| "^$".to_owned());
                let shared_blobs = Some(false);
                let options =
                    Options { delete, validate_index, platforms, urls_allow, shared_blobs, ..Options::default() };
                let found = found(&options);
                assert_eq!(apply(&Options::default(), &found).unwrap(), options, "{found:?}");
                assert!(found.iter().all(|one| !one.evidence.is_empty()));
                let referrers = found.iter().find(|one| one.key == REFERRERS).unwrap();
                assert_eq!(referrers.value, "true");
                assert!(referrers.evidence.contains("was confirmed by OCI-Subject"), "{referrers:?}");
            }
        }
    }

    #[test]
    fn a_target_without_the_referrers_api_is_told_from_one_that_forgets_a_referrer() {
        /// Takes everything, and answers so when it is asked for referrers.
        struct Old(Outcome);
        #[async_trait::async_trait(?Send)]
        impl Target for Old {
            async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
                Ok(())
            }
            async fn perform(&mut self, op: &Op) -> Outcome {
                match op {
                    Op::Referrers { .. } => self.0.clone(),
                    Op::PutManifest { .. } => Outcome::ManifestStored { digest: None, subject: None, tags: Vec::new() },
                    _ => Outcome::Done,
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = |answer| {
            let found = runtime.block_on(probe(&mut Old(answer), Dialect::Oci, &Options::default())).unwrap();
            assert_eq!(apply(&Options::default(), &found).unwrap(), Options { delete: true, ..Options::default() });
            found.into_iter().find(|one| one.key == REFERRERS)
        };
        let absent = told(Outcome::Refused { status: 404, errors: Vec::new() }).unwrap();
        assert_eq!(absent.value, "false");
        assert!(absent.evidence.contains("not confirmed") && absent.evidence.contains("404"), "{absent:?}");
        assert_eq!(told(Outcome::Referrers { referrers: Vec::new(), filtered: false }), None);
        assert_eq!(told(Outcome::Refused { status: 400, errors: Vec::new() }), None);
    }

    #[test]
    fn a_target_that_shares_its_blobs_is_told_from_one_that_does_not_and_from_one_that_says_neither() {
        /// Takes every blob, and answers so for one in a repository to which it was not pushed.
        struct Blobs(Outcome);
        #[async_trait::async_trait(?Send)]
        impl Target for Blobs {
            async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
                Ok(())
            }
            async fn perform(&mut self, op: &Op) -> Outcome {
                if matches!(op, Op::HeadBlob { .. }) { self.0.clone() } else { Outcome::Done }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = |answer, dialect| {
            let found = runtime.block_on(probe(&mut Blobs(answer), dialect, &Options::default())).unwrap();
            apply(&Options::default(), &found).unwrap().shared_blobs
        };
        let there = Outcome::Blob { digest: None, size: 24, body: None };
        let refused = |status| Outcome::Refused { status, errors: Vec::new() };
        assert_eq!(told(there.clone(), Dialect::Oci), Some(true));
        assert_eq!(told(refused(404), Dialect::Oci), Some(false));
        assert_eq!(told(refused(403), Dialect::Oci), None);
        // No other dialect leaves it open.
        assert_eq!(told(there, Dialect::Proofhouse), None);
    }

    #[test]
    fn what_a_target_has_and_has_not_of_mounts_and_of_sha512_is_told_and_changes_no_option() {
        /// Does as `true` says, or the other.
        struct Either(bool);
        #[async_trait::async_trait(?Send)]
        impl Target for Either {
            async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
                Ok(())
            }
            async fn perform(&mut self, op: &Op) -> Outcome {
                let stored = Outcome::BlobStored { digest: None };
                match op {
                    Op::MountBlob { .. } if !self.0 => Outcome::Upload { id: "1".into(), size: 0 },
                    Op::FinishUpload { digest: Some(digest), .. } if !self.0 && digest.starts_with("sha512") => {
                        Outcome::Refused { status: 400, errors: Vec::new() }
                    }
                    Op::MountBlob { .. } | Op::FinishUpload { .. } => stored,
                    _ => Outcome::Refused { status: 403, errors: Vec::new() },
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for has in [true, false] {
            let found = runtime.block_on(probe(&mut Either(has), Dialect::Oci, &Options::default())).unwrap();
            for key in [MOUNTS, SHA512] {
                let told = found.iter().find(|one| one.key == key).unwrap();
                assert_eq!(told.value, has.to_string(), "{told:?}");
            }
            assert_eq!(apply(&Options::default(), &found).unwrap(), Options::default());
        }
    }

    #[test]
    fn what_is_left_open_is_not_inferred() {
        struct Odd;
        #[async_trait::async_trait(?Send)]
        impl Target for Odd {
            async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
                Ok(())
            }
            async fn perform(&mut self, _: &Op) -> Outcome {
                Outcome::Refused { status: 403, errors: Vec::new() }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(probe(&mut Odd, Dialect::Oci, &Options::default())).unwrap();
        assert_eq!(found, []);
    }
}
