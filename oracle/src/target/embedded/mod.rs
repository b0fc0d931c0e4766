//! The registry in process.
//!
//! Each case gets a directory of its own, a clock that stands still and upload ids that count, so that a case runs the same
//! every time. A restart builds a new registry on the same directory. Every option of the seed is set through the
//! registry's builder; a test may alter the builder further ([`EmbeddedBuilder::alter`]), to break the registry on purpose.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use proofhouse_model::{Cache, Op, Options, Outcome, State, UploadRef};
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::{RegistryBuilder, UploadIds};
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::driver::{
    Clock, Driver, Filesystem, FilesystemOptions, ManualClock, Memory, Offload, Redirecting,
};
use regex::Regex;

use super::{Stop, Target, TargetError};
use crate::disk;

mod deny;
mod perform;

/// Alters the builder of every registry that is built.
type Alter = Box<dyn Fn(RegistryBuilder) -> RegistryBuilder>;

/// Makes the storage of a case, whose clock this is.
type Storage = Box<dyn Fn(Arc<dyn Clock>) -> Arc<dyn Driver>>;

/// How the registry is set up, besides the options of a case.
#[must_use = "call build"]
#[derive(Default)]
pub struct EmbeddedBuilder {
    fsync: bool,
    storage: Option<Storage>,
    directory: Option<PathBuf>,
    alter: Option<Alter>,
    stop: Stop,
}

impl EmbeddedBuilder {
    /// Ends the run when that is asked for.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Writes as if a crash could come at any time. Default: off, for there is none; and it is some ten times faster.
    pub fn fsync(mut self, on: bool) -> Self {
        self.fsync = on;
        self
    }

    /// Keeps everything in memory. The storage is not looked at then.
    pub fn memory(self) -> Self {
        self.storage(|clock| Arc::new(Memory::new(clock)))
    }

    /// Keeps everything where this says, for each case anew. The storage is not looked at then.
    pub fn storage(mut self, storage: impl Fn(Arc<dyn Clock>) -> Arc<dyn Driver> + 'static) -> Self {
        self.storage = Some(Box::new(storage));
        self
    }

    /// Makes its directories in this one. Default: `TMPDIR` if that is set; else, without fsync, `/dev/shm` where there is
    /// such a place: what need not survive is quickest in a directory that is in memory; else the system's for temporary
    /// files.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Alters the builder of every registry that is built, after all else was set.
    pub fn alter(mut self, alter: impl Fn(RegistryBuilder) -> RegistryBuilder + 'static) -> Self {
        self.alter = Some(Box::new(alter));
        self
    }

    /// The target. Nothing is written before its first case.
    pub fn build(self) -> EmbeddedTarget {
        EmbeddedTarget { setup: self, base: None, cases: 0, running: None, is_another: false }
    }
}

/// The registry in process.
pub struct EmbeddedTarget {
    setup: EmbeddedBuilder,
    /// Holds the directories of all cases; goes with the target.
    base: Option<tempfile::TempDir>,
    cases: u64,
    running: Option<Running>,
    /// A client beside the one that the case was begun with.
    is_another: bool,
}

impl fmt::Debug for EmbeddedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTarget").field("base", &self.base).field("cases", &self.cases).finish_non_exhaustive()
    }
}

impl Default for EmbeddedTarget {
    fn default() -> Self {
        EmbeddedTarget::builder().build()
    }
}

impl EmbeddedTarget {
    /// Sets a target up.
    pub fn builder() -> EmbeddedBuilder {
        EmbeddedBuilder::default()
    }

    /// Where the directories of the cases are made.
    pub fn directory(&self) -> PathBuf {
        let in_memory = || {
            let wanted = !self.setup.fsync && std::env::var_os("TMPDIR").is_none();
            // Its metadata do not say whether we may write there, so it is tried.
            wanted.then(|| PathBuf::from("/dev/shm")).filter(|place| tempfile::tempdir_in(place).is_ok())
        };
        self.setup.directory.clone().or_else(in_memory).unwrap_or_else(std::env::temp_dir)
    }

