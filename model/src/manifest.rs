//! What a manifest says, and when it is no manifest.
//!
//! [`read`] takes the bytes and the type that the client declared, and gives the references or the first rule
//! that the document breaks. Sources: image-spec, "Image Manifest" and "Image Index"; for what is stricter than they are,
//! CVE-2021-41190 and `docs/behaviour.md`, "Reading a manifest".

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Json, fold};
use crate::names::is_digest;
use crate::rules::RuleId;

/// The four types of manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    DockerManifest,
    DockerList,
    OciManifest,
    OciIndex,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::DockerManifest, Kind::DockerList, Kind::OciManifest, Kind::OciIndex];

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Kind::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Kind::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Kind::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Kind::OciIndex => "application/vnd.oci.image.index.v1+json",
        }
    }

    /// The type that a Content-Type names; parameters and case do not count.
    pub(crate) fn of(content_type: &str) -> Option<Kind> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        Kind::ALL.into_iter().find(|kind| kind.media_type().eq_ignore_ascii_case(essence))
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self, Kind::DockerList | Kind::OciIndex)
    }

    pub(crate) fn is_oci(self) -> bool {
        matches!(self, Kind::OciManifest | Kind::OciIndex)
    }
}

/// A reference to content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) urls: Vec<String>,
    /// Architecture and os. None: the entry has no platform.
    pub(crate) platform: Option<(String, String)>,
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
    /// The artifact type under which referrers list it (distribution-spec, "Listing Referrers").
    pub(crate) fn listed_artifact_type(&self) -> Option<String> {
        let own = self.artifact_type.clone().filter(|text| !text.is_empty());
        own.or_else(|| self.config.as_ref().map(|config| config.media_type.clone()))
    }
}

/// Why a document is refused: the rule, and where in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) rule: RuleId,
    pub(crate) reason: String,
}

fn malformed<T>(rule: &'static str, reason: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed { rule: RuleId(rule), reason: reason.into() })
}

const DEEPEST: usize = 64;
const DOCUMENT_KEYS: [&str; 8] =
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations"];
const DESCRIPTOR_KEYS: [&str; 5] = ["mediaType", "digest", "size", "urls", "platform"];
const PLATFORM_KEYS: [&str; 2] = ["architecture", "os"];

/// Reads a document as the type that the client declared.
pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Result<Manifest, Malformed> {
    let document = match Json::parse(bytes) {
        Ok(document @ Json::Object(_)) if document.depth() <= DEEPEST => document,
        Ok(Json::Object(_)) => return malformed("manifest.json", format!("it nests more than {DEEPEST} levels deep")),
        Ok(_) => return malformed("manifest.json", "it is not a JSON object"),
        Err(error) => return malformed("manifest.json", error),
    };
    keys_are_unambiguous(&document, &DOCUMENT_KEYS, "the document")?;
    if document.get("schemaVersion") != Some(&Json::Number(Some(2))) {
        return malformed("manifest.schema-version", "schemaVersion is not the integer 2");
    }
    match document.get("mediaType") {
        None if kind.is_oci() => {}
        Some(Json::Text(text)) if text == kind.media_type() => {}
        _ => {
            return malformed(
                "manifest.media-type",
                format!("mediaType does not agree with the Content-Type {}", kind.media_type()),
            );
        }
    }
    let foreign: &[&str] = if kind.is_list() { &["config", "layers"] } else { &["manifests"] };
    if let Some(key) = foreign.iter().find(|key| document.get(key).is_some()) {
        return malformed("manifest.confusion", format!("`{key}` does not belong into this type"));
    }
    let manifest = Manifest {
        kind,
        config: if kind.is_list() { None } else { Some(descriptor(document.get("config"), "config", false)?) },
        layers: if kind.is_list() { Vec::new() } else { descriptors(&document, "layers", false)? },
        entries: if kind.is_list() { descriptors(&document, "manifests", true)? } else { Vec::new() },
        subject: None,
        artifact_type: None,
        annotations: None,
    };
    if kind.is_oci() { with_oci_fields(manifest, &document) } else { Ok(manifest) }
}

/// Each key that is read stands at most once, and exactly as it is written.
fn keys_are_unambiguous(object: &Json, known: &[&str], place: &str) -> Result<(), Malformed> {
    let Json::Object(members) = object else { return Ok(()) };
    let mut seen = BTreeSet::new();
    for (name, _) in members {
        let Some(key) = known.iter().find(|key| fold(key) == fold(name)) else { continue };
        if name != key || !seen.insert(key) {
            return malformed("manifest.keys", format!("`{name}` in {place} can be read as `{key}` in two ways"));
        }
    }
    Ok(())
}

