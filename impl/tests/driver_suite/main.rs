//! One suite for every driver: what `Driver` promises, each promise a sentence.
//!
//! A driver joins by one line in `suite!`. Every test gets a driver with an empty tree; what only one driver promises stands at
//! the end.

#![allow(clippy::unwrap_used, reason = "tests fail by it; clippy knows only the functions marked as tests")]

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use proofhouse_registry::driver::{
    Clock, Driver, DriverError, Filesystem, FilesystemOptions, MAX_CHUNK, ManualClock, Memory, Offload, Redirecting,
    Stat, StoragePath,
};

mod deleting;
mod looking;

use self::deleting::*;
use self::looking::*;

type Shared = Arc<dyn Driver>;

fn at(path: &str) -> StoragePath {
    StoragePath::new(path).unwrap()
}

async fn collect(driver: &Shared, path: &str, offset: u64, length: Option<u64>) -> Vec<u8> {
    let stream = driver.reader(&at(path), offset, length).await.unwrap();
    stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
        .unwrap()
}

fn io_kind(error: DriverError) -> std::io::ErrorKind {
    match error {
        DriverError::Io { source, .. } => source.kind(),
        other => panic!("{other:?}"),
    }
}

// What every driver promises.

async fn what_was_written_is_read(driver: Shared) {
    for content in ["", "x", "another content"] {
        driver.write(&at("/a/b"), content.into()).await.unwrap();
        assert_eq!(driver.read(&at("/a/b")).await.unwrap(), content);
        assert_eq!(driver.stat(&at("/a/b")).await.unwrap().size, content.len() as u64);
    }
}

async fn a_write_replaces_what_is_there_and_readers_keep_what_they_opened(driver: Shared) {
    let old = vec![1; 3 * MAX_CHUNK];
    driver.write(&at("/file"), old.clone().into()).await.unwrap();
    let reader = driver.reader(&at("/file"), 0, None).await.unwrap();
    driver.write(&at("/file"), "new".into()).await.unwrap();
    assert_eq!(driver.read(&at("/file")).await.unwrap(), "new");
    assert_eq!(reader.try_collect::<Vec<Bytes>>().await.unwrap().concat(), old);

    let reader = driver.reader(&at("/file"), 1, None).await.unwrap();
    driver.delete(&at("/file")).await.unwrap();
    assert_eq!(reader.try_collect::<Vec<Bytes>>().await.unwrap().concat(), b"ew");
}

async fn ranges_are_cut_at_the_end(driver: Shared) {
    driver.write(&at("/file"), "0123456789".into()).await.unwrap();
    for (offset, length, expected) in [
        (0, None, "0123456789"),
        (0, Some(10), "0123456789"),
        (3, None, "3456789"),
        (3, Some(4), "3456"),
        (3, Some(0), ""),
        (9, Some(5), "9"),
        (10, None, ""),
        (11, Some(1), ""),
        (u64::MAX, None, ""),
        (1, Some(u64::MAX), "123456789"),
        (u64::MAX, Some(u64::MAX), ""),
    ] {
        assert_eq!(collect(&driver, "/file", offset, length).await, expected.as_bytes(), "{offset} {length:?}");
    }
    driver.write(&at("/empty"), Bytes::new()).await.unwrap();
    assert_eq!(collect(&driver, "/empty", 0, None).await, b"");
}

async fn ranges_run_across_appended_chunks(driver: Shared) {
    let mut appender = driver.append(&at("/file")).await.unwrap();
    for chunk in ["01", "", "234", "5", "6789"] {
        appender.write(chunk.into()).await.unwrap();
    }
    appender.sync().await.unwrap();
    for offset in 0..11 {
        for length in 0..11 {
            let expected: String = "0123456789".chars().skip(offset).take(length).collect();
            let read = collect(&driver, "/file", offset as u64, Some(length as u64)).await;
            assert_eq!(read, expected.as_bytes());
        }
    }
}

async fn pieces_are_appended_in_their_order_however_many_they_are(driver: Shared) {
    let mut appender = driver.append(&at("/file")).await.unwrap();
    appender.write("begin ".into()).await.unwrap();
    // More than a system takes in one call, and some with nothing in them.
    let pieces: Vec<Bytes> =
        (0..3_000).map(|n| if n % 7 == 0 { Bytes::new() } else { format!("{n} ").into() }).collect();
    appender.write_pieces(pieces.clone()).await.unwrap();
    appender.write_pieces(Vec::new()).await.unwrap();
    appender.write_pieces(vec![Bytes::new()]).await.unwrap();
    appender.sync().await.unwrap();
    let expected = [b"begin ".to_vec(), pieces.concat()].concat();
    assert_eq!(appender.size(), expected.len() as u64);
    assert!(driver.read(&at("/file")).await.unwrap() == expected);
}

