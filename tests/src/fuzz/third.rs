//! A third reader of manifests, the `oci-spec` crate, and the rules by which it may say otherwise than ours.
//!
//! Its types are what Rust programs read images with. Where it refuses what ours take, it must take the same document once
//! what only it reads is gone ([`STRICTER`]). Where it takes what ours refuse, the document must show why ([`LAXER`]).
//! Everything else is a mistake in one of the three.

use std::collections::BTreeSet;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use proofhouse_model::is_digest;
use proofhouse_registry::manifest::{Manifest, ManifestType};
use serde_json::{Map, Value};

use super::keys::stands_twice;

/// Why the third reader may refuse what ours take.
pub const STRICTER: [&str; 5] = [
    "descriptor.unread: `annotations`, `artifactType` and `data` of a descriptor are not read here, so they may be anything (rule 7)",
    "platform.unread: of a platform only `architecture` and `os` are read (rule 7)",
    "platform.incomplete: what is missing of a platform is empty (rule 7)",
    "platform.elsewhere: the platform of a config, a layer or a subject is not read (rule 7)",
    "docker.unread: `subject`, `artifactType` and `annotations` are read in OCI's types only (rule 8)",
];

/// Why the third reader may take what ours refuse.
pub const LAXER: [&str; 9] = [
    "json: what is not read is held to the rules of JSON as well, and nothing nests deeper than 64 levels (rule 1)",
    "keys: a key that is read stands once, and in its own case (rule 2)",
    "version: schemaVersion is 2 (rule 3)",
    "type: mediaType is that of the Content-Type (rule 4)",
    "confusion: nothing is an image and an index (rule 5)",
    "list-for-object: an object is no list of its members (rules 1, 6 and 7)",
    "algorithm: digests are sha256 or sha512 (rule 7)",
    "size: no size is larger than 2^63-1 (rule 7)",
    "platform.list: a platform is no list of its members (rule 7)",
];

/// What the third reader makes of a document.
#[derive(Debug)]
pub(super) enum Third {
    Image(Box<ImageManifest>),
    Index(Box<ImageIndex>),
}

pub(super) fn read(kind: ManifestType, document: &[u8]) -> Result<Third, serde_json::Error> {
    match kind {
        ManifestType::DockerManifest | ManifestType::OciManifest => {
            serde_json::from_slice(document).map(|image| Third::Image(Box::new(image)))
        }
        ManifestType::DockerList | ManifestType::OciIndex => {
            serde_json::from_slice(document).map(|index| Third::Index(Box::new(index)))
        }
    }
}

/// The exceptions by which the third refuses what ours have taken. None: there is no excuse.
pub(super) fn stricter(kind: ManifestType, document: &[u8]) -> Option<BTreeSet<&'static str>> {
    let mut value: Value = serde_json::from_slice(document).ok()?;
    let mut met = BTreeSet::new();
    let is_docker = matches!(kind, ManifestType::DockerManifest | ManifestType::DockerList);
    let members = value.as_object_mut()?;
    if is_docker && remove(members, &["subject", "artifactType", "annotations"]) {
        met.insert(STRICTER[4]);
    }
    for (key, is_entry) in [("config", false), ("subject", false), ("layers", false), ("manifests", true)] {
        let found = members.get_mut(key);
        let several = match found {
            Some(Value::Array(several)) => &mut several[..],
            Some(one) => std::slice::from_mut(one),
            None => &mut [],
        };
        for descriptor in several.iter_mut().filter_map(Value::as_object_mut) {
            loosen(descriptor, is_entry, &mut met);
        }
    }
    // A key that is not read may stand twice; in a value it does not any more.
    read(kind, value.to_string().as_bytes()).is_ok().then_some(met)
}

/// Takes what only the third reads out of a descriptor.
fn loosen(descriptor: &mut Map<String, Value>, is_entry: bool, met: &mut BTreeSet<&'static str>) {
    if remove(descriptor, &["annotations", "artifactType", "data"]) {
        met.insert(STRICTER[0]);
    }
    if !is_entry && remove(descriptor, &["platform"]) {
        met.insert(STRICTER[3]);
    }
    let Some(Value::Object(platform)) = descriptor.get_mut("platform") else { return };
    if remove(platform, &["os_version", "os_features", "variant", "features"]) {
        met.insert(STRICTER[1]);
    }
    for key in ["architecture", "os"] {
        if !platform.contains_key(key) {
            platform.insert(key.to_owned(), Value::String(String::new()));
            met.insert(STRICTER[2]);
        }
    }
}

