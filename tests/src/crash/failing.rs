//! A disk that fails at every call in turn, once or for good, and works again after the operation.
//!
//! Whoever asked is told so, or is answered what is true. What was not acknowledged may have been done, as after a crash. When the
//! disk works again the same registry does, and no file is left open.

use proofhouse::target::{EmbeddedTarget, Target as _};
use proofhouse_model::{Dialect, Model, Outcome, Specification};
use proofhouse_registry::driver::calls::Errno;

use super::crashing::{case, options, reopened, storage};
use super::disk::{Disk, Failure, tree};
use super::reader::{Reader, UnderWay, observe};

const ERRORS: [Errno; 4] = [Errno::IO, Errno::NOSPC, Errno::ACCESS, Errno::MFILE];

async fn begun(disk: Disk, case: &proofhouse::case::Case) -> Result<(EmbeddedTarget, Model), String> {
    let options = options(case);
    let mut target = EmbeddedTarget::builder().storage(move |clock| storage(disk.clone(), clock)).build();
    target.fresh(&options).await.map_err(|error| error.to_string())?;
    let specification = Specification::new(Dialect::Proofhouse, options).map_err(|error| error.to_string())?;
    Ok((target, Model::new(specification)))
}

/// Runs the case of a seed, and before each operation a copy of it on a disk that fails, for every call that the operation makes.
/// Counts the failures.
///
/// # Errors
/// All about the first failure that was answered with what is not true, or has left something wrong.
pub async fn fail_everywhere(seed: u64, length: usize, failures: &mut u64) -> Result<(), String> {
    let case = case(seed, length);
    let disk = Disk::default();
    let (mut target, mut model) = begun(disk.clone(), &case).await?;
    for op in case.ops() {
        let before = disk.volume();
        for for_good in [false, true] {
            // A failure of each kind at another call, for each seed.
            let mut errors = ERRORS.into_iter().cycle().skip(usize::try_from(seed % 4).unwrap_or(0));
            for after in 0.. {
                let error = errors.next().unwrap_or(Errno::IO);
                let failing = Disk::of(before.clone());
                let mut copy = reopened(&target, failing.clone())?;
                failing.fail(Some(Failure { after, error, for_good }));
                let answer = copy.perform(&op).await;
                let has_failed = failing.has_failed();
                failing.fail(None);
                if !has_failed {
                    break;
                }
                *failures += 1;
                let told = |what: &str| {
                    format!(
                        "seed {seed}: {error:?} at call {after}{} of {op:?}, which answered {answer:?}: {what}\n{}",
                        if for_good { " and later" } else { "" },
                        tree(&failing.volume())
                    )
                };
                let open = failing.open_handles();
                if open > 0 {
                    return Err(told(&format!("{open} handles are open")));
                }
                let mut known = model.clone();
                let is_told = matches!(answer, Outcome::Broken { .. });
                if is_told {
                    known.lose_sight(&op);
                } else {
                    observe(&mut known, &op, &answer).map_err(|error| told(&error))?;
                }
                // The power fails before anybody has looked: nothing is put right by then.
                let left = failing.volume().without_power();
                let reader = Reader {
                    case: &case,
                    target: reopened(&copy, Disk::of(left.clone()))?,
                    after: &known,
                    under_way: is_told.then_some(UnderWay { op: &op, before: &model }),
                    is_after_failure: true,
                    pushes: false,
                };
                let read = reader.read().await;
                read.map_err(|error| told(&format!("after a crash at once: {error}\n{}", tree(&left))))?;
                let again = reopened(&copy, failing.clone())?;
                let reader = Reader {
                    case: &case,
                    target: copy,
                    after: &known,
                    under_way: is_told.then_some(UnderWay { op: &op, before: &model }),
                    is_after_failure: true,
                    pushes: failures.is_multiple_of(4),
                };
                let Some(known) = reader.read().await.map_err(|error| told(&error))? else { continue };
                if failures.is_multiple_of(4) {
                    // What was acknowledged since the failure is not lost with what had failed.
                    let left = failing.volume().without_power();
                    let target = reopened(&again, Disk::of(left.clone()))?;
                    let (after, pushes) = (&known, false);
                    let reader = Reader { case: &case, target, after, under_way: None, is_after_failure: true, pushes };
                    let read = reader.read().await;
                    read.map_err(|error| told(&format!("after a crash since: {error}\n{}", tree(&left))))?;
                }
            }
        }
        let answer = target.perform(&op).await;
        observe(&mut model, &op, &answer)?;
    }
    Ok(())
}

/// Runs the case of a seed on a disk that never takes all at once.
///
/// # Errors
/// The first answer that is wrong.
pub async fn with_short_writes(seed: u64, length: usize) -> Result<(), String> {
    let case = case(seed, length);
    let (mut target, mut model) = begun(Disk::short(), &case).await?;
    for op in case.ops() {
        let answer = target.perform(&op).await;
        observe(&mut model, &op, &answer).map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(())
}