async fn an_append_goes_on_after_it_was_opened_again(driver: Shared) {
    let mut first = driver.append(&at("/up/load/data")).await.unwrap();
    assert_eq!(first.size(), 0);
    assert_eq!(driver.stat(&at("/up/load/data")).await.unwrap().size, 0, "it is there at once");
    first.write("hello ".into()).await.unwrap();
    assert_eq!(first.size(), 6);
    first.sync().await.unwrap();
    drop(first);
    let mut second = driver.append(&at("/up/load/data")).await.unwrap();
    assert_eq!(second.size(), 6);
    second.write("world".into()).await.unwrap();
    second.write("!".into()).await.unwrap();
    second.sync().await.unwrap();
    second.sync().await.unwrap();
    assert_eq!(second.size(), 12);
    assert_eq!(driver.read(&at("/up/load/data")).await.unwrap(), "hello world!");
    assert_eq!(driver.stat(&at("/up/load/data")).await.unwrap().size, 12);
}

async fn an_appender_follows_its_file_when_it_is_renamed(driver: Shared) {
    let mut appender = driver.append(&at("/a/file")).await.unwrap();
    appender.write("1".into()).await.unwrap();
    driver.rename(&at("/a/file"), &at("/b/file")).await.unwrap();
    appender.write("2".into()).await.unwrap();
    appender.sync().await.unwrap();
    assert_eq!(driver.read(&at("/b/file")).await.unwrap(), "12");
    assert!(driver.read(&at("/a/file")).await.unwrap_err().is_not_found());
    driver.delete(&at("/a")).await.unwrap();
    appender.write("3".into()).await.unwrap();
    appender.sync().await.unwrap();
    assert_eq!(driver.read(&at("/b/file")).await.unwrap(), "123");
}

async fn the_root_is_there_before_anything_is_and_cannot_be_deleted(driver: Shared) {
    assert!(driver.list(&at("/")).await.unwrap().is_empty());
    assert!(driver.stat(&at("/")).await.unwrap().is_dir);
    driver.write(&at("/a"), "x".into()).await.unwrap();
    assert!(matches!(driver.delete(&at("/")).await, Err(DriverError::InvalidPath { path }) if path == "/"));
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["a"]);
    assert_eq!(io_kind(driver.write(&at("/"), "x".into()).await.unwrap_err()), std::io::ErrorKind::IsADirectory);
    assert!(driver.read(&at("/")).await.unwrap_err().is_not_found());
}

async fn directories_appear_with_what_is_below_and_stay_when_it_goes(driver: Shared) {
    driver.write(&at("/a/b/c/file"), "x".into()).await.unwrap();
    for directory in ["/a", "/a/b", "/a/b/c"] {
        let Stat { size, is_dir, .. } = driver.stat(&at(directory)).await.unwrap();
        assert_eq!((size, is_dir), (0, true));
    }
    assert!(!driver.stat(&at("/a/b/c/file")).await.unwrap().is_dir);
    driver.delete(&at("/a/b/c/file")).await.unwrap();
    assert!(driver.list(&at("/a/b/c")).await.unwrap().is_empty());
    driver
        .rename(
            &{
                driver.write(&at("/a/b/x"), "x".into()).await.unwrap();
                at("/a/b/x")
            },
            &at("/z/y"),
        )
        .await
        .unwrap();
    assert_eq!(driver.list(&at("/a/b")).await.unwrap(), ["c"]);
}

async fn what_is_missing_or_of_another_kind_is_not_found(driver: Shared) {
    driver.write(&at("/dir/file"), "x".into()).await.unwrap();
    let missing = ["/none", "/none/none", "/dir/none", "/dir/file/below", "/dir/file/below/that"];
    for path in missing {
        let same = |error: DriverError| matches!(&error, DriverError::NotFound { path: p } if p.as_str() == path);
        assert!(same(driver.read(&at(path)).await.unwrap_err()), "{path}");
        assert!(same(driver.reader(&at(path), 0, None).await.err().unwrap()), "{path}");
        assert!(same(driver.stat(&at(path)).await.unwrap_err()), "{path}");
        assert!(same(driver.list(&at(path)).await.unwrap_err()), "{path}");
        assert!(same(driver.rename(&at(path), &at("/to")).await.unwrap_err()), "{path}");
        assert!(same(driver.delete(&at(path)).await.unwrap_err()), "{path}");
    }
    assert!(driver.read(&at("/dir")).await.unwrap_err().is_not_found());
    assert!(driver.reader(&at("/dir"), 0, None).await.err().unwrap().is_not_found());
    assert!(driver.rename(&at("/dir"), &at("/to")).await.unwrap_err().is_not_found());
    assert!(driver.list(&at("/dir/file")).await.unwrap_err().is_not_found());
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["dir"], "failing left nothing behind");
}

