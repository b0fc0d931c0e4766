//! What a manifest says, and when it is no manifest.
//!
//! [`read`] takes the bytes and the type that the client declared, and gives the references or the first rule
//! that the document breaks. Sources: image-spec, "Image Manifest" and "Image Index"; for what is stricter than they are,
//! CVE-2021-41190 and `docs/behaviour.md`, "Reading a manifest".

use std::collections::{BTreeMap, BTreeSet};

use strum::IntoEnumIterator as _;

use crate::json::{Json, fold};
use crate::refusal::{Refusal, Why, refusal};
use crate::{Platform, is_digest};

/// The four types of manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
pub(crate) enum Kind {
    #[strum(serialize = "application/vnd.docker.distribution.manifest.v2+json")]
    DockerManifest,
    #[strum(serialize = "application/vnd.docker.distribution.manifest.list.v2+json")]
    DockerList,
    #[strum(serialize = "application/vnd.oci.image.manifest.v1+json")]
    OciManifest,
    #[strum(serialize = "application/vnd.oci.image.index.v1+json")]
    OciIndex,
}

impl Kind {
    pub(crate) fn media_type(self) -> &'static str {
        self.into()
    }

    /// The type that a Content-Type names; parameters and case do not count.
    pub(crate) fn of(content_type: &str) -> Option<Kind> {
        Kind::iter().find(|kind| kind.media_type().eq_ignore_ascii_case(essence(content_type)))
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self, Kind::DockerList | Kind::OciIndex)
    }

    pub(crate) fn is_oci(self) -> bool {
        matches!(self, Kind::OciManifest | Kind::OciIndex)
    }
}

/// A Content-Type without its parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A reference to content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) urls: Vec<String>,
    /// None: the entry has no platform.
    pub(crate) platform: Option<Platform>,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) kind: Kind,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) entries: Vec<Descriptor>,
    pub(crate) subject: Option<Descriptor>,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Config and layers, in the order of the document.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    /// The digest of the subject.
    pub(crate) fn subject(&self) -> Option<&String> {
        self.subject.as_ref().map(|subject| &subject.digest)
    }

    /// The artifact type under which referrers list it: its own, else the config's (distribution-spec, "Listing Referrers").
    pub(crate) fn listed_artifact_type(&self) -> Option<String> {
        let own = self.artifact_type.clone().filter(|text| !text.is_empty());
        own.or_else(|| self.config.as_ref().map(|config| config.media_type.clone()))
    }
}

fn need<T>(value: Option<T>, rule: &'static str, reason: impl Into<String>) -> Result<T, Refusal> {
    value.ok_or_else(|| refusal(rule, Why::Document(reason.into())))
}

fn check(holds: bool, rule: &'static str, reason: impl Into<String>) -> Result<(), Refusal> {
    need(holds.then_some(()), rule, reason)
}

const DEEPEST: usize = 64;
const DOCUMENT_KEYS: [&str; 8] =
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations"];
const DESCRIPTOR_KEYS: [&str; 5] = ["mediaType", "digest", "size", "urls", "platform"];
const PLATFORM_KEYS: [&str; 2] = ["architecture", "os"];

/// Reads a document as the type that the client declared.
pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Result<Manifest, Refusal> {
    let document = Json::parse(bytes).map_err(|reason| refusal("manifest.json", Why::Document(reason)))?;
    check(matches!(document, Json::Object(_)), "manifest.json", "it is not a JSON object")?;
    check(document.depth() <= DEEPEST, "manifest.json", format!("it nests more than {DEEPEST} levels deep"))?;
    keys_are_unambiguous(&document, &DOCUMENT_KEYS, "the document")?;
    let version = document.get("schemaVersion");
    check(version == Some(&Json::Integer(2)), "manifest.schema-version", "schemaVersion is not the integer 2")?;
    let agrees = match document.get("mediaType") {
        None => kind.is_oci(),
        Some(said) => said.text() == Some(kind.media_type()),
    };
    check(agrees, "manifest.media-type", format!("mediaType is not the Content-Type, {}", kind.media_type()))?;
    let alien: &[&str] = if kind.is_list() { &["config", "layers"] } else { &["manifests"] };
    for key in alien {
        check(document.get(key).is_none(), "manifest.confusion", format!("`{key}` does not belong into this type"))?;
    }
    let (config, layers, entries) = if kind.is_list() {
        (None, Vec::new(), descriptors(&document, "manifests", true)?)
    } else {
        let config = descriptor(document.get("config"), "config", false)?;
        (Some(config), descriptors(&document, "layers", false)?, Vec::new())
    };
    let oci = |key| if kind.is_oci() { document.given(key) } else { None };
    let subject = oci("subject").map(|it| descriptor(Some(it), "subject", false)).transpose()?;
    let artifact_type =
        oci("artifactType").map(|it| need(it.text(), "manifest.structure", "`artifactType` is not a string"));
    let artifact_type = artifact_type.transpose()?.map(str::to_owned);
    let annotations = oci("annotations").map(annotations).transpose()?;
    Ok(Manifest { kind, config, layers, entries, subject, artifact_type, annotations })
}

