//! A registry at a URL, and the commands that collect its garbage, restart it, or kill it and start it again.
//!
//! The commands are the user's, for `sh -c`. They are operations in the sequence: a command that fails, or after which the
//! registry does not answer in time, breaks a rule. What a collection takes is not known; lockstep looks what can be fetched
//! before and after it ([`Target::collects_blindly`]). Of several clients one may restart or kill it while the others' requests are
//! in flight: an answer that does not come then is unknown. A registry that answers nobody any more is started again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use proofhouse_model::{Op, Options, Outcome, State};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::http::NO_ANSWER;
use super::{HttpTarget, Stop, Target, TargetError};
use crate::lockstep::{COMMAND_SUCCEEDS, GOES_ON_ANSWERING};
use crate::wire;

/// Commands for `sh -c`.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    /// Collects garbage, and returns when that is done.
    pub gc: Option<String>,
    /// Restarts the registry; it may return before the registry answers.
    pub restart: Option<String>,
    /// Kills the registry without notice and starts it again; as above.
    pub kill: Option<String>,
    /// How long a command may take, and then how long the registry may take to answer. In whole.
    pub patience: Duration,
    /// When the run ends. A command that is cut short by that says nothing about the registry.
    pub deadline: Option<Instant>,
    /// Ends the run before that, in the same way.
    pub stop: Stop,
}

impl Commands {
    /// How long a command may take, and the registry to answer after it, where nobody says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// Is there any?
    pub fn any(&self) -> bool {
        self.gc.is_some() || self.restart.is_some() || self.kill.is_some()
    }

    /// Then, or when the run ends.
    fn before_the_end(&self, then: Instant) -> Instant {
        self.deadline.map_or(then, |deadline| deadline.min(then))
    }
}

/// A registry at a URL that can be restarted, killed, or told to collect garbage.
#[derive(Debug)]
pub struct Commanded {
    /// The registry.
    pub http: HttpTarget,
    commands: Commands,
    shared: Rc<Shared>,
    /// How the run ended, if it did during the last command.
    over: Option<TargetError>,
}

/// What all clients know.
#[derive(Debug, Default)]
struct Shared {
    /// Restarts in this case: where there are two ways they take turns.
    restarts: Cell<usize>,
    /// How often it went down or came back: while that is odd it is down.
    turns: watch::Sender<u64>,
    /// Commands that came to an end, whatever that was.
    ended: RefCell<BTreeSet<String>>,
    /// The command that the end of the run cut off.
    cut_off: RefCell<Option<String>>,
    /// It answered nobody any more.
    gone: Cell<bool>,
}

/// How long until the registry is asked again whether it is there.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a registry that does not answer may take until it does, and is not said to be gone.
const MOMENT: Duration = Duration::from_secs(1);

/// How long a registry that was gone is waited for, where no command brings it back: somebody may watch over it.
const BACK: Duration = Duration::from_secs(10);

/// The same, where a signal ends the run: whoever sent it soon sends another.
const IN_A_HURRY: Duration = Duration::from_secs(3);

impl Commanded {
    /// Puts the commands beside the registry.
    pub fn new(http: HttpTarget, commands: Commands) -> Commanded {
        Commanded { http, commands, shared: Rc::default(), over: None }
    }

    /// The command that was not done when the run ended, and never was before: nothing is known of what it does.
    pub fn cut_off(&self) -> Option<String> {
        let ended = self.shared.ended.borrow();
        self.shared.cut_off.borrow().clone().filter(|command| !ended.contains(command))
    }

    async fn restart(&mut self) -> Outcome {
        let ways: Vec<&String> = self.commands.restart.iter().chain(&self.commands.kill).collect();
        let Some(command) = (!ways.is_empty()).then(|| ways[self.shared.restarts.get() % ways.len()].clone()) else {
            return broken("there is no command that restarts it".to_owned());
        };
        self.shared.restarts.set(self.shared.restarts.get() + 1);
        self.back().await;
        self.shared.turns.send_modify(|turns| *turns += 1);
        let outcome = self.run(&command).await;
        self.shared.turns.send_modify(|turns| *turns += 1);
        outcome
    }

