//! From names to paths on disk, and back.
//!
//! [`read`] is a reader of the layout that shares nothing with `impl/src/paths.rs`: it knows the layout from its description there.
//! Whatever the names are, each path must be read as what it was made for, and nothing else. The bytes are three lines: a name, a tag
//! and an upload's id; what follows makes digests.

use std::fmt::Write as _;

use proofhouse_model::is_digest;
use proofhouse_registry::blob::UploadId;
use proofhouse_registry::digest::{Algorithm, Digest};
use proofhouse_registry::driver::StoragePath;
use proofhouse_registry::name::{RepositoryName, Tag};
use proofhouse_registry::paths;

use super::Taken;

/// Makes every path of these names, and reads each.
///
/// # Panics
/// If one is read as something else, or leads out of the root.
pub fn paths_roundtrip(data: &[u8]) -> Taken {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let (name, tag, id) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let rest = lines.next().unwrap_or_default().as_bytes();
    let (one, other) = (Digest::of(Algorithm::Sha256, rest), Digest::of(Algorithm::Sha512, rest));
    let offset = rest.iter().fold(0_u64, |offset, byte| (offset << 8) | u64::from(*byte));
    // Whatever the text is, as a path it stays below the root.
    if let Ok(path) = StoragePath::new(&text) {
        assert!(path.components().all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0')), "{text:?}");
    }
    let name: Result<RepositoryName, _> = name.parse();
    let (tag, id): (Result<Tag, _>, Result<UploadId, _>) = (tag.parse(), id.parse());
    for digest in [&one, &other] {
        must_read(&paths::blob_data(digest), "data", &[digest.as_str()]);
    }
    if let Ok(id) = &id {
        must_read(&paths::incoming(id), "incoming", &[id.as_str()]);
    }
    let Ok(name) = name else { return Taken::No };
    let repository = name.as_str();
    for digest in [&one, &other] {
        must_read(&paths::layer_link(&name, digest), "layer", &[repository, digest.as_str()]);
        must_read(&paths::revision_link(&name, digest), "revision", &[repository, digest.as_str()]);
        for subject in [&one, &other] {
            let parts = [repository, subject.as_str(), digest.as_str()];
            must_read(&paths::referrer_link(&name, subject, digest), "referrer", &parts);
        }
        if let Ok(tag) = &tag {
            let parts = [repository, tag.as_str(), digest.as_str()];
            must_read(&paths::tag_entry_link(&name, tag, digest), "entry", &parts);
        }
    }
    if let Ok(tag) = &tag {
        must_read(&paths::tag_current(&name, tag), "current", &[repository, tag.as_str()]);
    }
    if let Ok(id) = &id {
        let parts = [repository, id.as_str()];
        must_read(&paths::upload_data(&name, id), "upload data", &parts);
        must_read(&paths::upload_started_at(&name, id), "upload startedat", &parts);
        must_read(&paths::upload_moved(&name, id), "upload moved", &parts);
        must_read(&paths::upload_rewritten(&name, id), "upload rewritten", &parts);
        let (state, offset) = (paths::hash_state(&name, id, Algorithm::Sha256, offset), offset.to_string());
        must_read(&state, "state", &[repository, id.as_str(), "sha256", &offset]);
    }
    Taken::Yes
}

/// The kind, and what it was made of.
fn must_read(path: &StoragePath, kind: &str, parts: &[&str]) {
    let mut expected = kind.to_owned();
    for part in parts {
        let _ = write!(expected, " {part}");
    }
    assert_eq!(read(path.as_str()).as_deref(), Some(&*expected), "{path}");
    // What a tag or an upload adds is one component, never more.
    assert!(path.components().all(|part| !part.is_empty() && !part.starts_with('.')), "{path}");
}

/// What stands at a path, in words.
fn read(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.strip_prefix("/docker/registry/v2/")?.split('/').collect();
    let digest = |algorithm: &str, hex: &str| Some(format!("{algorithm}:{hex}")).filter(|digest| is_digest(digest));
    match *parts {
        ["blobs", algorithm, two, hex, "data"] if hex.get(..2) == Some(two) => {
            return Some(format!("data {}", digest(algorithm, hex)?));
        }
        ["incoming", id] => return Some(format!("incoming {id}")),
        _ => {}
    }
    // No component of a name begins with an underscore.
    let inside = parts.iter().position(|part| part.starts_with('_'))?;
    let name = parts.get(1..inside)?.join("/");
    if parts[0] != "repositories" || name.is_empty() {
        return None;
    }
    Some(match parts[inside..] {
        ["_layers", algorithm, hex, "link"] => format!("layer {name} {}", digest(algorithm, hex)?),
        ["_manifests", "revisions", algorithm, hex, "link"] => format!("revision {name} {}", digest(algorithm, hex)?),
        ["_manifests", "tags", tag, "current", "link"] => format!("current {name} {tag}"),
        ["_manifests", "tags", tag, "index", algorithm, hex, "link"] => {
            format!("entry {name} {tag} {}", digest(algorithm, hex)?)
        }
        ["_manifests", "referrers", of, subject, algorithm, hex, "link"] => {
            format!("referrer {name} {} {}", digest(of, subject)?, digest(algorithm, hex)?)
        }
        ["_uploads", id, file @ ("data" | "startedat" | "moved" | "rewritten")] => format!("upload {file} {name} {id}"),
        ["_uploads", id, "hashstates", algorithm, offset] => format!("state {name} {id} {algorithm} {offset}"),
        _ => return None,
    })
}