/// Each key that is read stands at most once, and exactly as it is written.
fn keys_are_unambiguous(object: &Json, known: &[&str], place: &str) -> Result<(), Refusal> {
    let Json::Object(members) = object else { return Ok(()) };
    let mut seen = BTreeSet::new();
    for (name, _) in members {
        let folded = fold(name);
        let Some(key) = known.iter().find(|key| folded.eq_ignore_ascii_case(key)) else { continue };
        let once = name == key && seen.insert(key);
        check(once, "manifest.keys", format!("`{name}` in {place} can be read as `{key}` in two ways"))?;
    }
    Ok(())
}

fn descriptors(document: &Json, key: &str, entries: bool) -> Result<Vec<Descriptor>, Refusal> {
    let items = need(document.get(key).and_then(Json::list), "manifest.structure", format!("`{key}` is not a list"))?;
    items.iter().enumerate().map(|(at, item)| descriptor(Some(item), &format!("{key}[{at}]"), entries)).collect()
}

fn descriptor(value: Option<&Json>, place: &str, is_entry: bool) -> Result<Descriptor, Refusal> {
    let value = value.filter(|value| matches!(value, Json::Object(_)));
    let value = need(value, "manifest.structure", format!("`{place}` is not an object"))?;
    keys_are_unambiguous(value, &DESCRIPTOR_KEYS, place)?;
    let text = |key| value.get(key).and_then(Json::text).map(str::to_owned);
    let wrong = |what: &str| format!("`{place}.{what}");
    let size = match value.get("size") {
        Some(Json::Integer(size @ 0..=0x7fff_ffff_ffff_ffff)) => Some(*size),
        _ => None,
    };
    let urls = match value.given("urls") {
        None => Some(Vec::new()),
        Some(urls) => urls.list().and_then(|list| list.iter().map(|url| url.text().map(str::to_owned)).collect()),
    };
    let digest = text("digest").filter(|text| is_digest(text));
    Ok(Descriptor {
        media_type: need(text("mediaType"), "manifest.descriptor", wrong("mediaType` is not a string"))?,
        digest: need(digest, "manifest.descriptor", wrong("digest` is not a sha256 or sha512 digest"))?,
        size: need(size, "manifest.descriptor", wrong("size` is not an integer from 0 to 2^63-1"))?,
        urls: need(urls, "manifest.descriptor", wrong("urls` is not a list of strings"))?,
        platform: if is_entry { platform(value.given("platform"), place)? } else { None },
    })
}

fn platform(value: Option<&Json>, place: &str) -> Result<Option<Platform>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let is_object = matches!(value, Json::Object(_));
    check(is_object, "manifest.platform", format!("`{place}.platform` is not an object"))?;
    keys_are_unambiguous(value, &PLATFORM_KEYS, place)?;
    let text = |key| {
        let text = value.get(key).map_or(Some(""), Json::text).map(str::to_owned);
        need(text, "manifest.platform", format!("`{place}.platform.{key}` is not a string"))
    };
    Ok(Some(Platform { architecture: text("architecture")?, os: text("os")? }))
}

fn annotations(value: &Json) -> Result<BTreeMap<String, String>, Refusal> {
    let members = if let Json::Object(members) = value { Some(members) } else { None };
    let mut annotations = BTreeMap::new();
    for (key, value) in need(members, "manifest.structure", "`annotations` is not an object")? {
        let text = need(value.text(), "manifest.structure", format!("annotation `{key}` is not a string"))?;
        let before = annotations.insert(key.clone(), text.to_owned());
        check(before.is_none(), "manifest.keys", format!("annotation `{key}` stands twice"))?;
    }
    Ok(annotations)
}

/// The type of stored bytes: what they say, else what they look like.
pub(crate) fn derive(bytes: &[u8]) -> Option<Kind> {
    let document = Json::parse(bytes).ok().filter(|json| matches!(json, Json::Object(_)))?;
    let said = document.get("mediaType").and_then(Json::text);
    let said = Kind::iter().find(|kind| Some(kind.media_type()) == said);
    let looks = if document.get("manifests").is_some() { Kind::OciIndex } else { Kind::OciManifest };
    Some(said.unwrap_or(looks))
}

/// Stored bytes as a manifest, if they are one.
pub(crate) fn read_stored(bytes: &[u8]) -> Option<Manifest> {
    derive(bytes).and_then(|kind| read(kind, bytes).ok())
}

/// What a registry that reads a document loosely may take for its type and for its subject.
pub(crate) fn loosely(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(document) = Json::parse(bytes) else { return (None, None) };
    let text = |json: Option<&Json>| json.and_then(Json::text).map(str::to_owned);
    (text(document.get("mediaType")), text(document.get("subject").and_then(|subject| subject.get("digest"))))
}
