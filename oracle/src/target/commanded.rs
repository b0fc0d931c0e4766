//! A registry at a URL, and the commands that collect its garbage, restart it, or kill it and start it again.
//!
//! The commands are the user's, for `sh -c`. They are operations in the sequence: a command that fails, or after which the
//! registry does not answer in time, is an outcome that no rule permits. What a collection takes is not known; lockstep looks
//! what can be fetched before and after it ([`Target::collects_blindly`]). Of several clients one may restart or kill it while
//! the others' requests are in flight: an answer that does not come then is unknown, and nobody asks until it is back.

use std::cell::{Cell, RefCell};
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use proofhouse_model::{Op, Options, Outcome, State};
use tokio::process::Command;
use tokio::sync::watch;

use super::http::NO_ANSWER;
use super::{HttpTarget, Target, TargetError};

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
}

impl Commands {
    /// How long a command may take, and the registry to answer after it, where nobody says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// Is there any?
    pub fn any(&self) -> bool {
        self.gc.is_some() || self.restart.is_some() || self.kill.is_some()
    }
}

/// A registry at a URL that can be restarted, killed, or told to collect garbage.
#[derive(Debug)]
pub struct Commanded {
    /// The registry.
    pub http: HttpTarget,
    commands: Commands,
    /// Restarts in this case, of all clients: where there are two ways they take turns.
    restarts: Rc<Cell<usize>>,
    /// How often it went down or came back, of all clients: while that is odd it is down.
    turns: Rc<watch::Sender<u64>>,
    /// The run ended during the last command.
    out_of_time: bool,
    /// The command that the end of the run cut off, of all clients.
    cut_off: Rc<RefCell<Option<String>>>,
}

/// How long until the registry is asked again whether it is there.
const PAUSE: Duration = Duration::from_millis(20);

impl Commanded {
    /// Puts the commands beside the registry.
    pub fn new(http: HttpTarget, commands: Commands) -> Commanded {
        let turns = Rc::new(watch::Sender::new(0));
        Commanded { http, commands, restarts: Rc::default(), turns, out_of_time: false, cut_off: Rc::default() }
    }

    /// The command that was not done when the run ended: nothing is known of what it does.
    pub fn cut_off(&self) -> Option<String> {
        self.cut_off.borrow().clone()
    }

    async fn restart(&mut self) -> Outcome {
        let ways: Vec<&String> = self.commands.restart.iter().chain(&self.commands.kill).collect();
        let Some(command) = (!ways.is_empty()).then(|| ways[self.restarts.get() % ways.len()].clone()) else {
            return Outcome::Broken { what: "there is no command that restarts it".to_owned() };
        };
        self.restarts.set(self.restarts.get() + 1);
        self.back().await;
        self.turns.send_modify(|turns| *turns += 1);
        let outcome = self.run(&command).await;
        self.turns.send_modify(|turns| *turns += 1);
        outcome
    }

    /// Waits until it is not down. How often it went down or came back by then.
    async fn back(&self) -> u64 {
        let mut turns = self.turns.subscribe();
        // The sender is `self`'s own, so it is there.
        turns.wait_for(|turns| turns % 2 == 0).await.map_or(0, |turns| *turns)
    }

    /// Asks, when it is not down. Whoever has no answer while it goes down knows nothing.
    async fn asked(&mut self, op: &Op) -> Outcome {
        let before = self.back().await;
        match self.http.perform(op).await {
            Outcome::Broken { what } if *self.turns.borrow() != before => {
                self.out_of_time |= matches!(self.http.interruption(), Some(TargetError::TimeUp));
                broken(format!("{NO_ANSWER}the time until it was stopped: {what}"))
            }
            outcome => outcome,
        }
    }

    /// Runs a command and waits until the registry answers.
    async fn run(&mut self, command: &str) -> Outcome {
        let patience = self.commands.patience;
        let until = Instant::now() + patience;
        let end = self.commands.deadline.map_or(until, |deadline| deadline.min(until));
        match tokio::time::timeout_at(end.into(), finished(command)).await {
            Err(_) if end < until => {
                *self.cut_off.borrow_mut() = Some(command.to_owned());
                return self.no_time();
            }
            Err(_) => return broken(format!("`{command}` takes longer than {patience:?}")),
            Ok(Err(what)) => return broken(what),
            Ok(Ok(())) => {}
        }
        loop {
            match self.http.answers().await {
                Ok(()) => return Outcome::Done,
                Err(_) if end < until && Instant::now() >= end => return self.no_time(),
                Err(error) if Instant::now() >= until => {
                    return broken(format!("it does not answer within {patience:?} of `{command}`: {error}"));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl Commanded {
    fn no_time(&mut self) -> Outcome {
        self.out_of_time = true;
        broken(TargetError::TimeUp.to_string())
    }
}

fn broken(what: String) -> Outcome {
    Outcome::Broken { what }
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
        self.restarts.set(0);
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
        let out_of_time = std::mem::take(&mut self.out_of_time);
        self.http.interruption().or(out_of_time.then_some(TargetError::TimeUp))
    }

    fn collects_blindly(&self) -> bool {
        true
    }

    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        let another = || Commanded {
            http: self.http.another(),
            commands: Commands { gc: None, ..self.commands.clone() },
            restarts: Rc::clone(&self.restarts),
            turns: Rc::clone(&self.turns),
            out_of_time: false,
            cut_off: Rc::clone(&self.cut_off),
        };
        (0..count).map(|_| Box::new(another()) as Box<dyn Target>).collect()
    }

    async fn inspect(&mut self, state: &State) -> Option<Vec<String>> {
        self.http.inspect(state).await
    }
}