async fn what_is_in_the_way_stays_and_is_no_missing_file(driver: Shared) {
    use std::io::ErrorKind::{IsADirectory, NotADirectory};
    driver.write(&at("/dir/file"), "x".into()).await.unwrap();
    driver.write(&at("/other"), "y".into()).await.unwrap();
    for (path, kind) in [("/dir", IsADirectory), ("/dir/file/below", NotADirectory), ("/dir/file/a/b", NotADirectory)] {
        assert_eq!(io_kind(driver.write(&at(path), "z".into()).await.unwrap_err()), kind, "{path}");
        assert_eq!(io_kind(driver.append(&at(path)).await.err().unwrap()), kind, "{path}");
        assert_eq!(io_kind(driver.rename(&at("/other"), &at(path)).await.unwrap_err()), kind, "{path}");
    }
    assert_eq!(driver.read(&at("/dir/file")).await.unwrap(), "x");
    assert_eq!(driver.read(&at("/other")).await.unwrap(), "y");
}

async fn a_rename_replaces_and_makes_directories(driver: Shared) {
    driver.write(&at("/from"), "new".into()).await.unwrap();
    driver.write(&at("/to/file"), "old".into()).await.unwrap();
    driver.rename(&at("/from"), &at("/to/file")).await.unwrap();
    assert_eq!(driver.read(&at("/to/file")).await.unwrap(), "new");
    driver.rename(&at("/to/file"), &at("/far/away/file")).await.unwrap();
    assert_eq!(driver.read(&at("/far/away/file")).await.unwrap(), "new");
    assert!(driver.list(&at("/to")).await.unwrap().is_empty());
    driver.rename(&at("/far/away/file"), &at("/far/away/file")).await.unwrap();
    assert_eq!(driver.read(&at("/far/away/file")).await.unwrap(), "new");
}

async fn writers_of_one_path_leave_one_whole_content(driver: Shared) {
    const SIZE: usize = 100_000;
    let writers = (0..8_u8).map(|n| {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            for _ in 0..5 {
                driver.write(&at("/deep/down/file"), vec![n; SIZE].into()).await.unwrap();
                let seen = driver.read(&at("/deep/down/file")).await.unwrap();
                assert_eq!(seen.len(), SIZE);
                assert!(seen.iter().all(|byte| *byte == seen[0]));
                tokio::task::yield_now().await;
            }
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    assert_eq!(driver.list(&at("/deep/down")).await.unwrap(), ["file"]);
}

async fn a_large_file_streams_in_chunks_of_at_most_one_mebibyte(driver: Shared) {
    const SIZE: usize = 64 << 20;
    let byte = |index: usize| u8::try_from(index % 251).unwrap();
    let mut appender = driver.append(&at("/large")).await.unwrap();
    let piece = 5 << 20;
    for start in (0..SIZE).step_by(piece) {
        let chunk: Vec<u8> = (start..SIZE.min(start + piece)).map(byte).collect();
        appender.write(chunk.into()).await.unwrap();
    }
    appender.sync().await.unwrap();
    assert_eq!(appender.size(), SIZE as u64);
    let offset = 12_345;
    let mut stream = driver.reader(&at("/large"), offset as u64, None).await.unwrap();
    let mut position = offset;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.unwrap();
        assert!(!chunk.is_empty() && chunk.len() <= MAX_CHUNK);
        assert!(chunk.iter().enumerate().all(|(index, found)| *found == byte(position + index)));
        position += chunk.len();
    }
    assert_eq!(position, SIZE);
}

/// Makes a module of tests for a driver: each test on a driver of its own.
macro_rules! suite {
    ($($name:ident: $make:expr;)*) => { $(
        mod $name {
            use super::*;
            suite!(@tests $make;
                what_was_written_is_read
                a_write_replaces_what_is_there_and_readers_keep_what_they_opened
                ranges_are_cut_at_the_end
                ranges_run_across_appended_chunks
                pieces_are_appended_in_their_order_however_many_they_are
                an_append_goes_on_after_it_was_opened_again
                an_appender_follows_its_file_when_it_is_renamed
                lists_are_sorted_by_bytes_and_name_children_only
                pages_of_a_list_have_what_comes_after_a_text
                several_paths_are_looked_at_as_each_would_be
                the_root_is_there_before_anything_is_and_cannot_be_deleted
                directories_appear_with_what_is_below_and_stay_when_it_goes
                deleting_a_directory_takes_all_that_is_in_it_and_nothing_beside_it
                several_are_deleted_at_once_and_what_is_missing_stays_so
                what_is_missing_or_of_another_kind_is_not_found
                what_is_in_the_way_stays_and_is_no_missing_file
                a_rename_replaces_and_makes_directories
                writers_of_one_path_leave_one_whole_content
                writes_into_a_directory_that_is_deleted_meanwhile_are_whole_or_gone
                a_large_file_streams_in_chunks_of_at_most_one_mebibyte
            );
        }
    )* };
    (@tests $make:expr; $($test:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let directory = tempfile::tempdir().unwrap();
            super::$test(($make)(directory.path())).await;
        }
    )* };
}

