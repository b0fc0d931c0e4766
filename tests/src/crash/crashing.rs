//! Runs a sequence once, and crashes after every system call of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proofhouse::campaign::{self, CampaignConfig};
use proofhouse::case::Case;
use proofhouse::target::{EmbeddedTarget, Target as _};
use proofhouse_model::{Content, Dialect, Model, Op, Options, Outcome, Specification, digest_of};
use proofhouse_registry::driver::{Clock, Driver, Filesystem, FilesystemOptions, Offload};

use super::disk::{Disk, Lie, tree};
use super::permitted::{parts, takes_many};
use super::reader::{Reader, UnderWay, observe};
use super::volume::{Fate, Volume, crashes};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Operations of a generated sequence.
    pub length: usize,
    /// It crashes after one in so many system calls.
    pub call_one_in: u64,
    /// Crashes drawn at random, besides those that are always tried.
    pub samples: usize,
    /// One in so many states that were found sound is pushed to again.
    pub push_one_in: u64,
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    /// System calls that were made, and acknowledgments.
    pub calls: u64,
    /// Crashes: what was forgotten, for each of these calls.
    pub points: u64,
    /// Different disks that were left, each of which was read back.
    pub states: u64,
    /// Operations that were done again, after their process was killed or after a crash, before the power failed (again).
    pub repeated: u64,
}

pub(crate) fn storage(disk: Disk, clock: Arc<dyn Clock>) -> Arc<dyn Driver> {
    let options = FilesystemOptions { offload: Offload::Inline, clock: Some(clock), ..FilesystemOptions::default() };
    Arc::new(Filesystem::over(disk, options))
}

/// The case of a seed, as the oracle makes it.
pub(crate) fn case(seed: u64, length: usize) -> Case {
    let config = CampaignConfig { ops: length, seed, ..CampaignConfig::default() };
    campaign::case(&config, seed, &|_| true).expect("varied options are some").best().clone()
}

/// The same case on another disk, by a new process.
pub(crate) fn reopened(target: &EmbeddedTarget, disk: Disk) -> Result<EmbeddedTarget, String> {
    target.reopened(|clock| storage(disk, clock)).map_err(|error| error.to_string())
}

/// The options of a case, without a redirect: it would send the reader away from the bytes that are to be looked at.
pub(crate) fn options(case: &Case) -> Options {
    Options { redirect: None, ..case.options.resolve(&case.pool) }
}

/// Runs the case of a seed, and crashes wherever it can.
///
/// # Errors
/// All about the first crash after which something is wrong.
pub async fn crash_everywhere(seed: u64, bound: Bound, lie: Option<Lie>, tried: &mut Tried) -> Result<(), String> {
    crash_case(&case(seed, bound.length), seed, bound, lie, tried).await
}

/// Runs a case, and crashes wherever it can; `seed` draws the samples.
///
/// # Errors
/// All about the first crash after which something is wrong.
pub async fn crash_case(
    case: &Case,
    seed: u64,
    bound: Bound,
    lie: Option<Lie>,
    tried: &mut Tried,
) -> Result<(), String> {
    let options = options(case);
    let disk = Disk::lying(lie);
    // Every other sequence shares its syncs.
    disk.slow_down(if seed.is_multiple_of(2) { 0 } else { 1000 });
    let shared = disk.clone();
    let mut target = EmbeddedTarget::builder().storage(move |clock| storage(shared.clone(), clock)).build();
    target.fresh(&options).await.map_err(|error| error.to_string())?;
    let specification = Specification::new(Dialect::Proofhouse, options).map_err(|error| error.to_string())?;
    let mut model = Model::new(specification);
    let mut done: Vec<Op> = Vec::new();
    for op in case.ops() {
        let before = model.clone();
        disk.record();
        let outcome = target.perform(&op).await;
        let record = disk.recorded();
        observe(&mut model, &op, &outcome).map_err(|error| format!("seed {seed}, without any crash: {error}"))?;
        done.push(op.clone());
        let mut seen = BTreeSet::new();
        let mut calls: Vec<&str> = Vec::new();
        let end = disk.volume();
        let during = record.iter().map(|(call, volume)| (Some(call.as_str()), volume));
        for (call, volume) in during.chain([(None, &end)]) {
            calls.extend(call);
            if call.is_none() {
                // From here on it is acknowledged.
                seen.clear();
            }
            tried.calls += 1;
            if !tried.calls.is_multiple_of(bound.call_one_in) {
                continue;
            }
            let (before, after, done, calls) = (&before, &model, &done[..], &calls[..]);
            let is_acknowledged = call.is_none();
            let moment =
                Moment { case, seed, target: &target, op: &op, before, after, done, calls, is_acknowledged, volume };
            moment.done_again(tried).await?;
            for fates in crashes(volume, bound.samples, seed ^ tried.points) {
                tried.points += 1;
                let left = volume.crashed(&fates);
                if seen.insert(left.fingerprint()) {
                    tried.states += 1;
                    let told = |error: String| moment.told(&error, &fates, &left);
                    moment.crashed(&left, bound, tried).await.map_err(told)?;
                }
            }
        }
    }
    Ok(())
}

/// A moment of a sequence: after one of the system calls of its last operation, or after it was acknowledged.
struct Moment<'a> {
    case: &'a Case,
    seed: u64,
    target: &'a EmbeddedTarget,
    op: &'a Op,
    /// What was known before the operation.
    before: &'a Model,
    /// What is known when it is done.
    after: &'a Model,
    done: &'a [Op],
    calls: &'a [&'a str],
    is_acknowledged: bool,
    /// The disk at this moment.
    volume: &'a Volume,
}

