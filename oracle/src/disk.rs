//! An independent reader of the directory in which a registry keeps everything.
//!
//! It knows the layout (the CNCF distribution registry's, and our links from subjects to referrers) from its description,
//! not from the registry's code, and uses nothing but `std::fs`. [`differences`] compares what it finds with the model's
//! [`State`]: every file must be one that the state explains, and every one that the state demands must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use proofhouse_model::State;
use serde_json::Value;

/// What stands below a directory, by its path with `/` between the parts. Temporary files too.
#[derive(Default)]
struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
}

impl Tree {
    fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree::default();
        match tree.walk(root, "") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(tree),
        }
    }

    fn walk(&mut self, directory: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.walk(&entry.path(), &format!("{name}/"))?;
                self.directories.insert(name);
            } else {
                self.files.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Every repository that has anything of its own below this directory: a name ends before the first part with a `_`.
    fn repositories(&self, below: &str) -> BTreeSet<String> {
        let paths = self.directories.iter().chain(self.files.keys());
        let names = paths.filter_map(|path| {
            let path = path.strip_prefix(below)?;
            if path.starts_with('_') { Some("") } else { path.split_once("/_").map(|(name, _)| name) }
        });
        names.map(str::to_owned).collect()
    }
}

/// What must be there: each file, and its bytes.
fn demanded(state: &State) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (digest, blob) in &state.blobs {
        let (algorithm, hex) = split(digest);
        files.insert(format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2]), blob.bytes.to_vec());
    }
    for (name, repo) in &state.repos {
        let base = format!("repositories/{name}");
        let manifests = format!("{base}/_manifests");
        let mut link = |at: String, digest: &str| files.insert(format!("{at}/link"), digest.as_bytes().to_vec());
        let place = |digest: &str| split(digest).0.to_owned() + "/" + split(digest).1;
        for digest in repo.layers.keys() {
            link(format!("{base}/_layers/{}", place(digest)), digest);
        }
        for digest in repo.revisions.keys() {
            link(format!("{manifests}/revisions/{}", place(digest)), digest);
            if let Some(subject) = state.blobs.get(digest).and_then(|blob| subject(&blob.bytes)) {
                link(format!("{manifests}/referrers/{}/{}", place(&subject), place(digest)), digest);
            }
        }
        for (name, tag) in &repo.tags {
            link(format!("{manifests}/tags/{name}/current"), &tag.current);
            for digest in &tag.history {
                link(format!("{manifests}/tags/{name}/index/{}", place(digest)), digest);
            }
        }
    }
    files
}

fn split(digest: &str) -> (&str, &str) {
    digest.split_once(':').unwrap_or(("", digest))
}

/// The subject that a stored manifest names. Docker's types have none.
fn subject(bytes: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let media_type = document.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if media_type.starts_with("application/vnd.docker.") {
        return None;
    }
    document.get("subject")?.get("digest")?.as_str().map(str::to_owned)
}

/// Everything in which the storage below `root` differs from the state, one sentence each. `root` has `docker/registry/v2`
/// in it, or nothing at all.
///
/// `hash_states`: hash states of open uploads may be there. A sentence begins with what it is about, so that two
/// findings can be told apart by their first word.
pub fn differences(root: &Path, state: &State, hash_states: bool) -> Vec<String> {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => return vec![format!("Directory {} cannot be read: {error}", root.display())],
    };
    let mut differences = Vec::new();
    let top = "docker/registry/v2/";
    let repositories = tree.repositories(&format!("{top}repositories/"));
    let Tree { files: mut found, directories } = tree;
    for (path, bytes) in demanded(state) {
        match found.remove(&format!("{top}{path}")) {
            None => differences.push(format!("{} {path} is missing", subject_of(&path))),
            Some(there) if there != bytes => differences.push(format!(
                "{} {path} holds {} instead of {}",
                subject_of(&path),
                shown(&there),
                shown(&bytes)
            )),
            Some(_) => {}
        }
    }
    for upload in state.uploads.values() {
        let Some(id) = &upload.id else { continue };
        let base = format!("{top}repositories/{}/_uploads/{id}/", upload.repo);
        let data = found.remove(&format!("{base}data"));
        if data.as_deref().unwrap_or_default() != &*upload.bytes {
            let there = data.map_or("nothing".to_owned(), |data| shown(&data));
            differences.push(format!("Upload {id} holds {there} instead of {}", shown(&upload.bytes)));
        }
        match found.remove(&format!("{base}startedat")).map(String::from_utf8) {
            Some(Ok(text)) if is_rfc3339(&text) => {}
            Some(text) => differences.push(format!("Upload {id} has a startedat that is no RFC 3339 time: {text:?}")),
            None => differences.push(format!("Upload {id} has no startedat")),
        }
        let states = format!("{base}hashstates/");
        found.retain(|path, _| !(hash_states && path.starts_with(&states)));
    }
    for path in found.keys() {
        let path = path.strip_prefix(top).unwrap_or(path);
        differences.push(format!("{} {path} should not be there", subject_of(path)));
    }
    for name in repositories.iter().filter(|name| !state.repos.contains_key(*name)) {
        differences.push(format!("Repository {name} should not be there"));
    }
    for (name, repo) in &state.repos {
        let there = directories.contains(&format!("{top}repositories/{name}/_manifests"));
        if there != repo.held_manifests {
            let word = if there { "should not be" } else { "must be" };
            differences.push(format!("Repository {name}: its _manifests directory {word} there"));
        }
    }
    differences
}