    /// Waits until it is not down. How often it went down or came back by then.
    async fn back(&self) -> u64 {
        let mut turns = self.shared.turns.subscribe();
        // The sender is `self`'s own, so it is there.
        turns.wait_for(|turns| turns % 2 == 0).await.map_or(0, |turns| *turns)
    }

    /// Asks, when it is not down. Whoever has no answer while it goes down knows nothing.
    async fn asked(&mut self, op: &Op) -> Outcome {
        let before = self.back().await;
        match self.http.perform(op).await {
            Outcome::Broken { what } if *self.shared.turns.borrow() != before => {
                if let Some(over) = self.http.interruption().filter(TargetError::ends_the_run) {
                    self.over = Some(over);
                }
                broken(format!("{NO_ANSWER}the time until it was stopped: {what}"))
            }
            Outcome::Broken { what } if is_no_answer(&what) && self.is_gone().await => {
                let (_, seen) = wire::cited(&what).unzip();
                broken(format!("{GOES_ON_ANSWERING}: {}; after that nothing is answered", seen.unwrap_or(&what)))
            }
            outcome => outcome,
        }
    }

    /// Does it answer nobody any more?
    async fn is_gone(&self) -> bool {
        let gone = self.answers_until(Instant::now() + MOMENT).await.is_err_and(|error| !error.ends_the_run());
        self.shared.gone.set(self.shared.gone.get() || gone);
        gone
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// It does not, and why.
    async fn answers_until(&self, until: Instant) -> Result<(), TargetError> {
        // Not the client whose answer did not come: what went wrong may be its connection.
        answers(self.http.another(), until).await
    }

    /// Brings a registry back that was gone: by a command, or by whoever watches over it.
    ///
    /// # Errors
    /// It does not come back, or not before the run ends.
    async fn brought_back(&mut self) -> Result<(), TargetError> {
        let ways = self.commands.restart.iter().chain(&self.commands.kill);
        for command in ways.cloned().collect::<Vec<_>>() {
            // What kills may fail where there is nothing to kill.
            let _ = self.run(&command).await;
            if self.answers_until(Instant::now()).await.is_ok() {
                return Ok(());
            }
        }
        let until = Instant::now() + BACK;
        let end = self.commands.before_the_end(until);
        self.answers_until(end).await.map_err(|error| match error {
            TargetError::Interrupted => TargetError::Interrupted,
            _ if end < until => TargetError::TimeUp,
            error => TargetError::Gone { reason: error.to_string() },
        })
    }

    /// Runs a command and waits until the registry answers.
    async fn run(&mut self, command: &str) -> Outcome {
        let patience = self.commands.patience;
        let until = Instant::now() + patience;
        let end = self.commands.before_the_end(until);
        let mut working = Box::pin(finished(command));
        let done = tokio::select! {
            done = timeout_at(end.into(), &mut working) => done,
            () = self.commands.stop.asked() => return self.cut(command, working, TargetError::Interrupted).await,
        };
        match done {
            Err(_) if end < until => return self.cut(command, working, TargetError::TimeUp).await,
            Err(_) => return self.failed(command, &format!("`{command}` takes longer than {patience:?}")),
            Ok(Err(what)) => return self.failed(command, &what),
            Ok(Ok(())) => {}
        }
        self.shared.ended.borrow_mut().insert(command.to_owned());
        match self.answers_until(end).await {
            Ok(()) => Outcome::Done,
            Err(TargetError::Interrupted) => self.over(TargetError::Interrupted),
            Err(_) if end < until => self.over(TargetError::TimeUp),
            Err(error) => {
                self.shared.gone.set(true);
                self.failed(command, &format!("it does not answer within {patience:?} of `{command}`: {error}"))
            }
        }
    }

    /// Another client of the same registry.
    fn another(&self, http: HttpTarget, commands: Commands) -> Box<dyn Target> {
        Box::new(Commanded { http, commands, shared: Rc::clone(&self.shared), over: None })
    }

    fn failed(&self, command: &str, what: &str) -> Outcome {
        self.shared.ended.borrow_mut().insert(command.to_owned());
        broken(format!("{COMMAND_SUCCEEDS}: {what}"))
    }

    /// The run ends so, before the command is done. What restarts the registry may go on to its end for a while, and the registry may
    /// come back: it was up before the run, and what was written to it is still to be deleted.
    async fn cut(
        &mut self,
        command: &str,
        working: impl Future<Output = Result<(), String>>,
        over: TargetError,
    ) -> Outcome {
        *self.shared.cut_off.borrow_mut() = Some(command.to_owned());
        if self.commands.gc.as_deref() != Some(command) {
            let hurry = matches!(over, TargetError::Interrupted);
            let until = Instant::now() + if hurry { IN_A_HURRY } else { BACK };
            if timeout_at(until.into(), working).await.is_ok() {
                // Whether it came back shows when it is cleaned up.
                let _ = answers(self.http.another_until(until), until).await;
            }
        }
        self.over(over)
    }

    fn over(&mut self, over: TargetError) -> Outcome {
        let what = over.to_string();
        self.over = Some(over);
        broken(what)
    }
}

async fn answers(mut http: HttpTarget, until: Instant) -> Result<(), TargetError> {
    let url = http.base().to_owned();
    let silent = || TargetError::Unreachable { url: url.clone(), reason: "it is silent".to_owned() };
    loop {
        match timeout_at((until + MOMENT).into(), http.answers()).await.unwrap_or_else(|_| Err(silent())) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(error) if error.ends_the_run() => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn broken(what: String) -> Outcome {
    Outcome::Broken { what }
}

/// Nothing of an answer came, or not all of it.
fn is_no_answer(what: &str) -> bool {
    wire::cited(what).is_some_and(|(rule, _)| rule.id == wire::WHOLE)
}

/// Runs a command to its end. What it starts in the background may hold its output open: only the command is waited for.
async fn finished(command: &str) -> Result<(), String> {
    let log = tempfile::tempfile().map_err(|error| format!("no file for the output of `{command}`: {error}"))?;
    let also = log.try_clone().map_err(|error| format!("no file for the output of `{command}`: {error}"))?;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(also)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{command}` cannot be run: {error}"))?;
    let mut group = Group(child.id());
    let ended = child.wait().await;
    // What it left in the background is meant to stay.
    group.0 = None;
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` failed: {status}")),
        Err(error) => Err(format!("`{command}` cannot be waited for: {error}")),
    }
}

/// A command and what it started. Cut off, none of it goes on: a collection would work on the storage of later cases.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = self.0 else { return };
        // Where there is a `sh` there is a `kill`; a group that has just ended is nobody's loss.
        let mut kill = std::process::Command::new("kill");
        let _ = kill.args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
    }
}

