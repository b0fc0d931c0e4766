//! A disk of which some places cannot be read: a check looks everywhere else, says so, and a repair removes nothing.

use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::control::Work;
use proofhouse_registry::driver::{
    Appender, ContentStream, Driver, DriverError, Entry, ManualClock, Memory, Stat, StoragePath,
};
use proofhouse_registry::fsck::FsckOptions;
use tokio::sync::Notify;

use crate::support::*;

/// Fails at every call whose `name path\n` contains a text, and notes what it is asked.
#[derive(Debug)]
pub(crate) struct Blind {
    inner: Memory,
    pub(crate) spot: Mutex<Option<String>>,
    /// What was asked, with the paths.
    pub(crate) seen: Mutex<Vec<String>>,
    /// The first call that contains this text says so, and waits.
    pub(crate) holds: Mutex<Option<String>>,
    pub(crate) held: Notify,
    pub(crate) go_on: Notify,
}

impl Blind {
    /// A house over it, whose deletion is on.
    pub(crate) fn house() -> (Arc<Self>, House) {
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        let driver = Arc::new(Self {
            inner: Memory::new(clock.clone()),
            spot: Mutex::default(),
            seen: Mutex::default(),
            holds: Mutex::default(),
            held: Notify::new(),
            go_on: Notify::new(),
        });
        (driver.clone(), House::over(driver, clock, RegistryBuilder::enable_delete))
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    async fn see(&self, call: &str, path: &StoragePath) -> Result<(), DriverError> {
        let asked = format!("{call} {path}\n");
        self.seen.lock().unwrap().push(asked.trim_end().to_owned());
        let is_held = self.holds.lock().unwrap().take_if(|held| asked.contains(&**held)).is_some();
        if is_held {
            self.held.notify_one();
            self.go_on.notified().await;
        }
        match &*self.spot.lock().unwrap() {
            Some(spot) if asked.contains(spot) => {
                let source = io::Error::from_raw_os_error(5);
                Err(DriverError::Io { path: path.clone(), operation: "read", source })
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Driver for Blind {
    fn name(&self) -> &'static str {
        "blind"
    }
    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        self.see("read", path).await?;
        self.inner.read_at_most(path, limit).await
    }
    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        self.see("read", path).await?;
        self.inner.reader(path, offset, length).await
    }
    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.see("write", path).await?;
        self.inner.write(path, content).await
    }
    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        self.see("append", path).await?;
        self.inner.append(path).await
    }
    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.see("stat", path).await?;
        self.inner.stat(path).await
    }
    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.see("list", path).await?;
        self.inner.list(path).await
    }
    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.see("list", path).await?;
        self.inner.entries(path).await
    }
    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.see("rename", from).await?;
        self.inner.rename(from, to).await
    }
    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.see("delete", path).await?;
        self.inner.delete(path).await
    }
}

#[tokio::test]
async fn a_check_goes_on_where_it_cannot_look_and_a_repair_removes_nothing() {
    let (driver, house) = Blind::house();
    let image_digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
    house.push("a", "{}").await;
    house.put("a", None, OCI, &image_with("{}", &[], &subject(&image_digest))).await;
    house.api.put_blob("a", sha512("long").as_str(), body("long")).await.unwrap();
    let upload = house.api.start_upload("a").await.unwrap().id;
    house.push("z", "loose").await;
    let torn = format!("/docker/registry/v2/repositories/z/_layers/sha256/{}/link", sha256("loose").hex());
    let sound = house.files().await;
    let (layer, long) = (sha256("layer"), sha512("long"));
    let data = |digest: &proofhouse_registry::digest::Digest| format!("{}/data", digest.hex());
    let link = |digest: &proofhouse_registry::digest::Digest| format!("{}/link", digest.hex());
    for spot in [
        data(&layer),
        link(&layer),
        link(&long),
        data(&image_digest),
        format!("revisions/sha256/{}", link(&image_digest)),
        format!("index/sha256/{}", link(&image_digest)),
        "tags/t/current".to_owned(),
        "tags/t/index".to_owned(),
        "a/_manifests/referrers".to_owned(),
        "a/_layers".to_owned(),
        format!("{upload}/startedat"),
        format!("blobs/sha256/{}", &layer.hex()[..2]),
        "repositories/a".to_owned(),
    ] {
        house.write(&torn, "").await;
        *driver.spot.lock().unwrap() = Some(spot.clone());
        let done = Work::Check(FsckOptions { repair: true, deep: true }).run(house.api.registry(), &()).await.unwrap();
        let told = done.lines.iter().filter(|line| line.contains("it cannot be read: ") && line.contains(&spot));
        assert!(told.count() > 0, "{spot}: {done:?}");
        assert!(done.refusal.unwrap().contains("could not be read"), "{spot}");
        assert!(done.lines.iter().any(|line| line.contains("(repaired: link it to ")), "{spot}: {:?}", done.lines);
        *driver.spot.lock().unwrap() = None;
        assert_eq!(house.files().await, sound, "{spot}: {:?}", done.lines);
    }
}