/// What a path is about, in a word.
fn subject_of(path: &str) -> &'static str {
    let kinds = [
        (".tmp-", "Temporary"),
        ("/_layers/", "Layer"),
        ("/_manifests/revisions/", "Revision"),
        ("/_manifests/tags/", "Tag"),
        ("/_manifests/referrers/", "Referrer"),
        ("/_uploads/", "Upload"),
    ];
    let kind = kinds.iter().find(|(part, _)| path.contains(part)).map(|(_, kind)| *kind);
    kind.unwrap_or(if path.starts_with("blobs/") { "Blob" } else { "File" })
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    format!("{} bytes ({text:?})", bytes.len())
}

/// `2020-01-02T03:04:05Z`, with a fraction or an offset perhaps.
fn is_rfc3339(text: &str) -> bool {
    let pattern = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
    let Some((time, rest)) = text.split_at_checked(pattern.len()) else { return false };
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = |zone: &str| zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':';
    time.bytes().zip(*pattern).all(fits) && (zone == "Z" || offset(zone))
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Blob, Content, Repository, Revision, Upload, UploadRef};

    use super::*;

    const DIGEST: &str = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    const HEX: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    fn blob(text: &str) -> Blob {
        Blob { bytes: Content::from(text), stored_at: 0 }
    }

    fn state() -> State {
        let mut state = State::default();
        state.blobs.insert(DIGEST.into(), blob("x"));
        let repo = Repository { layers: BTreeMap::from([(DIGEST.into(), 0)]), ..Default::default() };
        state.repos.insert("a/b".into(), repo);
        let bytes = Content::from("half");
        let upload = Upload { repo: "a/b".into(), id: Some("u1".into()), bytes, started_at: 0 };
        state.uploads.insert(UploadRef(1), upload);
        state
    }

    fn write(root: &Path, path: &str, bytes: &str) {
        let path = root.join("docker/registry/v2").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn sound() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &format!("blobs/sha256/2d/{HEX}/data"), "x");
        write(root.path(), &format!("repositories/a/b/_layers/sha256/{HEX}/link"), DIGEST);
        write(root.path(), "repositories/a/b/_uploads/u1/data", "half");
        write(root.path(), "repositories/a/b/_uploads/u1/startedat", "2020-01-02T03:04:05.25Z");
        write(root.path(), "repositories/a/b/_uploads/u1/hashstates/sha256/4", "state");
        root
    }

    #[test]
    fn a_directory_that_is_as_the_state_says_shows_no_difference() {
        assert_eq!(differences(sound().path(), &state(), true), Vec::<String>::new());
        assert_eq!(differences(Path::new("/nonexistent/root"), &State::default(), true), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let cases: [(&str, Option<&str>, &str); 8] = [
            ("blobs/sha256/2d/HEX/data", Some("y"), "Blob"),
            ("blobs/sha256/2d/HEX/data", None, "Blob"),
            ("repositories/a/b/_layers/sha256/HEX/link", Some("sha256:00"), "Layer"),
            ("repositories/a/b/_uploads/u1/data", Some("hal"), "Upload"),
            ("repositories/a/b/_uploads/u1/startedat", Some("yesterday"), "Upload"),
            ("repositories/a/b/_manifests/tags/v1/current/link", Some(DIGEST), "Tag"),
            ("repositories/a/_layers/.tmp-1", Some(""), "Temporary"),
            ("stray", Some(""), "File"),
        ];
        for (path, bytes, subject) in cases {
            let root = sound();
            let path = path.replace("HEX", HEX);
            match bytes {
                Some(bytes) => write(root.path(), &path, bytes),
                None => fs::remove_file(root.path().join("docker/registry/v2").join(&path)).unwrap(),
            }
            let found = differences(root.path(), &state(), true);
            assert!(found.iter().any(|difference| difference.starts_with(subject)), "{path}: {found:?}");
        }
    }

    #[test]
    fn a_repository_of_which_nothing_but_a_directory_is_there_is_told() {
        let root = sound();
        fs::create_dir_all(root.path().join("docker/registry/v2/repositories/a/_uploads")).unwrap();
        fs::create_dir_all(root.path().join("docker/registry/v2/repositories/empty/below")).unwrap();
        assert_eq!(differences(root.path(), &state(), true), ["Repository a should not be there"]);
    }

    #[test]
    fn hash_states_may_be_there_only_where_they_are_switched_on() {
        let found = differences(sound().path(), &state(), false);
        assert!(matches!(&found[..], [one] if one.contains("hashstates")), "{found:?}");
    }

    #[test]
    fn the_link_to_a_referrer_is_demanded() {
        let mut state = State::default();
        let digest = format!("sha512:{}", "0".repeat(128));
        let manifest = format!(r#"{{"manifests":[],"subject":{{"digest":"{DIGEST}"}}}}"#);
        state.blobs.insert(digest.clone(), blob(&manifest));
        let revision = Revision { declared: None, linked_at: 0 };
        let revisions = BTreeMap::from([(digest, revision)]);
        state.repos.insert("a".into(), Repository { revisions, held_manifests: true, ..Default::default() });
        let wanted = format!("repositories/a/_manifests/referrers/sha256/{HEX}/sha512/{}/link", "0".repeat(128));
        assert!(demanded(&state).contains_key(&wanted));
    }
}