/// Whether an operation finds something there and adds to it. What takes something away waits for others of the same process.
fn relies_on_what_is_there(op: &Op) -> bool {
    matches!(op, Op::PutBlob { .. } | Op::MountBlob { .. } | Op::PutManifest { .. } | Op::FinishUpload { .. })
}

impl Moment<'_> {
    /// Whether the operation can be done again that has been done in part.
    fn is_in_part(&self) -> bool {
        !self.is_acknowledged && !takes_many(self.op)
    }

    /// The operation is done again: what the first had made visible need not be durable, and the second acknowledges it. Either a new
    /// process does it, after the first was killed; or another client of the same process, which then has no reason to make everything
    /// durable, and asks for what it relies on only.
    async fn done_again(&self, tried: &mut Tried) -> Result<(), String> {
        if !self.is_in_part() {
            return Ok(());
        }
        tried.repeated += 1;
        let volume = self.volume;
        let told = |what: &str, error: &str| {
            let fates = vec![Fate::Kept; volume.pending.len()];
            self.told(&format!("{what}, then the power fails: {error}"), &fates, volume)
        };
        let beside = || Disk::lying_of(volume.clone(), Lie::Everything);
        let killed = self.again(Disk::of(volume.clone())).await;
        killed.map_err(|error| told("killed, and done again", &error))?;
        let finished = self.finished(beside()).await;
        finished.map_err(|error| told("finished by another server meanwhile", &error))?;
        if relies_on_what_is_there(self.op) {
            let done = self.again(beside()).await;
            done.map_err(|error| told("done by another client meanwhile", &error))?;
        }
        Ok(())
    }

    /// A new registry on what a crash has left. Some do the operation again, and the power fails once more.
    async fn crashed(&self, left: &Volume, bound: Bound, tried: &mut Tried) -> Result<(), String> {
        let is_chosen = tried.states.is_multiple_of(bound.push_one_in);
        let reader = Reader {
            case: self.case,
            target: reopened(self.target, Disk::of(left.clone()))?,
            after: self.after,
            under_way: (!self.is_acknowledged).then_some(UnderWay { op: self.op, before: self.before }),
            is_after_failure: false,
            pushes: is_chosen,
        };
        reader.read().await?;
        // What has come of bytes that were not acknowledged is the client's to ask for.
        let sends_on = matches!(self.op, Op::Append { .. } | Op::FinishUpload { .. });
        if is_chosen && self.is_in_part() && !sends_on {
            tried.repeated += 1;
            let again = self.again(Disk::of(left.clone())).await;
            again.map_err(|error| format!("done again after the crash, then the power fails once more: {error}"))?;
        }
        Ok(())
    }

    /// The operation on this disk, where some of it was done before. If it is acknowledged now, it stays.
    async fn again(&self, disk: Disk) -> Result<(), String> {
        let Self { case, op, before, .. } = self;
        let mut target = reopened(self.target, disk.clone())?;
        let mut model = (*before).clone();
        for part in parts(op, before.state(), None) {
            model.lose_sight(&part);
        }
        let answer = target.perform(op).await;
        if !answer.succeeded() {
            return Ok(());
        }
        observe(&mut model, op, &answer)?;
        let left = disk.volume().without_power();
        let target = reopened(&target, Disk::of(left.clone()))?;
        let reader = Reader { case, target, after: &model, under_way: None, is_after_failure: true, pushes: false };
        reader.read().await.map(drop).map_err(|error| format!("{error}\n\nWhat was left then:\n{}", tree(&left)))
    }

    /// What has come of a chunk is finished by another server, which found it there: it is durable then, or not a blob.
    async fn finished(&self, disk: Disk) -> Result<(), String> {
        let Op::Append { repo, upload, bytes, .. } = self.op else { return Ok(()) };
        let Some(open) = self.before.state().uploads.get(upload) else { return Ok(()) };
        let mut target = reopened(self.target, disk.clone())?;
        let (repo, upload) = (repo.clone(), *upload);
        let status = target.perform(&Op::UploadStatus { repo: repo.clone(), upload }).await;
        let Outcome::Upload { size, .. } = status else { return Ok(()) };
        let mut whole = [&open.bytes[..], &bytes[..]].concat();
        whole.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let digest = digest_of("sha256", &whole);
        let (claimed, nothing) = (Some(digest.clone()), Content::from(""));
        let finish = Op::FinishUpload { repo: repo.clone(), upload, digest: claimed, range: None, bytes: nothing };
        if !target.perform(&finish).await.succeeded() {
            return Ok(());
        }
        let left = disk.volume().without_power();
        let fetch = Op::GetBlob { repo, digest, range: None };
        match reopened(&target, Disk::of(left.clone()))?.perform(&fetch).await {
            Outcome::Blob { body: Some(body), .. } if body.bytes[..] == whole[..] => Ok(()),
            // Whoever may push there need not be allowed to pull.
            Outcome::Refused { status: 403, .. } => Ok(()),
            answer => Err(format!("{fetch:?}: {answer:?}\n\nWhat was left then:\n{}", tree(&left))),
        }
    }

    fn told(&self, error: &str, fates: &[Fate], left: &Volume) -> String {
        let mut text = format!("seed {}: {error}\n\nThe sequence:\n", self.seed);
        for op in self.done {
            let _ = writeln!(text, "  {op:?}");
        }
        let when = if self.is_acknowledged { "after the last was acknowledged" } else { "during the last" };
        let _ = writeln!(text, "\nThe crash came {when}. Its system calls until then:");
        for call in self.calls {
            let _ = writeln!(text, "  {call}");
        }
        let _ = writeln!(text, "\nNot kept:");
        for change in self.volume.told(fates) {
            let _ = writeln!(text, "  {change}");
        }
        let _ = writeln!(text, "\nWhat was left:\n{}", tree(left));
        text
    }
}
