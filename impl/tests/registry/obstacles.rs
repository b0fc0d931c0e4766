//! A tree that is not as a registry leaves it: a collection that cannot know what is needed takes nothing, and a repair that
//! cannot know what is lost removes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proofhouse_registry::api::GcOptions;
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Filesystem, FilesystemOptions, ManualClock, Offload};
use proofhouse_registry::error::CollectError;
use proofhouse_registry::fsck::{FsckOptions, FsckReport};

use crate::support::*;

const ALL: GcOptions = GcOptions { delete_untagged: false, dry_run: false, grace_seconds: 0 };
const EVERY: [GcOptions; 3] =
    [GcOptions { dry_run: true, ..ALL }, ALL, GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 }];
const REPAIR: FsckOptions = FsckOptions { repair: true, deep: false };

/// A registry in a directory of this machine.
pub(crate) struct Disk {
    directory: tempfile::TempDir,
    pub(crate) house: House,
}

impl Disk {
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        let options =
            FilesystemOptions { fsync: false, offload: Offload::Inline, root_held: true, clock: Some(clock.clone()) };
        let driver = Arc::new(Filesystem::new(directory.path(), options));
        Self { directory, house: House::over(driver, clock, RegistryBuilder::enable_delete) }
    }

    /// An image with a tag in `a`, one without in `b/c`, and a blob that nothing names.
    pub(crate) async fn new() -> Self {
        let disk = Self::empty();
        disk.house.push_image("a", Some("t"), "config", &["layer"]).await;
        disk.house.push_image("b/c", None, "other", &["layer"]).await;
        disk.house.push("b/c", "loose").await;
        disk
    }

    /// What stands at a place below `docker/registry/v2`.
    pub(crate) fn at(&self, place: &str) -> PathBuf {
        self.directory.path().join("docker/registry/v2").join(place)
    }

    /// Every file but those of a lock, with what is in it; of what is no file, its name.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut pending = vec![self.directory.path().to_owned()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                if kind.is_dir() {
                    pending.push(path);
                } else {
                    let content = if kind.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                    files.insert(path, content);
                }
            }
        }
        files
    }

    pub(crate) async fn check(&self, options: FsckOptions) -> FsckReport {
        self.house.api.registry().check(options, &()).await.unwrap()
    }
}

pub(crate) fn said(report: &FsckReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

pub(crate) fn pipe(at: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, at, rustix::fs::Mode::RWXU).unwrap();
}

/// Moves something out of the tree.
fn take_away(disk: &Disk, place: &str) -> PathBuf {
    let aside = disk.directory.path().join("aside");
    fs::rename(disk.at(place), &aside).unwrap();
    aside
}

/// Ways to put something else in place of a directory.
fn replace(disk: &Disk, place: &str, how: &str) {
    let aside = take_away(disk, place);
    match how {
        "nothing" => {}
        "a file" => fs::write(disk.at(place), "").unwrap(),
        "a pipe" => pipe(&disk.at(place)),
        _ => symlink(aside, disk.at(place)).unwrap(),
    }
}

/// What is done, the place that is told of it, and how it is done.
type Damage = (String, String, Box<dyn Fn(&Disk)>);

