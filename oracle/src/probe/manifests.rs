//! What a target makes of manifests: their URLs, their subjects, the entries of indexes, their size.

use proofhouse_model::{Code, Op, Options, Outcome, Platform};
use regex::Regex;

use super::{Asking, CONFIG, IMAGE, INDEX, Inference, REPOSITORY, TAG, image, push, put, says, sha256};
use crate::facts::{MANIFEST_BYTES, REFERRERS};

/// The URL of the layer that is asked about.
const URL: &str = "https://layers.example/layer";

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

/// In bytes. A registry should take 4 MiB.
pub(super) const SIZES: [usize; 3] = [64 << 10, 1 << 20, 4 << 20];

/// Are URLs of layers refused? An image is pushed, and again with a layer that has a URL. A pattern cannot be found out.
pub(super) async fn urls(target: &mut Asking<'_>) -> Option<Inference> {
    let layer = format!(
        r#"{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{}","size":2,"urls":["{URL}"]}}"#,
        sha256("elsewhere")
    );
    push(target, CONFIG).await;
    let plain = put(target, TAG, IMAGE, &image("", "")).await;
    let foreign = put(target, TAG, IMAGE, &image(&layer, "")).await;
    let refused = says(&foreign, &Code::ManifestInvalid);
    (plain.succeeded() && refused)
        .then(|| Inference::new("urls_allow", "^$", "an image was refused whose layer has a URL"))
}

/// Is the URL that was asked about permitted? What is no regular expression permits nothing.
pub(super) fn allows(options: &Options) -> bool {
    let matches = |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(URL));
    options.urls_allow.as_deref().is_none_or(matches) && !options.urls_deny.as_deref().is_some_and(matches)
}

/// Is there a referrers API? An image with a subject is pushed, and the subject's referrers are asked for.
pub(super) async fn referrers(target: &mut Asking<'_>) -> Option<Inference> {
    push(target, CONFIG).await;
    let subject = sha256("subject");
    let more = format!(r#","subject":{{"mediaType":"{IMAGE}","digest":"{subject}","size":7}}"#);
    let document = image("", &more);
    let pushed = put(target, TAG, IMAGE, &document).await;
    let Outcome::ManifestStored { subject: confirmed, .. } = pushed else { return None };
    let confirmed = if confirmed.is_some() { "confirmed" } else { "not confirmed" };
    let asked = Op::Referrers { repo: REPOSITORY.to_owned(), digest: subject, artifact_type: None };
    let (there, answered) = match target.perform(&asked).await {
        Outcome::Referrers { referrers, .. } if referrers.iter().any(|row| row.digest == sha256(&document)) => {
            (true, "it is listed among the subject's referrers")
        }
        Outcome::Refused { status: 404, .. } => (false, "the subject's referrers are 404"),
        // A list that lacks it, or another refusal: the run will say what is wrong.
        _ => return None,
    };
    let evidence = format!("a manifest was pushed whose subject was {confirmed} by OCI-Subject, and {answered}");
    Some(Inference::part(REFERRERS, there, evidence))
}

/// Which entries of an index must exist? Indexes are pushed whose one entry is not there.
pub(super) async fn validation(target: &mut Asking<'_>) -> Option<Inference> {
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
    Some(Inference::new("validate_index", value, evidence))
}

/// The option as it is written: none, all, or those platforms of its filter that `which` takes.
pub(super) fn validated(options: &Options, which: impl Fn(&str) -> bool) -> String {
    if !options.validate_index || options.platforms.is_empty() {
        return if options.validate_index { "all" } else { "none" }.to_owned();
    }
    let written = |platform: &Platform| format!("{}/{}", platform.os, platform.architecture);
    let mut platforms: Vec<String> = options.platforms.iter().map(written).filter(|it| which(it)).collect();
    platforms.sort_by_key(|it| PLATFORMS.iter().position(|asked| asked == it));
    platforms.dedup();
    // None of the platforms that are asked about is filtered: then all of the answers are as without a filter.
    if platforms.is_empty() { "none".to_owned() } else { platforms.join(",") }
}

/// Is it one of the platforms that are asked about?
pub(super) fn is_asked(platform: &str) -> bool {
    PLATFORMS.contains(&platform)
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
    match put(target, TAG, INDEX, &document).await {
        outcome if outcome.succeeded() => Some(true),
        outcome if says(&outcome, &Code::ManifestBlobUnknown) => Some(false),
        _ => None,
    }
}

/// How large may a manifest be? Images are pushed that are padded to these sizes, until one is refused.
pub(super) async fn size(target: &mut Asking<'_>, sizes: &[usize]) -> Option<Inference> {
    if !push(target, CONFIG).await {
        return None;
    }
    let mut taken: Option<usize> = None;
    for &bytes in sizes {
        match put(target, TAG, IMAGE, &padded(bytes)).await {
            outcome if outcome.succeeded() => taken = Some(bytes),
            Outcome::Refused { status, .. } => {
                let evidence = match taken {
                    Some(taken) => {
                        format!("an image of {taken} bytes was taken, and one of {bytes} was refused with {status}")
                    }
                    None => format!("an image of {bytes} bytes was refused with {status}"),
                };
                return Some(Inference::new(MANIFEST_BYTES, taken.unwrap_or_default().to_string(), evidence));
            }
            // No answer, or none that can be read.
            _ => return None,
        }
    }
    let taken = taken?;
    Some(Inference::new(
        MANIFEST_BYTES,
        taken.to_string(),
        format!("an image of {taken} bytes was taken, the largest that was tried"),
    ))
}

/// An image of exactly that many bytes.
pub(super) fn padded(bytes: usize) -> String {
    let with = |pad: &str| image("", &format!(r#","annotations":{{"pad":"{pad}"}}"#));
    with(&"x".repeat(bytes.saturating_sub(with("").len())))
}