#[async_trait(?Send)]
impl Target for Commanded {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        self.shared.restarts.set(0);
        if self.shared.gone.get() {
            self.brought_back().await?;
            self.shared.gone.set(false);
        }
        self.http.fresh(options).await
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        match (op, self.commands.gc.clone()) {
            (Op::Restart, _) => self.restart().await,
            (Op::CollectGarbage { .. }, Some(command)) => self.run(&command).await,
            _ => self.asked(op).await,
        }
    }

    fn offers(&self, op: &Op) -> bool {
        match op {
            Op::Restart => self.commands.restart.is_some() || self.commands.kill.is_some(),
            Op::CollectGarbage { dry_run, .. } => self.commands.gc.is_some() && !dry_run,
            _ => self.http.offers(op),
        }
    }

    fn interruption(&mut self) -> Option<TargetError> {
        let ended = self.over.take();
        self.http.interruption().or(ended)
    }

    fn collects_blindly(&self) -> bool {
        true
    }

    fn keeps_contents(&self) -> bool {
        true
    }

    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        // A collection ends a case of one client, and is none of several.
        let commands = Commands { gc: None, ..self.commands.clone() };
        (0..count).map(|_| self.another(self.http.another(), commands.clone())).collect()
    }

    /// A command works on all that the registry has.
    fn beside(&self, count: usize) -> Vec<Box<dyn Target>> {
        let count = if self.commands.any() { 0 } else { count };
        (0..count).map(|_| self.another(self.http.another_case(), self.commands.clone())).collect()
    }

    async fn inspect(&mut self, state: &State) -> Option<Vec<String>> {
        self.http.inspect(state).await
    }
}
