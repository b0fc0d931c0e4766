//! Runs a sequence once, and crashes after every system call of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proofhouse::campaign::{self, CampaignConfig};
use proofhouse::case::Case;
use proofhouse::target::{EmbeddedTarget, Target as _};
use proofhouse_model::{Dialect, Model, Op, Specification};
use proofhouse_registry::driver::{Clock, Driver, Filesystem, FilesystemOptions, Offload};

use super::disk::{Disk, Lie, tree};
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
}

pub(crate) fn storage(disk: Disk, clock: Arc<dyn Clock>) -> Arc<dyn Driver> {
    let options = FilesystemOptions { fsync: true, offload: Offload::Inline, clock: Some(clock) };
    Arc::new(Filesystem::over(disk, options))
}

/// The case of a seed, as the oracle makes it.
pub(crate) fn case(seed: u64, length: usize) -> Case {
    let config = CampaignConfig { ops: length, seed, ..CampaignConfig::default() };
    campaign::case(&config, seed, &|_| true).expect("varied options are some").best().clone()
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
    let options = case.options.resolve(&case.pool);
    let disk = Disk::lying(lie);
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
            for fates in crashes(volume, bound.samples, seed ^ tried.points) {
                tried.points += 1;
                let left = volume.crashed(&fates);
                if !seen.insert(left.fingerprint()) {
                    continue;
                }
                tried.states += 1;
                let reader = Reader {
                    case,
                    target: target
                        .reopened(|clock| storage(Disk::of(left.clone()), clock))
                        .map_err(|error| error.to_string())?,
                    after: &model,
                    under_way: call.map(|_| UnderWay { op: &op, before: &before }),
                    is_after_failure: false,
                    pushes: tried.states.is_multiple_of(bound.push_one_in),
                };
                reader.read().await.map_err(|error| {
                    let crash = Crash {
                        seed,
                        done: &done,
                        calls: &calls,
                        is_acknowledged: call.is_none(),
                        volume,
                        fates: &fates,
                    };
                    crash.told(&error, &left)
                })?;
            }
        }
    }
    Ok(())
}

/// Where it crashed.
struct Crash<'a> {
    seed: u64,
    done: &'a [Op],
    calls: &'a [&'a str],
    is_acknowledged: bool,
    volume: &'a Volume,
    fates: &'a [Fate],
}

impl Crash<'_> {
    fn told(&self, error: &str, left: &Volume) -> String {
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
        for change in self.volume.told(self.fates) {
            let _ = writeln!(text, "  {change}");
        }
        let _ = writeln!(text, "\nWhat was left:\n{}", tree(left));
        text
    }
}
