//! `proofhouse replay`.

use std::path::PathBuf;

use clap::Args;
use proofhouse::campaign::Finding;
use proofhouse::file;
use proofhouse::lockstep;
use proofhouse::report::answers;
use proofhouse::report::repro::Repro;
use proofhouse::report::words::{self, counted, shorten, wrap};
use proofhouse::report::{SHOWN, foreign, row};
use proofhouse::target::{Commanded, Commands, EmbeddedTarget, HttpOptions, HttpTarget, Target};
use proofhouse_model::{RuleId, Specification};

use super::access::AccessFlags;
use super::cleaning::Cleaning;
use super::interrupts::Interrupts;
use super::{Failure, Verdict, say};

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Replay {
    /// What a report has for each divergence: divergence-N/repro.json.
    repro: PathBuf,
    /// The registry, for example http://localhost:5000. Without: our registry, in process.
    url: Option<String>,
    /// Restarts the registry, for sh -c, where the sequence does so.
    #[arg(long, value_name = "COMMAND", requires = "url")]
    restart_cmd: Option<String>,
    /// Collects the registry's garbage, for sh -c, where the sequence does so.
    #[arg(long, value_name = "COMMAND", requires = "url")]
    gc_cmd: Option<String>,
    #[command(flatten)]
    access: AccessFlags,
    #[command(flatten)]
    cleaning: Cleaning,
}

impl Replay {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let path = self.repro.display();
        let text = file::read_text(&self.repro).map_err(|error| Failure(format!("cannot read {path}: {error}")))?;
        let (repro, dialect) = Repro::read(&text).map_err(|error| Failure(format!("{path}: {error}")))?;
        let specification = Specification::new(dialect, repro.options.clone())?;
        let interrupts = Interrupts::heard()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let Some(url) = &self.url else {
                return replayed(&repro, specification, &mut EmbeddedTarget::default()).await;
            };
            if let Some(warning) = self.access.warning() {
                say(warning);
            }
            let catalog_max = repro.options.catalog_max;
            let (keep, stop) = (self.cleaning.keep, interrupts.stop.clone());
            let options = HttpOptions { catalog_max, keep, stop, ..self.access.options(url, None, dialect)? };
            let http = HttpTarget::connect(url, options).await?;
            interrupts.writes_below(http.namespace());
            let commands = Commands {
                gc: self.gc_cmd.clone(),
                restart: self.restart_cmd.clone(),
                kill: None,
                patience: Commands::PATIENCE,
                deadline: None,
                stop: interrupts.stop.clone(),
            };
            let mut target = Commanded::new(http, commands);
            let verdict = replayed(&repro, specification, &mut target).await;
            if let Some(leftovers) = self.cleaning.after(&mut target.http, None, &interrupts).await {
                say(&leftovers);
            }
            verdict
        })
    }
}

fn line(first: &str, text: &str) {
    say(&wrap(first, &foreign(&shorten(text), SHOWN), 80));
}

fn told_rule(rule: RuleId) {
    if let Some(row) = row(rule.0) {
        line("rule        ", &format!("{} ({}): {}", row.id, row.level, row.sentence));
        if let Some(reading) = row.reading {
            line("reading     ", reading);
        }
    }
}

/// Runs it and tells how it went. Good: every answer was permitted.
async fn replayed(repro: &Repro, specification: Specification, target: &mut dyn Target) -> Result<Verdict, Failure> {
    // What is offered depends on the options, and those are set with a fresh case.
    target.fresh(&repro.options).await?;
    if let Some(op) = repro.ops.iter().find(|op| !target.offers(op)) {
        let op = foreign(&shorten(&words::request(op)), 200);
        let how = "--restart-cmd says how it is restarted, and --gc-cmd how its garbage is collected";
        return Err(Failure(format!("this target cannot be asked to {op}; {how}")));
    }
    let replay = lockstep::replay(&repro.ops, specification, target).await?;
    for (at, step) in replay.steps.iter().enumerate() {
        line(&format!("{:>4}. ", at + 1), &words::request(&step.op));
        line("      → ", &answers::answer(&step.outcome));
    }
    if let Some(lost) = replay.lost {
        line("seen        ", &lost.to_string());
        told_rule(lost.rule());
        say("DIVERGES  in what the collection took");
        return Ok(Verdict::Bad);
    }
    let Some(violation) = replay.violation else {
        if let Some(difference) = target.inspect(replay.model.state()).await.and_then(|all| all.into_iter().next()) {
            line("on disk     ", &difference);
            say("DIVERGES  in what is stored at the end");
            return Ok(Verdict::Bad);
        }
        say(&format!("CONFORMS  every answer is permitted, of {}", counted(replay.steps.len() as u64, "operation")));
        return Ok(Verdict::Good);
    };
    let rule = Finding::Answer(violation.clone()).rule();
    let permitted = answers::permitted(&violation, &replay.model, replay.steps.last().map(|last| &last.op));
    for (at, (rule, expect)) in permitted.iter().enumerate() {
        line(if at == 0 { "permitted   " } else { "         or " }, &format!("{expect} [{rule}]"));
    }
    told_rule(rule);
    let left = repro.ops.len() - replay.steps.len();
    let rest = if left == 0 { String::new() } else { format!("; {left} more were not asked") };
    say(&format!("DIVERGES  at step {}{rest}", replay.steps.len()));
    Ok(Verdict::Bad)
}
