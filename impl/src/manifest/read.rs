//! Reading a document as a manifest, in two passes.
//!
//! The first ([`walk`](super::walk)) holds every byte to the rules and says what is wrong and where. The second is ordinary
//! serde: one struct for each of the four types, as strict as serde can be. A document is a manifest if *both* take it, so a
//! slip in one of them refuses a document rather than letting one through.
//!
//! The types of the `oci-spec` crate are not used: they take keys that stand twice in a map, objects written as arrays and
//! digests of other algorithms, and refuse media types and platforms that the rules let pass.

use std::collections::BTreeMap;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, IgnoredAny, Unexpected};

use super::walk::walk;
use super::{Descriptor, Malformed, Manifest, ManifestType, Platform};
use crate::digest::Digest;

/// Reads a document that was sent as a manifest of this type.
///
/// # Errors
/// [`Malformed`] says the first thing that is wrong and where. The rules are in `docs/behaviour.md`, "Reading a manifest"; all
/// of them hold for what is read, and rule 1 for everything. The size of the document is the caller's to limit.
pub fn read(kind: ManifestType, bytes: &[u8]) -> Result<Manifest, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed::NotUtf8 { offset: error.valid_up_to() })?;
    walk(kind, text)?;
    match kind {
        ManifestType::DockerManifest => typed::<DockerManifest>(text).map(Manifest::from),
        ManifestType::DockerList => typed::<DockerList>(text).map(Manifest::from),
        ManifestType::OciManifest => typed::<OciManifest>(text).map(Manifest::from),
        ManifestType::OciIndex => typed::<OciIndex>(text).map(Manifest::from),
    }
}

fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(Malformed::Untyped)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerManifest {
    #[serde(rename = "schemaVersion")]
    _version: Two,
    #[serde(rename = "mediaType")]
    _media_type: String,
    config: Content,
    layers: Vec<Content>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerList {
    #[serde(rename = "schemaVersion")]
    _version: Two,
    #[serde(rename = "mediaType")]
    _media_type: String,
    manifests: Vec<Entry>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciManifest {
    #[serde(rename = "schemaVersion")]
    _version: Two,
    // Absent is well, null is not: so a default, and no Option.
    #[serde(rename = "mediaType", default)]
    _media_type: String,
    config: Content,
    layers: Vec<Content>,
    subject: Option<Content>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciIndex {
    #[serde(rename = "schemaVersion")]
    _version: Two,
    #[serde(rename = "mediaType", default)]
    _media_type: String,
    manifests: Vec<Entry>,
    subject: Option<Content>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

/// A configuration, a layer, a subject.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    media_type: String,
    #[serde(deserialize_with = "digest")]
    digest: Digest,
    #[serde(deserialize_with = "size")]
    size: u64,
    urls: Option<Vec<String>>,
    // Not looked at, so it may be anything; here so that it stands once.
    #[serde(rename = "platform")]
    _platform: Option<IgnoredAny>,
}

/// An entry of a list.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    #[serde(deserialize_with = "digest")]
    digest: Digest,
    #[serde(deserialize_with = "size")]
    size: u64,
    urls: Option<Vec<String>>,
    platform: Option<EntryPlatform>,
}

#[derive(serde::Deserialize)]
struct EntryPlatform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// The integer 2.
struct Two;

impl<'de> Deserialize<'de> for Two {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            2 => Ok(Self),
            other => Err(D::Error::invalid_value(Unexpected::Unsigned(other), &"2")),
        }
    }
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = i64::deserialize(deserializer)?;
    u64::try_from(size).map_err(|_| D::Error::invalid_value(Unexpected::Signed(size), &"a size"))
}

impl From<Content> for Descriptor {
    fn from(content: Content) -> Self {
        let Content { media_type, digest, size, urls, _platform } = content;
        Self { media_type, digest, size, urls: urls.unwrap_or_default(), platform: None }
    }
}

impl From<Entry> for Descriptor {
    fn from(entry: Entry) -> Self {
        let Entry { media_type, digest, size, urls, platform } = entry;
        let platform = platform.map(|EntryPlatform { architecture, os }| Platform { architecture, os });
        Self { media_type, digest, size, urls: urls.unwrap_or_default(), platform }
    }
}

fn descriptors<T: Into<Descriptor>>(read: Vec<T>) -> Vec<Descriptor> {
    read.into_iter().map(Into::into).collect()
}

impl Manifest {
    fn empty(kind: ManifestType) -> Self {
        Self {
            kind,
            config: None,
            layers: Vec::new(),
            entries: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations: None,
        }
    }
}

impl From<DockerManifest> for Manifest {
    fn from(read: DockerManifest) -> Self {
        Self {
            config: Some(read.config.into()),
            layers: descriptors(read.layers),
            ..Self::empty(ManifestType::DockerManifest)
        }
    }
}

impl From<DockerList> for Manifest {
    fn from(read: DockerList) -> Self {
        Self { entries: descriptors(read.manifests), ..Self::empty(ManifestType::DockerList) }
    }
}

impl From<OciManifest> for Manifest {
    fn from(read: OciManifest) -> Self {
        Self {
            config: Some(read.config.into()),
            layers: descriptors(read.layers),
            subject: read.subject.map(Into::into),
            artifact_type: read.artifact_type,
            annotations: read.annotations,
            ..Self::empty(ManifestType::OciManifest)
        }
    }
}

impl From<OciIndex> for Manifest {
    fn from(read: OciIndex) -> Self {
        Self {
            entries: descriptors(read.manifests),
            subject: read.subject.map(Into::into),
            artifact_type: read.artifact_type,
            annotations: read.annotations,
            ..Self::empty(ManifestType::OciIndex)
        }
    }
}

#[cfg(test)]
mod tests;