suite! {
    filesystem_in_the_pool: |root: &Path| -> Shared { Arc::new(Filesystem::new(root, FilesystemOptions::default())) };
    filesystem_in_place: |root: &Path| -> Shared { Arc::new(filesystem(root, Offload::Inline, None)) };
    filesystem_in_a_root_that_is_missing: |root: &Path| -> Shared {
        Arc::new(filesystem(&root.join("not/yet"), Offload::Inline, None))
    };
    memory: |_: &Path| -> Shared { Arc::new(Memory::default()) };
    redirecting: |_: &Path| -> Shared { Arc::new(Redirecting::new(Arc::new(Memory::default()), "http://front/")) };
}

fn filesystem(root: &Path, offload: Offload, clock: Option<Arc<dyn Clock>>) -> Filesystem {
    Filesystem::new(root, FilesystemOptions { fsync: true, offload, root_held: offload == Offload::Inline, clock })
}

// Clocks.

#[tokio::test]
async fn files_are_as_old_as_the_clock_says_since_they_were_written_appended_to_or_renamed() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_000));
    let drivers: [Shared; 3] = [
        Arc::new(Memory::new(clock.clone())),
        Arc::new(filesystem(&directory.path().join("pool"), Offload::Pool, Some(clock.clone()))),
        Arc::new(filesystem(&directory.path().join("inline"), Offload::Inline, Some(clock.clone()))),
    ];
    for driver in drivers {
        let modified = async |path: &str| driver.stat(&at(path)).await.unwrap().modified;
        let start = clock.seconds();
        driver.write(&at("/a"), "x".into()).await.unwrap();
        let mut appender = driver.append(&at("/b")).await.unwrap();
        clock.advance(Duration::from_secs(10));
        assert_eq!(modified("/a").await, start);
        assert_eq!(modified("/b").await, start);
        appender.write("x".into()).await.unwrap();
        appender.sync().await.unwrap();
        driver.rename(&at("/a"), &at("/c/a")).await.unwrap();
        clock.advance(Duration::from_secs(10));
        assert_eq!(modified("/b").await, start + 10);
        assert_eq!(modified("/c/a").await, start + 10);
        drop(driver.append(&at("/b")).await.unwrap());
        assert_eq!(modified("/b").await, start + 10, "opening is no change");
        driver.write(&at("/c/a"), "y".into()).await.unwrap();
        assert_eq!(modified("/c/a").await, start + 20);
    }
}

#[tokio::test]
async fn without_a_clock_a_renamed_file_is_as_young_as_its_renaming() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    driver.write(&at("/a"), "x".into()).await.unwrap();
    let file = fs::File::options().append(true).open(directory.path().join("a")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
    assert_eq!(driver.stat(&at("/a")).await.unwrap().modified, 5);
    driver.rename(&at("/a"), &at("/b")).await.unwrap();
    assert!(driver.stat(&at("/b")).await.unwrap().modified > 1_000_000_000);
}

// Redirects.

#[tokio::test]
async fn only_the_redirecting_driver_knows_urls() {
    let memory: Shared = Arc::new(Memory::default());
    assert_eq!(memory.redirect_url(&at("/a/b")).await.unwrap(), None);
    let front = Redirecting::new(memory, "https://front/base/");
    assert_eq!(front.redirect_url(&at("/a/b")).await.unwrap().as_deref(), Some("https://front/base/a/b"));
}

// What the filesystem alone can get wrong.

