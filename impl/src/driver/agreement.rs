//! Two drivers that know nothing of each other, the same calls, the same answers.
//!
//! The suite in `tests/driver_suite/` asks what somebody thought of; here proptest asks, with few names, so that files and
//! directories get in each other's way.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use proptest::prelude::*;

use super::*;
use crate::sync::Arc;

#[derive(Clone, Debug)]
enum Call {
    Read(StoragePath),
    Range(StoragePath, u64, Option<u64>),
    Write(StoragePath, Bytes),
    // Appends each chunk; the appender stays open if told so.
    Append(StoragePath, Vec<Bytes>, bool),
    AppendToOpen(Bytes),
    Stat(StoragePath),
    List(StoragePath),
    Rename(StoragePath, StoragePath),
    Delete(StoragePath),
    Advance,
}

fn paths() -> impl Strategy<Value = StoragePath> {
    let names = prop::sample::select(vec!["a", "a-", "a0", "b"]);
    let make = |names: Vec<&str>| StoragePath::new(format!("/{}", names.join("/"))).unwrap();
    proptest::collection::vec(names, 0..4).prop_map(make)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..5).prop_map(Bytes::from)
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => paths().prop_map(Call::Read),
        1 => (paths(), 0..8_u64, proptest::option::of(0..8_u64)).prop_map(|(path, offset, length)| Call::Range(path, offset, length)),
        4 => (paths(), bytes()).prop_map(|(path, content)| Call::Write(path, content)),
        2 => (paths(), proptest::collection::vec(bytes(), 0..3), any::<bool>())
            .prop_map(|(path, chunks, open)| Call::Append(path, chunks, open)),
        1 => bytes().prop_map(Call::AppendToOpen),
        1 => paths().prop_map(Call::Stat),
        1 => paths().prop_map(Call::List),
        2 => (paths(), paths()).prop_map(|(from, to)| Call::Rename(from, to)),
        1 => paths().prop_map(Call::Delete),
        1 => Just(Call::Advance),
    ]
}

/// What a caller can tell an error by.
fn kind(error: &DriverError) -> String {
    match error {
        DriverError::Io { path, operation, source } => format!("{path}: {operation}: {:?}", source.kind()),
        other => other.to_string(),
    }
}

/// A driver, and the appender that was left open.
struct Side {
    driver: Box<dyn Driver>,
    open: Option<Box<dyn Appender>>,
}

impl Side {
    async fn perform(&mut self, call: &Call) -> Result<String, DriverError> {
        Ok(match call {
            Call::Read(path) => format!("{:?}", self.driver.read(path).await?),
            Call::Range(path, offset, length) => {
                let chunks: Vec<Bytes> = self.driver.reader(path, *offset, *length).await?.try_collect().await?;
                format!("{:?}", chunks.concat())
            }
            Call::Write(path, content) => format!("{:?}", self.driver.write(path, content.clone()).await?),
            Call::Append(path, chunks, open) => {
                let mut appender = self.driver.append(path).await?;
                let size = appender.size();
                for chunk in chunks {
                    appender.write(chunk.clone()).await?;
                }
                appender.sync().await?;
                let answer = format!("{size} {}", appender.size());
                if *open {
                    self.open = Some(appender);
                }
                answer
            }
            Call::AppendToOpen(chunk) => match &mut self.open {
                Some(appender) => {
                    appender.write(chunk.clone()).await?;
                    appender.sync().await?;
                    appender.size().to_string()
                }
                None => String::new(),
            },
            Call::Stat(path) => stated(self.driver.stat(path).await?),
            Call::List(path) => {
                let names = self.driver.list(path).await?;
                // What is remembered of it, page by page.
                let mut paged = Vec::new();
                loop {
                    let page = self.driver.list_after(path, paged.last().map_or("", String::as_str), 2).await?;
                    if page.is_empty() {
                        break;
                    }
                    paged.extend(page);
                }
                assert_eq!(paged, names, "{path}");
                format!("{names:?}")
            }
            Call::Rename(from, to) => format!("{:?}", self.driver.rename(from, to).await?),
            Call::Delete(path) => format!("{:?}", self.driver.delete(path).await?),
            Call::Advance => String::new(),
        })
    }

    /// Everything that is there.
    async fn tree(&self) -> BTreeMap<StoragePath, String> {
        let mut tree = BTreeMap::new();
        let mut left = vec![StoragePath::root()];
        while let Some(path) = left.pop() {
            let stat = self.driver.stat(&path).await.unwrap();
            if stat.is_dir {
                let names = self.driver.list(&path).await.unwrap();
                left.extend(names.iter().map(|name| path.join(name).unwrap()));
                tree.insert(path, "directory".to_owned());
            } else {
                let content = self.driver.read(&path).await.unwrap();
                tree.insert(path, format!("{} {content:?}", stated(stat)));
            }
        }
        tree
    }
}

/// The dates of directories are the driver's own affair.
fn stated(stat: Stat) -> String {
    if stat.is_dir { format!("directory of {}", stat.size) } else { format!("{} {}", stat.size, stat.modified) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_filesystem_answer_alike(calls in proptest::collection::vec(calls(), 0..40), fsync in prop::bool::weighted(0.1)) {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_000_000));
        let options = FilesystemOptions { fsync, offload: Offload::Inline, root_held: true, clock: Some(clock.clone()) };
        let mut disk = Side { driver: Box::new(Filesystem::new(directory.path(), options)), open: None };
        let mut memory = Side { driver: Box::new(Memory::new(clock.clone())), open: None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for call in &calls {
                if matches!(call, Call::Advance) {
                    clock.advance(Duration::from_secs(7));
                }
                let on_disk = disk.perform(call).await.map_err(|error| kind(&error));
                let in_memory = memory.perform(call).await.map_err(|error| kind(&error));
                prop_assert_eq!(on_disk, in_memory, "{:?}", call);
            }
            prop_assert_eq!(disk.tree().await, memory.tree().await);
            Ok(())
        })?;
    }
}
