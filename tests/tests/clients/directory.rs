//! One directory, a client, two registries: what Skopeo pushed through ours it pulls from CNCF distribution 2.8, and the other
//! way round, after either has collected garbage.

use std::collections::BTreeMap;
use std::path::Path;

use proofhouse_registry::control::{Done, Work, perform};
use proofhouse_registry::fsck::FsckOptions;
use proofhouse_registry::gc::GcOptions;
use proofhouse_tests::client::Skopeo;
use proofhouse_tests::layout::Layout;
use proofhouse_tests::peer::Peer;
use tokio::runtime::Runtime;

use super::{Ours, push, skopeo, there};

/// Everything of an image that Skopeo pulls, by the image's name.
type Images = BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>;

/// An OCI image, a Docker image of the same layers, and both kinds of several platforms.
const IMAGES: [&str; 4] = ["team/app:oci", "team/app:docker", "team/app/debug:index", "team/app/debug:list"];

fn peer(root: &Path) -> Peer {
    Peer::start(root).unwrap().unwrap()
}

fn image_of(peer: &Peer, name: &str) -> String {
    peer.url(&format!("/{name}")).replacen("http://", "docker://", 1)
}

/// Pushes [`IMAGES`], to what `at` makes of a name.
fn fill(skopeo: &Skopeo, at: impl Fn(&str) -> String) {
    let mut layout = Layout::new().unwrap();
    let images =
        [layout.image("amd64", &["base", "amd64"]).unwrap(), layout.image("arm64", &["base", "arm64"]).unwrap()];
    let index = layout.index(&images).unwrap();
    let (image, index) = (layout.tag(&images[0], "image").unwrap(), layout.tag(&index, "index").unwrap());
    let options: [&[&str]; 4] = [&[], &["--format", "v2s2"], &["--all"], &["--all", "--format", "v2s2"]];
    for ((name, source), options) in IMAGES.into_iter().zip([&image, &image, &index, &index]).zip(options) {
        push(skopeo, options, source, &at(name));
    }
}

/// Pushes an image and deletes it, so that there is something to collect. Gives the digests of its layer and config.
fn push_and_delete(skopeo: &Skopeo, at: impl Fn(&str) -> String) -> Vec<String> {
    let mut layout = Layout::new().unwrap();
    let image = layout.image("amd64", &["garbage"]).unwrap();
    let source = layout.tag(&image, "garbage").unwrap();
    let name = at("team/app:garbage");
    push(skopeo, &["--preserve-digests"], &source, &name);
    skopeo.run(&["delete", "--tls-verify=false", &name]).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&layout.bytes(&image).unwrap()).unwrap();
    let parts = [&manifest["config"]["digest"], &manifest["layers"][0]["digest"], &image["digest"]];
    parts.into_iter().map(|digest| digest.as_str().unwrap().to_owned()).collect()
}

fn pulled(skopeo: &Skopeo, at: impl Fn(&str) -> String) -> Images {
    IMAGES.into_iter().map(|name| (name, skopeo.pull(&at(name)).unwrap())).collect()
}

/// The same names and bytes; what differs is named, and not printed.
fn same(seen: &Images, expected: &Images) {
    for name in IMAGES {
        let (seen, expected) = (&seen[name], &expected[name]);
        assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
        for (file, bytes) in expected {
            assert!(seen[file] == *bytes, "{file} of {name} has other bytes");
        }
    }
}

/// The bytes of a blob are in the directory.
fn stored(root: &Path, digest: &str) -> bool {
    let hex = digest.strip_prefix("sha256:").unwrap();
    root.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data").exists()
}

/// Has nobody serve the directory, and does it as a command would.
fn work(root: &Path, work: Work) -> Done {
    Runtime::new().unwrap().block_on(perform(root, work, &())).unwrap()
}

const COLLECTION: Work = Work::CollectGarbage(GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 });

#[test]
fn what_skopeo_pushed_through_ours_it_pulls_from_the_peer_and_back_after_collections() {
    let Some(skopeo) = skopeo().filter(|_| there("docker-registry")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();

    let ours = Ours::over(root);
    let at = |name: &str| ours.image(name);
    fill(&skopeo, at);
    let expected = pulled(&skopeo, at);
    let garbage = push_and_delete(&skopeo, at);
    ours.end();
    assert!(garbage.iter().all(|digest| stored(root, digest)));
    work(root, COLLECTION);
    assert!(!garbage.iter().any(|digest| stored(root, digest)));
    let check = work(root, Work::Check(FsckOptions { repair: false, deep: true }));
    assert!(!check.damaged, "{check:?}");

    let theirs = peer(root);
    let at = |name: &str| image_of(&theirs, name);
    same(&pulled(&skopeo, at), &expected);
    // What was collected comes back whole: nothing says that its layers are there already.
    let again = push_and_delete(&skopeo, at);
    assert_eq!(again, garbage);
    assert!(garbage.iter().all(|digest| stored(root, digest)));
    theirs.collect_garbage().unwrap();
    assert!(!garbage.iter().any(|digest| stored(root, digest)));

    let ours = Ours::over(root);
    let at = |name: &str| ours.image(name);
    same(&pulled(&skopeo, at), &expected);
    // The peer leaves links to the layers that it collected. They say nothing, and the client pushes again.
    assert_eq!(push_and_delete(&skopeo, at), garbage);
    assert!(garbage.iter().all(|digest| stored(root, digest)));
    ours.end();
}

#[test]
fn what_skopeo_pushed_through_the_peer_it_pulls_from_ours_and_back_after_collections() {
    let Some(skopeo) = skopeo().filter(|_| there("docker-registry")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();

    let theirs = peer(root);
    let at = |name: &str| image_of(&theirs, name);
    fill(&skopeo, at);
    let expected = pulled(&skopeo, at);
    let garbage = push_and_delete(&skopeo, at);
    assert!(garbage.iter().all(|digest| stored(root, digest)));
    theirs.collect_garbage().unwrap();
    assert!(!garbage.iter().any(|digest| stored(root, digest)));

    // The peer leaves links to what it collected; a repair takes them away, and then all is well.
    assert!(work(root, Work::Check(FsckOptions { repair: false, deep: true })).damaged);
    let repaired = work(root, Work::Check(FsckOptions { repair: true, deep: true }));
    assert!(!repaired.damaged, "{repaired:?}");
    let ours = Ours::over(root);
    let at = |name: &str| ours.image(name);
    same(&pulled(&skopeo, at), &expected);
    assert_eq!(push_and_delete(&skopeo, at), garbage);
    ours.end();
    work(root, COLLECTION);
    assert!(!garbage.iter().any(|digest| stored(root, digest)));

    let theirs = peer(root);
    same(&pulled(&skopeo, |name| image_of(&theirs, name)), &expected);
}