#[tokio::test]
async fn symbolic_links_are_refused_wherever_they_stand_on_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let (root, outside) = (directory.path().join("root"), directory.path().join("outside"));
    let driver = Filesystem::new(&root, FilesystemOptions::default());
    driver.write(&at("/real/file"), "inside".into()).await.unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(outside.join("secret"), root.join("file")).unwrap();
    symlink(&outside, root.join("dir")).unwrap();
    symlink(root.join("real"), root.join("real/loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();

    for path in ["/file", "/dir", "/dir/secret", "/dir/none", "/real/loop/file", "/dangling"] {
        let refused =
            |error: DriverError| matches!(&error, DriverError::SymbolicLink { path: p } if p.as_str() == path);
        let path = at(path);
        assert!(refused(driver.read(&path).await.unwrap_err()), "{path}");
        assert!(refused(driver.reader(&path, 0, None).await.err().unwrap()), "{path}");
        assert!(refused(driver.stat(&path).await.unwrap_err()), "{path}");
        assert!(refused(driver.list(&path).await.unwrap_err()), "{path}");
        assert!(refused(driver.write(&path, "x".into()).await.unwrap_err()), "{path}");
        assert!(refused(driver.append(&path).await.err().unwrap()), "{path}");
        assert!(refused(driver.rename(&path, &at("/to")).await.unwrap_err()), "{path}");
        assert!(refused(driver.rename(&at("/real/file"), &path).await.unwrap_err()), "{path}");
        assert!(refused(driver.delete(&path).await.unwrap_err()), "{path}");
    }
    assert!(driver.write(&at("/dir/new/file"), "x".into()).await.is_err());
    // Deleting a directory removes the links in it, not what they point to.
    symlink(&outside, root.join("real/out")).unwrap();
    driver.delete(&at("/real")).await.unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(
        driver.list(&at("/")).await.unwrap(),
        ["dangling", "dir", "file"],
        "they are listed, so that they are noticed"
    );
}

#[tokio::test]
async fn the_root_itself_may_be_a_symbolic_link() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("real")).unwrap();
    symlink("real", directory.path().join("root")).unwrap();
    let driver = Filesystem::new(directory.path().join("root"), FilesystemOptions::default());
    driver.write(&at("/a/b"), "x".into()).await.unwrap();
    assert_eq!(fs::read(directory.path().join("real/a/b")).unwrap(), b"x");
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn temporary_files_and_names_that_are_not_utf_8_are_not_listed() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    driver.write(&at("/d/file"), "x".into()).await.unwrap();
    fs::write(directory.path().join("d/.tmp-1-1"), "left by a crash").unwrap();
    fs::write(directory.path().join("d").join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    assert_eq!(driver.list(&at("/d")).await.unwrap(), ["file"]);
    driver.delete(&at("/d")).await.unwrap();
    assert!(!directory.path().join("d").exists());
}

/// A clock that puts a directory in the way of a write, at the moment when the write dates its temporary file.
#[derive(Debug)]
struct Obstacle(std::path::PathBuf);

impl Clock for Obstacle {
    fn now(&self) -> std::time::SystemTime {
        fs::create_dir_all(&self.0).unwrap();
        std::time::UNIX_EPOCH
    }
}

#[tokio::test]
async fn a_write_that_fails_leaves_no_temporary_file() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(Obstacle(directory.path().join("d/file")));
    let driver = filesystem(directory.path(), Offload::Inline, Some(clock));
    let error = driver.write(&at("/d/file"), "x".into()).await.unwrap_err();
    assert_eq!(io_kind(error), std::io::ErrorKind::IsADirectory);
    assert_eq!(fs::read_dir(directory.path().join("d")).unwrap().count(), 1, "only the obstacle");
}

#[tokio::test]
async fn what_a_crash_left_of_a_deletion_is_cleared_away_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join(".tmp-7-0/half/deleted")).unwrap();
    fs::create_dir_all(directory.path().join("kept/.tmp-not-at-the-root")).unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["kept"]);
    driver.write(&at("/d/file"), "x".into()).await.unwrap();
    driver.delete(&at("/d")).await.unwrap();
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["kept"]);
    assert!(directory.path().join("kept/.tmp-not-at-the-root").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_whose_client_went_away_is_whole_before_the_file_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let driver = Filesystem::new(directory.path(), FilesystemOptions::default());
    let mut expected = 0;
    for _ in 0..50 {
        let mut appender = driver.append(&at("/data")).await.unwrap();
        assert_eq!(appender.size(), expected);
        {
            let write = appender.write(vec![7; 1 << 20].into());
            // Polled once, so that the job is on its way, and dropped.
            let _ = futures::poll!(std::pin::pin!(write));
        }
        drop(appender);
        expected += 1 << 20;
    }
    assert_eq!(driver.append(&at("/data")).await.unwrap().size(), expected);
}
