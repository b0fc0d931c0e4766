//! What the filesystem driver says of things that no registry has put there.

#![allow(clippy::unwrap_used, reason = "tests fail by it; clippy knows only the functions marked as tests")]

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use proofhouse_registry::driver::{Driver, DriverError, Entry, Filesystem, FilesystemOptions, Kind, StoragePath};

fn at(path: &str) -> StoragePath {
    StoragePath::new(path).unwrap()
}

#[tokio::test]
async fn everything_in_a_directory_is_named_with_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    driver.write(&at("/d/file"), "x".into()).await.unwrap();
    let place = |name: &[u8]| directory.path().join("d").join(std::ffi::OsStr::from_bytes(name));
    fs::create_dir(place(b"below")).unwrap();
    symlink("file", place(b"link")).unwrap();
    fs::write(place(b"\xff"), "no UTF-8").unwrap();
    fs::write(place(b".tmp-1-1"), "left by a crash").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place(b"pipe"), rustix::fs::Mode::RWXU).unwrap();
    let expected = [
        ("below", Kind::Directory),
        ("file", Kind::File),
        ("link", Kind::SymbolicLink),
        ("pipe", Kind::Special),
        ("\u{fffd}", Kind::File),
    ];
    let expected = expected.map(|(name, kind)| Entry { name: name.to_owned(), kind });
    assert_eq!(driver.entries(&at("/d")).await.unwrap(), expected);
    for path in ["/d/file", "/d/pipe", "/none"] {
        assert!(driver.entries(&at(path)).await.unwrap_err().is_not_found(), "{path}");
    }
    assert!(matches!(driver.entries(&at("/d/link")).await, Err(DriverError::SymbolicLink { .. })));
}

#[tokio::test]
async fn a_file_that_claims_to_be_huge_is_refused_before_memory_is_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    File::create(directory.path().join("huge")).unwrap().set_len(100 << 30).unwrap();
    for limit in [0, 1 << 10, 64 << 20] {
        let error = driver.read_at_most(&at("/huge"), limit).await.unwrap_err();
        assert!(matches!(error, DriverError::TooLarge { size, limit: l, .. } if (size, l) == (100 << 30, limit)));
    }
    assert!(matches!(driver.read(&at("/huge")).await, Err(DriverError::TooLarge { .. })));
    driver.write(&at("/small"), "four".into()).await.unwrap();
    assert_eq!(driver.read_at_most(&at("/small"), 4).await.unwrap(), "four");
    assert!(matches!(driver.read_at_most(&at("/small"), 3).await, Err(DriverError::TooLarge { .. })));
}

#[tokio::test]
async fn a_pipe_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    rustix::fs::mkfifoat(rustix::fs::CWD, directory.path().join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    assert!(driver.read(&at("/pipe")).await.unwrap_err().is_not_found());
    assert!(driver.reader(&at("/pipe"), 0, None).await.err().unwrap().is_not_found());
}

#[tokio::test]
async fn a_root_that_is_not_there_is_not_ready_though_it_reads_as_empty() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let driver = Filesystem::new(&root, FilesystemOptions::default());
    driver.ready().await.unwrap_err();
    driver.write(&at("/file"), "x".into()).await.unwrap();
    driver.ready().await.unwrap();
    fs::rename(&root, directory.path().join("elsewhere")).unwrap();
    driver.ready().await.unwrap_err();
    assert!(driver.list(&at("/")).await.unwrap().is_empty());
}