    fn case_directory(&mut self) -> Result<PathBuf, TargetError> {
        if self.base.is_none() {
            let parent = self.directory();
            let made = tempfile::Builder::new().prefix("proofhouse-").tempdir_in(&parent);
            self.base = Some(made.map_err(|source| TargetError::NotWritable { path: parent, source })?);
        }
        self.cases += 1;
        let base = self.base.as_ref().map(tempfile::TempDir::path).unwrap_or_else(|| std::path::Path::new("."));
        Ok(base.join(format!("case-{}", self.cases)))
    }
}

/// What one case has.
#[derive(Clone)]
struct Running {
    options: Options,
    /// None: in memory.
    root: Option<PathBuf>,
    driver: Arc<dyn Driver>,
    clock: Arc<ManualClock>,
    ids: Arc<Counting>,
    api: Api,
    /// All clients of a case know the uploads of one another.
    uploads: Rc<RefCell<BTreeMap<UploadRef, String>>>,
}

/// Upload ids that count.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl UploadIds for Counting {
    fn fresh(&self) -> String {
        format!("upload-{}", self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The clock of a case begins here: seconds since 1970.
const BEGINNING: u64 = 1_600_000_000;

#[async_trait(?Send)]
impl Target for EmbeddedTarget {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        if let Some(root) = self.running.take().and_then(|running| running.root) {
            // What is left of an old case harms none that follows, and goes with the target.
            let _ = std::fs::remove_dir_all(root);
        }
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let dated: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let (root, driver): (_, Arc<dyn Driver>) = match &self.setup.storage {
            Some(storage) => (None, storage(dated)),
            None => {
                let settings = FilesystemOptions {
                    fsync: self.setup.fsync,
                    offload: Offload::Inline,
                    root_held: true,
                    clock: Some(dated),
                };
                let root = self.case_directory()?;
                (Some(root.clone()), Arc::new(Filesystem::new(root, settings)))
            }
        };
        let driver = redirected(options, driver);
        let ids = Arc::new(Counting::default());
        let api = api(options, &driver, &clock, &ids, self.setup.alter.as_ref())?;
        let uploads = Rc::default();
        self.running = Some(Running { options: options.clone(), root, driver, clock, ids, api, uploads });
        Ok(())
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        let Some(running) = &mut self.running else {
            return Outcome::Broken { what: "no case was begun".into() };
        };
        match op {
            Op::Advance { seconds } => {
                running.clock.advance(Duration::from_secs(*seconds));
                Outcome::Done
            }
            Op::Restart => {
                let Running { options, driver, clock, ids, .. } = running;
                match api(options, driver, clock, ids, self.setup.alter.as_ref()) {
                    Ok(api) => running.api = api,
                    Err(error) => return Outcome::Broken { what: error.to_string() },
                }
                Outcome::Done
            }
            _ => match AssertUnwindSafe(perform::perform(&running.api, &running.uploads, op)).catch_unwind().await {
                Ok(outcome) => outcome,
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().map(String::as_str);
                    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                    Outcome::Broken { what: format!("it panicked: {}", text.unwrap_or("without a word")) }
                }
            },
        }
    }

    fn interruption(&mut self) -> Option<TargetError> {
        self.setup.stop.is_asked().then_some(TargetError::Interrupted)
    }

    fn is_library(&self) -> bool {
        true
    }

    /// What is done to the registry as a whole is for the first client.
    fn offers(&self, op: &Op) -> bool {
        !(self.is_another && matches!(op, Op::Restart | Op::Advance { .. }))
    }

    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        let another = |running: &Running| EmbeddedTarget {
            setup: EmbeddedBuilder::default(),
            base: None,
            cases: 0,
            running: Some(Running { root: None, ..running.clone() }),
            is_another: true,
        };
        let clients = self.running.iter().flat_map(|running| (0..count).map(move |_| another(running)));
        clients.map(|client| Box::new(client) as Box<dyn Target>).collect()
    }

    async fn inspect(&mut self, state: &State) -> Option<Vec<String>> {
        let Some(Running { root: Some(root), options, .. }) = &self.running else { return None };
        Some(disk::differences(root, state, options.digest_resumption))
    }
}