fn remove(from: &mut Map<String, Value>, keys: &[&str]) -> bool {
    let before = from.len();
    from.retain(|key, _| !keys.contains(&key.as_str()));
    from.len() < before
}

/// The exception by which the third takes what ours refuse by `rule`. None: there is no excuse.
pub(super) fn laxer(kind: ManifestType, document: &[u8], rule: &str, third: &Third) -> Option<&'static str> {
    let value: Result<Value, _> = serde_json::from_slice(document);
    let Ok(value) = value else { return (rule == "manifest.json").then_some(LAXER[0]) };
    let holds = |at: usize, holds: bool| holds.then_some(LAXER[at]);
    match rule {
        "manifest.json" if value.is_array() => Some(LAXER[5]),
        "manifest.json" => holds(0, depth(&value) > 64),
        "manifest.keys" => holds(1, stands_twice(document)),
        "manifest.schema-version" => holds(2, value.get("schemaVersion").and_then(Value::as_u64) != Some(2)),
        "manifest.media-type" => holds(3, value.get("mediaType").and_then(Value::as_str) != Some(kind.as_str())),
        "manifest.confusion" => {
            let alien: &[&str] = if matches!(third, Third::Index(_)) { &["config", "layers"] } else { &["manifests"] };
            holds(4, alien.iter().any(|key| value.get(key).is_some()))
        }
        "manifest.structure" => holds(5, values(&value).any(Value::is_array)),
        "manifest.descriptor" => {
            if descriptors(third).any(|descriptor| !is_digest(descriptor.digest().as_ref())) {
                return Some(LAXER[6]);
            }
            holds(7, descriptors(third).any(|descriptor| i64::try_from(descriptor.size()).is_err()))
        }
        "manifest.platform" => {
            let platforms = values(&value).filter_map(|entry| entry.get("platform"));
            holds(8, platforms.into_iter().any(Value::is_array))
        }
        _ => None,
    }
}

/// What must be descriptors in a document.
fn values(document: &Value) -> impl Iterator<Item = &Value> {
    let one = ["config", "subject"].into_iter().filter_map(|key| document.get(key));
    let several = ["layers", "manifests"].into_iter().filter_map(|key| document.get(key)?.as_array()).flatten();
    one.chain(several)
}

fn descriptors(third: &Third) -> Box<dyn Iterator<Item = &Descriptor> + '_> {
    match third {
        Third::Image(image) => {
            Box::new(std::iter::once(image.config()).chain(image.layers()).chain(image.subject().iter()))
        }
        Third::Index(index) => Box::new(index.manifests().iter().chain(index.subject().iter())),
    }
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

/// # Panics
/// If the third has read another thing than ours.
pub(super) fn must_agree(ours: &Manifest, third: &Third, document: &[u8]) {
    let is_oci = matches!(ours.kind, ManifestType::OciManifest | ManifestType::OciIndex);
    let mut expected: Vec<_> = ours.references().chain(&ours.subject).collect();
    let mut found: Vec<&Descriptor> = descriptors(third).collect();
    if !is_oci {
        // Docker's types have no subject for us.
        expected.truncate(ours.references().count());
        found.truncate(expected.len());
    }
    let shown = || format!("{ours:?}\n the third reader: {third:?}\n the document: {}", document.escape_ascii());
    assert_eq!(expected.len(), found.len(), "{}", shown());
    for (ours, third) in expected.into_iter().zip(found) {
        assert_eq!(ours.media_type, third.media_type().to_string(), "{}", shown());
        assert_eq!(ours.digest.as_str(), third.digest().as_ref(), "{}", shown());
        assert_eq!(ours.size, third.size(), "{}", shown());
        assert_eq!(ours.urls, *third.urls().as_ref().unwrap_or(&Vec::new()), "{}", shown());
        if let Some(platform) = &ours.platform {
            let third = third.platform().as_ref().expect("the third reader sees the platform");
            assert_eq!(platform.architecture, third.architecture().to_string(), "{}", shown());
            assert_eq!(platform.os, third.os().to_string(), "{}", shown());
        }
    }
    if is_oci {
        let (artifact_type, annotations) = match third {
            Third::Image(image) => (image.artifact_type(), image.annotations()),
            Third::Index(index) => (index.artifact_type(), index.annotations()),
        };
        assert_eq!(ours.artifact_type, artifact_type.as_ref().map(ToString::to_string), "{}", shown());
        let annotations = annotations.as_ref().map(|annotations| annotations.clone().into_iter().collect());
        assert_eq!(ours.annotations, annotations, "{}", shown());
    }
}