fn descriptors(document: &Json, key: &str, entries: bool) -> Result<Vec<Descriptor>, Malformed> {
    let Some(items) = document.get(key).and_then(Json::list) else {
        return malformed("manifest.structure", format!("`{key}` is not a list"));
    };
    items.iter().enumerate().map(|(at, item)| descriptor(Some(item), &format!("{key}[{at}]"), entries)).collect()
}

fn descriptor(value: Option<&Json>, place: &str, is_entry: bool) -> Result<Descriptor, Malformed> {
    let Some(value @ Json::Object(_)) = value else {
        return malformed("manifest.structure", format!("`{place}` is not an object"));
    };
    keys_are_unambiguous(value, &DESCRIPTOR_KEYS, place)?;
    let Some(media_type) = value.get("mediaType").and_then(Json::text) else {
        return malformed("manifest.descriptor", format!("`{place}.mediaType` is not a string"));
    };
    let Some(digest) = value.get("digest").and_then(Json::text).filter(|text| is_digest(text)) else {
        return malformed("manifest.descriptor", format!("`{place}.digest` is not a sha256 or sha512 digest"));
    };
    if !matches!(value.get("size"), Some(Json::Number(Some(0..=0x7fff_ffff_ffff_ffff)))) {
        return malformed("manifest.descriptor", format!("`{place}.size` is not an integer from 0 to 2^63-1"));
    }
    let urls = match value.get("urls") {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(urls) => urls.list().and_then(|list| list.iter().map(|url| url.text().map(str::to_owned)).collect()),
    };
    let Some(urls) = urls else {
        return malformed("manifest.descriptor", format!("`{place}.urls` is not a list of strings"));
    };
    let platform = if is_entry { platform(value.get("platform"), place)? } else { None };
    Ok(Descriptor { media_type: media_type.to_owned(), digest: digest.to_owned(), urls, platform })
}

fn platform(value: Option<&Json>, place: &str) -> Result<Option<(String, String)>, Malformed> {
    let value = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(value @ Json::Object(_)) => value,
        Some(_) => return malformed("manifest.platform", format!("`{place}.platform` is not an object")),
    };
    keys_are_unambiguous(value, &PLATFORM_KEYS, place)?;
    let text = |key| match value.get(key) {
        None => Ok(String::new()),
        Some(Json::Text(text)) => Ok(text.clone()),
        Some(_) => malformed("manifest.platform", format!("`{place}.platform.{key}` is not a string")),
    };
    Ok(Some((text("architecture")?, text("os")?)))
}

fn with_oci_fields(mut manifest: Manifest, document: &Json) -> Result<Manifest, Malformed> {
    manifest.subject = match document.get("subject") {
        None | Some(Json::Null) => None,
        subject => Some(descriptor(subject, "subject", false)?),
    };
    manifest.artifact_type = match document.get("artifactType") {
        None | Some(Json::Null) => None,
        Some(Json::Text(text)) => Some(text.clone()),
        Some(_) => return malformed("manifest.structure", "`artifactType` is not a string"),
    };
    manifest.annotations = match document.get("annotations") {
        None | Some(Json::Null) => None,
        Some(Json::Object(members)) => {
            let mut annotations = BTreeMap::new();
            for (key, value) in members {
                let Some(text) = value.text() else {
                    return malformed("manifest.structure", format!("annotation `{key}` is not a string"));
                };
                if annotations.insert(key.clone(), text.to_owned()).is_some() {
                    return malformed("manifest.keys", format!("annotation `{key}` stands twice"));
                }
            }
            Some(annotations)
        }
        Some(_) => return malformed("manifest.structure", "`annotations` is not an object"),
    };
    Ok(manifest)
}

/// The type of stored bytes: what they say, else what they look like.
pub(crate) fn derive(bytes: &[u8]) -> Option<Kind> {
    let document = Json::parse(bytes).ok().filter(|json| matches!(json, Json::Object(_)))?;
    let said = document.get("mediaType").and_then(Json::text);
    let said = Kind::ALL.into_iter().find(|kind| Some(kind.media_type()) == said);
    let looks = if document.get("manifests").is_some() { Kind::OciIndex } else { Kind::OciManifest };
    Some(said.unwrap_or(looks))
}

/// Stored bytes as a manifest, if they are one.
pub(crate) fn read_stored(bytes: &[u8]) -> Option<Manifest> {
    derive(bytes).and_then(|kind| read(kind, bytes).ok())
}