#[tokio::test]
async fn a_collection_that_cannot_read_what_it_must_mark_takes_nothing_and_says_where() {
    let instead = ["a file", "a pipe", "a symbolic link"];
    let mut cases: Vec<Damage> = Vec::new();
    for (place, may_be_missing) in [
        ("repositories", false),
        ("repositories/a", true),
        ("repositories/a/_layers", true),
        ("repositories/a/_manifests", true),
        ("repositories/a/_manifests/revisions", false),
        ("repositories/a/_manifests/revisions/sha256", true),
        ("repositories/a/_manifests/tags", true),
        ("repositories/a/_manifests/tags/t", true),
        ("blobs", false),
        ("blobs/sha256", false),
    ] {
        let how = instead.into_iter().chain(["nothing"].into_iter().filter(|_| !may_be_missing));
        for how in how {
            let damage = move |disk: &Disk| replace(disk, place, how);
            // Without any blobs it is those of the algorithm that are missed.
            let said = if (place, how) == ("blobs", "nothing") { "blobs/sha256" } else { place };
            cases.push((format!("{how} in place of {place}"), said.to_owned(), Box::new(damage)));
        }
    }
    let long = "x".repeat(200);
    for (name, said) in [("ALPHA", "ALPHA"), ("_a", "_a"), (&*format!("{long}/{long}"), &*format!("{long}/{long}"))] {
        let (name, said) = (name.to_owned(), format!("repositories/{said}"));
        let damage = move |disk: &Disk| {
            let to = disk.at("repositories").join(&name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(disk.at("repositories/a"), to).unwrap();
        };
        cases.push((format!("a repository at {said}"), said, Box::new(damage)));
    }
    let rename = |disk: &Disk| {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs::rename(disk.at("repositories/a"), disk.at("repositories").join(name)).unwrap();
    };
    cases.push(("a name that is not UTF-8".to_owned(), "repositories/caf\u{fffd}".to_owned(), Box::new(rename)));
    for place in ["_layers", "_manifests/revisions"] {
        let damage = move |disk: &Disk| {
            let place = disk.at("repositories/a").join(place);
            fs::rename(place.join("sha256"), place.join("sha384")).unwrap();
        };
        cases.push((
            format!("another algorithm in {place}"),
            format!("repositories/a/{place}/sha384"),
            Box::new(damage),
        ));
    }
    let layer = sha256("layer");
    let link = format!("repositories/a/_layers/sha256/{}", layer.hex());
    for how in instead {
        let place = link.clone();
        let damage = move |disk: &Disk| replace(disk, &place, how);
        cases.push((format!("{how} in place of {link}"), link.clone(), Box::new(damage)));
    }
    let prefix = format!("blobs/sha256/{}", &layer.hex()[..2]);
    let blob = format!("{prefix}/{}", layer.hex());
    for place in [prefix, blob.clone(), format!("{blob}/data")] {
        let to = place.clone();
        cases.push((
            format!("a symbolic link in place of {place}"),
            place,
            Box::new(move |disk: &Disk| {
                replace(disk, &to, "a symbolic link");
            }),
        ));
    }
    let emptied = |disk: &Disk| {
        take_away(disk, "repositories");
        fs::create_dir(disk.at("repositories")).unwrap();
    };
    cases.push(("no repositories any more".to_owned(), "repositories".to_owned(), Box::new(emptied)));

    for (what, place, damage) in cases {
        let disk = Disk::new().await;
        damage(&disk);
        let before = disk.files();
        for options in EVERY {
            let error = disk.house.api.registry().collect_garbage(options).await.unwrap_err();
            let CollectError::Obstructed { obstacle, .. } = &error else { panic!("{what}: {error}") };
            assert_eq!(obstacle.path.as_str(), format!("/docker/registry/v2/{place}"), "{what}");
            assert!(error.to_string().contains("proofhouse fsck"), "{what}: {error}");
            assert!(disk.files() == before, "{what}: {options:?} changed something");
        }
        let path = format!("/docker/registry/v2/{place}: ");
        let found = said(&disk.check(FsckOptions::default()).await);
        assert!(found.iter().any(|line| line.starts_with(&path)), "{what}: {found:#?}");
        disk.check(REPAIR).await;
        let after = disk.files();
        let lost: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
        assert!(lost.is_empty(), "{what}: a repair removed {lost:#?}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_counted_and_written_in_one_line() {
    let disk = Disk::new().await;
    fs::create_dir_all(disk.at("repositories/two\nlines/x")).unwrap();
    fs::write(disk.at("repositories/.hidden"), "").unwrap();
    let error = disk.house.api.registry().collect_garbage(ALL).await.unwrap_err().to_string();
    assert!(error.starts_with("/docker/registry/v2/repositories/.hidden: no repository can have this name"), "{error}");
    assert!(error.contains("(there are 1 more such)"), "{error}");
    let found = said(&disk.check(FsckOptions::default()).await);
    assert!(found.iter().any(|line| line.contains(r"two\nlines")), "{found:?}");
}

#[tokio::test]
async fn what_a_registry_may_leave_is_in_nobody_s_way() {
    let disk = Disk::empty();
    assert!(disk.house.api.collect_garbage(ALL).await.unwrap().blobs.is_empty());
    fs::create_dir_all(disk.at("repositories")).unwrap();
    assert!(disk.house.api.collect_garbage(ALL).await.unwrap().blobs.is_empty());
    // Blobs came, and no manifest yet.
    let first = disk.house.push("a", "first").await;
    disk.house.api.start_upload("only/uploads").await.unwrap();
    // Directories with nothing in them, whatever they are called.
    for place in [
        "repositories/EMPTY",
        "repositories/_x",
        "repositories/a/_layers/sha384",
        "repositories/b/c",
        "repositories/cut/short/_manifests",
    ] {
        fs::create_dir_all(disk.at(place)).unwrap();
    }
    assert_eq!(said(&disk.check(FsckOptions::default()).await), [""; 0]);
    assert_eq!(disk.house.api.collect_garbage(ALL).await.unwrap().blobs, [first]);
    // Every repository was removed through the registry.
    let second = disk.house.push("a", "second").await;
    disk.house.api.remove_repository("a").await.unwrap();
    disk.house.api.remove_repository("only/uploads").await.unwrap();
    assert_eq!(disk.house.api.collect_garbage(ALL).await.unwrap().blobs, [second]);
}

/// Something that is no file, in place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    EmptyDirectory,
    FullDirectory,
    Pipe,
    Link,
    HugeFile,
    EmptyFile,
}

const FOREIGN: [Foreign; 6] = [
    Foreign::EmptyDirectory,
    Foreign::FullDirectory,
    Foreign::Pipe,
    Foreign::Link,
    Foreign::HugeFile,
    Foreign::EmptyFile,
];

impl Foreign {
    fn put(self, at: &Path) {
        fs::remove_file(at).unwrap();
        match self {
            Self::EmptyDirectory => fs::create_dir(at).unwrap(),
            Self::FullDirectory => fs::create_dir_all(at.join("somebody's")).unwrap(),
            Self::Pipe => pipe(at),
            Self::Link => symlink("elsewhere", at).unwrap(),
            Self::HugeFile => fs::File::create(at).unwrap().set_len(100 << 30).unwrap(),
            Self::EmptyFile => fs::write(at, "").unwrap(),
        }
    }

    /// Whether a repair can put the link there without removing anything.
    fn gives_way(self) -> bool {
        matches!(self, Self::EmptyDirectory | Self::HugeFile | Self::EmptyFile)
    }
}

/// The links of the image in `a`: its layer's, its own, its tag's and the entry of its tag's history.
fn links() -> [String; 4] {
    let (image, layer) = (sha256(&image("config", &["layer"])), sha256("layer"));
    [
        format!("repositories/a/_layers/sha256/{}/link", layer.hex()),
        format!("repositories/a/_manifests/revisions/sha256/{}/link", image.hex()),
        "repositories/a/_manifests/tags/t/current/link".to_owned(),
        format!("repositories/a/_manifests/tags/t/index/sha256/{}/link", image.hex()),
    ]
}

#[tokio::test]
async fn what_a_damaged_link_gave_is_kept_and_a_repair_gives_it_back() {
    for place in links() {
        for foreign in FOREIGN {
            let what = format!("{foreign:?} in place of {place}");
            let disk = Disk::new().await;
            foreign.put(&disk.at(&place));
            let found = said(&disk.check(FsckOptions::default()).await);
            assert!(!found.is_empty(), "{what}");
            let foreign_line = found.iter().any(|line| line.contains("stands in place of a link"));
            assert_eq!(foreign_line, !matches!(foreign, Foreign::HugeFile | Foreign::EmptyFile), "{what}: {found:?}");
            for options in EVERY {
                disk.house.api.collect_garbage(options).await.unwrap();
            }
            let repaired = disk.check(REPAIR).await;
            assert!(repaired.findings.iter().all(|finding| finding.failure.is_none()), "{what}: {repaired:#?}");
            if !foreign.gives_way() {
                let line = said(&repaired).join("\n");
                assert!(line.contains("remove it by hand"), "{what}: {line}");
                fs::remove_dir_all(disk.at(&place)).or_else(|_| fs::remove_file(disk.at(&place))).unwrap();
                let to = if place.contains("_layers") { sha256("layer") } else { sha256(&image("config", &["layer"])) };
                fs::write(disk.at(&place), to.as_str()).unwrap();
            }
            assert!(disk.house.has_manifest("a", "t").await, "{what}");
            assert!(disk.house.has("a", "config").await && disk.house.has("a", "layer").await, "{what}");
            assert_eq!(said(&disk.check(FsckOptions::default()).await), [""; 0], "{what}");
        }
    }
}

#[tokio::test]
async fn a_tag_that_cannot_be_read_keeps_what_it_may_have_pointed_to() {
    for damage in ["torn", "no history", "no current", "a file for current and no history"] {
        let disk = Disk::new().await;
        let tag = disk.at("repositories/a/_manifests/tags/t");
        match damage {
            "no current" => fs::remove_dir_all(tag.join("current")).unwrap(),
            "a file for current and no history" => {
                fs::remove_dir_all(tag.join("current")).unwrap();
                fs::write(tag.join("current"), "").unwrap();
            }
            _ => fs::write(tag.join("current/link"), "").unwrap(),
        }
        if damage.ends_with("no history") {
            fs::remove_dir_all(tag.join("index")).unwrap();
        }
        let report = disk.house.api.collect_garbage(EVERY[2]).await.unwrap();
        assert!(report.manifests.iter().all(|(name, _)| name.as_str() != "a"), "{damage}: {report:?}");
        assert!(disk.house.has_manifest("a", sha256(&image("config", &["layer"])).as_str()).await, "{damage}");
        assert!(disk.house.has("a", "config").await && disk.house.has("a", "layer").await, "{damage}");
    }
}

#[tokio::test]
async fn what_a_tag_points_to_is_kept_though_it_is_no_revision() {
    let disk = Disk::new().await;
    let digest = sha256(&image("config", &["layer"]));
    let revision = disk.at(&format!("repositories/a/_manifests/revisions/sha256/{}", digest.hex()));
    fs::remove_dir_all(&revision).unwrap();
    let found = said(&disk.check(REPAIR).await);
    assert!(found.iter().any(|line| line.starts_with(&format!("a:t: the tag points to {digest}"))), "{found:?}");
    for options in EVERY {
        disk.house.api.collect_garbage(options).await.unwrap();
    }
    fs::create_dir_all(&revision).unwrap();
    fs::write(revision.join("link"), digest.as_str()).unwrap();
    assert!(disk.house.has_manifest("a", "t").await);
    assert!(disk.house.has("a", "config").await && disk.house.has("a", "layer").await);
}

#[tokio::test]
async fn a_repair_removes_no_link_while_nothing_is_stored() {
    for how in ["nothing", "an empty directory", "a file", "other algorithms"] {
        let disk = Disk::new().await;
        disk.house.api.put_blob("a", sha512("long").as_str(), body("long")).await.unwrap();
        match how {
            "an empty directory" => {
                take_away(&disk, "blobs");
                fs::create_dir(disk.at("blobs")).unwrap();
            }
            "other algorithms" => drop(take_away(&disk, "blobs/sha256")),
            how => replace(&disk, "blobs", how),
        }
        let before = disk.files();
        for options in [FsckOptions::default(), REPAIR] {
            let report = disk.check(options).await;
            assert!(report.bare.iter().any(|algorithm| algorithm.as_str() == "sha256"), "{how}");
            assert_eq!(report.bare.len() == 2, how != "other algorithms", "{how}");
            assert!(said(&report).iter().any(|line| line.contains("is a disk not mounted?")), "{how}: {report:#?}");
            assert!(report.findings.iter().all(|finding| !finding.repaired), "{how}: {report:#?}");
            assert!(disk.files() == before, "{how}: a link went");
        }
    }
}

#[tokio::test]
async fn an_upload_whose_start_is_no_small_file_is_named_and_not_purged() {
    for foreign in FOREIGN {
        let disk = Disk::empty();
        let id = disk.house.api.start_upload("a").await.unwrap().id;
        foreign.put(&disk.at(&format!("repositories/a/_uploads/{id}/startedat")));
        let found = said(&disk.check(FsckOptions::default()).await);
        assert_eq!(found.len(), 1, "{foreign:?}: {found:?}");
        assert!(found[0].starts_with(&format!("a: upload {id} has no readable start")), "{foreign:?}: {found:?}");
        let report = disk.check(REPAIR).await;
        assert_eq!(
            report.findings[0].repaired,
            matches!(foreign, Foreign::HugeFile | Foreign::EmptyFile),
            "{foreign:?}"
        );
        if foreign != Foreign::Link {
            assert!(disk.house.api.purge_uploads(1, false).await.unwrap().is_empty(), "{foreign:?}");
        }
    }
}
