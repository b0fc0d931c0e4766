//! What a command wrote to a registry at a URL, and whether it stays.

use std::time::Duration;

use clap::Args;
use proofhouse::report::words::wrap;
use proofhouse::target::HttpTarget;

use super::interrupts::Interrupts;

/// What is left of it when a signal has ended the run: whoever sent it soon sends another.
const IN_A_HURRY: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Cleaning {
    /// Leaves what was written where it is. Default: what a case wrote is deleted before the next, and what is left of it after the
    /// run, for ten seconds at most.
    #[arg(long, requires = "url")]
    pub(super) keep: bool,
}

impl Cleaning {
    /// After a run of so much time: what stays, and why, if something does that should not. For a person.
    pub(super) async fn after(
        &self,
        target: &mut HttpTarget,
        time: Option<Duration>,
        interrupts: &Interrupts,
    ) -> Option<String> {
        if self.keep {
            return None;
        }
        let within = if interrupts.status().is_some() { IN_A_HURRY } else { clean_up_time(time) };
        let leftovers = target.clean_up(within).await?;
        Some(wrap("", &leftovers.to_string(), 80))
    }
}

/// How long what was written may be deleted, after the run: a sixth of its time, and ten seconds at most.
fn clean_up_time(time: Option<Duration>) -> Duration {
    let most = Duration::from_secs(10);
    time.map_or(most, |time| (time / 6).clamp(Duration::from_secs(1), most))
}