impl EmbeddedTarget {
    /// The same case on another storage, as after a crash: a new registry, which knows nothing but what is there. The time is the
    /// same, and goes on by itself.
    ///
    /// # Errors
    /// [`TargetError::Options`] if no case was begun.
    pub fn reopened(&self, storage: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Driver>) -> Result<Self, TargetError> {
        let Some(running) = &self.running else { return Err(TargetError::Options("no case was begun".to_owned())) };
        let options = running.options.clone();
        let clock = Arc::new(ManualClock::at(running.clock.seconds()));
        let driver = redirected(&options, storage(Arc::<ManualClock>::clone(&clock)));
        let ids = Arc::new(Counting(AtomicU64::new(running.ids.0.load(Ordering::Relaxed))));
        let api = api(&options, &driver, &clock, &ids, self.setup.alter.as_ref())?;
        let uploads = Rc::new(RefCell::new(running.uploads.borrow().clone()));
        let running = Some(Running { options, root: None, driver, clock, ids, api, uploads });
        Ok(EmbeddedTarget { setup: EmbeddedBuilder::default(), base: None, cases: 0, running, is_another: false })
    }
}

fn redirected(options: &Options, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
    match &options.redirect {
        None => driver,
        Some(base) => Arc::new(Redirecting::new(driver, base)),
    }
}

/// The pattern, compiled. That takes as long as a whole case, and most cases have one of a few, so these are kept.
fn pattern(text: &str) -> Result<Regex, TargetError> {
    const MOST: usize = 64;
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(pattern) = compiled.get(text) {
            return Ok(pattern.clone());
        }
        let pattern = Regex::new(text).map_err(|error| TargetError::Options(error.to_string()))?;
        if compiled.len() == MOST {
            compiled.clear();
        }
        compiled.insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    })
}

/// Builds a registry as the options say.
fn api(
    options: &Options,
    driver: &Arc<dyn Driver>,
    clock: &Arc<ManualClock>,
    ids: &Arc<Counting>,
    alter: Option<&Alter>,
) -> Result<Api, TargetError> {
    let mut builder = RegistryBuilder::new(Arc::clone(driver))
        .clock(Arc::<ManualClock>::clone(clock))
        .upload_ids(Arc::<Counting>::clone(ids))
        .tag_lookup_concurrency_limit(options.tag_lookup_limit);
    if options.redirect.is_some() {
        builder = builder.enable_redirect();
    }
    if options.delete {
        builder = builder.enable_delete();
    }
    if !options.digest_resumption {
        builder = builder.disable_digest_resumption();
    }
    if let Some(allow) = &options.urls_allow {
        builder = builder.manifest_urls_allow_regexp(pattern(allow)?);
    }
    if let Some(deny) = &options.urls_deny {
        builder = builder.manifest_urls_deny_regexp(pattern(deny)?);
    }
    if options.validate_index {
        builder = builder.enable_validate_image_index_images_exist();
    }
    for platform in &options.platforms {
        builder = builder.add_validate_image_index_images_exist_platform(&platform.architecture, &platform.os);
    }
    if let Some(deny) = &options.deny {
        builder = builder.blob_descriptor_service_factory(Arc::new(deny::Denying::new(deny)));
    }
    let entries = match options.cache {
        Cache::Off => None,
        Cache::Tiny => Some(2),
        Cache::Large => Some(10_000),
    };
    builder = builder.blob_descriptor_cache_provider(entries.map(|entries| Arc::new(InMemoryCache::new(entries)) as _));
    if let Some(alter) = alter {
        builder = alter(builder);
    }
    let registry = builder.build().map_err(|error| TargetError::Options(error.to_string()))?;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let config = ApiConfig {
        max_manifest_bytes: options.max_manifest_bytes,
        catalog_default: number(options.catalog_default),
        catalog_max: number(options.catalog_max),
        tags_max: None,
        skip_layer_verification: options.skip_layer_verification,
    };
    Ok(Api::new(registry, config))
}

#[cfg(test)]
mod tests;
