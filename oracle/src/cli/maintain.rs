//! `proofhouse gc`, `purge-uploads` and `fsck`: what operators do to a directory.
//!
//! If a server serves the directory, the server does it, between the pushes of its clients; else it is done here.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use proofhouse_registry::control::{self, Work};
use proofhouse_registry::fsck::FsckOptions;
use proofhouse_registry::gc::GcOptions;

use super::steps::Steps;
use super::{Failure, Verdict, duration, say};

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Collect {
    /// The directory of the registry: what has docker/registry/v2 below it.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Remove manifests that no tag reaches, too.
    #[arg(long)]
    delete_untagged: bool,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Keep what is younger: a push uploads its layers before its manifest. 0s keeps nothing.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = age)]
    grace: Duration,
}

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct PurgeUploads {
    /// The directory of the registry: what has docker/registry/v2 below it.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Remove uploads that started at least this long ago.
    #[arg(long, value_name = "TIME", default_value = "168h", value_parser = age)]
    older_than: Duration,
    /// Only say which.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Fsck {
    /// The directory of the registry: what has docker/registry/v2 below it.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Mend what can be mended without guessing; says what it did. No bytes are deleted.
    #[arg(long)]
    repair: bool,
    /// Read every blob and compare it with its digest.
    #[arg(long)]
    deep: bool,
}

/// As every duration, and `0s` as well.
fn age(text: &str) -> Result<Duration, String> {
    if text == "0s" { Ok(Duration::ZERO) } else { duration::parse(text) }
}

impl Collect {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let options = GcOptions {
            delete_untagged: self.delete_untagged,
            dry_run: self.dry_run,
            grace_seconds: seconds(self.grace),
        };
        perform(&self.root, Work::CollectGarbage(options))
    }
}

impl PurgeUploads {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let work = Work::PurgeUploads { older_than_seconds: seconds(self.older_than), dry_run: self.dry_run };
        perform(&self.root, work)
    }
}

impl Fsck {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        perform(&self.root, Work::Check(FsckOptions { repair: self.repair, deep: self.deep }))
    }
}

/// Rounded up: what is kept for half a second is kept for one.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn perform(root: &std::path::Path, work: Work) -> Result<Verdict, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let steps = Steps::new();
    let done = runtime.block_on(control::perform(root, work, &steps));
    steps.done();
    let done = done?;
    if done.is_unlocked {
        eprintln!(
            "proofhouse: this directory is read-only here and was not locked; what others do to it meanwhile is seen halfway"
        );
    }
    for line in &done.lines {
        say(line);
    }
    say(&done.summary);
    if let Some(refusal) = done.refusal {
        return Err(Failure(refusal));
    }
    Ok(if done.damaged { Verdict::Bad } else { Verdict::Good })
}
