//! `proofhouse check`.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use proofhouse::campaign::shard::{Part, Shard};
use proofhouse::campaign::{self, CampaignConfig, CampaignReport, Ended, OptionSets};
use proofhouse::config::{self, Said};
use proofhouse::probe;
use proofhouse::report::known::Entry;
use proofhouse::report::words::{command_cut_off, counted, wrap};
use proofhouse::report::{Report, SHOWN, Setup, Subject, Verdict as ReportVerdict, dialect_name, foreign, options_set};
use proofhouse::target::http::random;
use proofhouse::target::{Commanded, Commands, EmbeddedTarget, HttpOptions, HttpTarget, Stop, Target, TargetError};
use proofhouse::wire::Tally;
use proofhouse_model::{Dialect, Options, Release, Specification};

use super::access::AccessFlags;
use super::cleaning::Cleaning;
use super::files::Files;
use super::interrupts::Interrupts;
use super::progress::Progress;
use super::setup::{SetUp, VOCABULARY};
use super::{Failure, Verdict, duration, say};

/// Cases without a URL, if neither their number nor the time is given.
const CASES: u64 = 2_000;

/// The time with a URL, if neither it nor the number of cases is given.
const TIME: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(after_help = VOCABULARY)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Check {
    /// The registry, for example http://localhost:5000 or https://registry.example. Without: our registry, in process.
    url: Option<String>,
    /// What the registry is held to: proofhouse, oci, distribution (2.8), distribution-2.8 or distribution-3.
    /// Default: oci with a URL, else proofhouse.
    #[arg(long, value_parser = dialect)]
    dialect: Option<Dialect>,
    /// How many cases at most. Default without a URL and --time: 2000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cases: Option<u64>,
    /// How many operations are generated for each case.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = ops)]
    ops: usize,
    /// The seed of the first case. Default: a random one, which is printed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Runs the K-th of N parts of a campaign: of its --cases, or, where only --time ends it, one that begins far from the others.
    /// All parts have one --seed. `proofhouse merge` makes one report of theirs.
    #[arg(long, value_name = "K/N")]
    shard: Option<Part>,
    /// How long at most, for example 500ms, 60s, 5m, with all that belongs to it. Default with a URL and without --cases: 60s.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    time: Option<Duration>,
    /// What the name of every repository that is written to begins with. Default: proofhouse- and a random number.
    #[arg(long, value_name = "PREFIX")]
    namespace: Option<String>,
    #[command(flatten)]
    access: AccessFlags,
    #[command(flatten)]
    set_up: SetUp,
    /// After how many distinct divergences to stop. Another of a kind that was seen before does not count.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = findings)]
    findings: usize,
    /// How many clients work at the same time, in the cases whose seed is odd; for a registry at a URL.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "url", value_parser = clients)]
    clients: usize,
    /// Collects the registry's garbage, for sh -c. What a tag or a manifest names must survive it.
    #[arg(long, value_name = "COMMAND", requires = "url")]
    gc_cmd: Option<String>,
    /// Restarts the registry, for sh -c. Everything that was acknowledged must survive it.
    #[arg(long, value_name = "COMMAND", requires = "url")]
    restart_cmd: Option<String>,
    /// Kills the registry without notice and starts it again, for sh -c. As above.
    #[arg(long, value_name = "COMMAND", requires = "url")]
    kill_cmd: Option<String>,
    /// How long one of these commands may take, and then the registry until it answers.
    #[arg(long, value_name = "DURATION", default_value = "60s", requires = "url", value_parser = duration::parse)]
    cmd_timeout: Duration,
    #[command(flatten)]
    cleaning: Cleaning,
    /// A SHOULD that is not kept fails the run, too.
    #[arg(long)]
    strict: bool,
    /// The report: text, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    files: Files,
    /// Make every write of the registry in process durable; some ten times slower.
    #[arg(long, conflicts_with = "url")]
    fsync: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

impl Format {
    /// Says something that is no part of the document, and stands in the way of nothing that reads it.
    pub(super) fn aside(self, text: &str) {
        match self {
            Format::Text => say(text),
            Format::Json => eprintln!("{text}"),
        }
    }
}

pub(super) fn dialect(text: &str) -> Result<Dialect, String> {
    match text {
        "proofhouse" => Ok(Dialect::Proofhouse),
        "oci" => Ok(Dialect::Oci),
        "distribution" | "distribution-2.8" | "distribution-v2.8" => Ok(Dialect::Distribution(Release::V2_8)),
        "distribution-3" | "distribution-v3" => Ok(Dialect::Distribution(Release::V3)),
        _ => Err("there are proofhouse, oci, distribution, distribution-2.8 and distribution-3".to_owned()),
    }
}

/// An order is looked for in all that they do at once: with many that takes too long.
fn clients(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=32).contains(count))
        .ok_or_else(|| "there are from 1 to 32 clients".to_owned())
}

fn findings(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "at least 1 can be looked for".to_owned())
}

/// More than that is one case without end.
fn ops(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(ops @ 1..=10_000) => Ok(ops),
        _ => Err("a case has from 1 to 10000 operations".to_owned()),
    }
}

/// How long one request may take: half a minute, or a quarter of a run that is shorter than two minutes, so that one that hangs is
/// found, and shown again, before the time is up. Nothing is said to hang in less than five seconds.
fn patience(time: Option<Duration>) -> Duration {
    let most = Duration::from_secs(30);
    time.map_or(most, |time| (time / 4).clamp(Duration::from_secs(5), most))
}

/// What a run came to.
struct Checked {
    /// None: it was interrupted before any case was finished.
    report: Result<Option<Report>, Failure>,
    /// The registry in which something may be left.
    wrote: Option<HttpTarget>,
}

impl Checked {
    fn in_process(report: Result<Option<Report>, Failure>) -> Checked {
        Checked { report, wrote: None }
    }
}

impl Check {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        if self.namespace.is_some() && self.url.is_none() {
            return Err(Failure("--namespace is for a registry at a URL, and there is no URL".to_owned()));
        }
        let dialect = self.dialect();
        let said = self.said(dialect)?;
        let options = (self.set_up.is_given() || self.url.is_some()).then(|| said.options.clone());
        let known = self.files.known()?;
        for warning in known.iter().filter_map(Entry::warning) {
            self.format.aside(&wrap("", &foreign(&warning, SHOWN), 80));
        }
        let (cases, time) = match (self.cases, self.time) {
            (None, None) if self.url.is_some() => (None, Some(TIME)),
            (None, None) => (Some(CASES), None),
            given => given,
        };
        let shard = self.shard(cases)?;
        self.files.outputs.prepare()?;
        let config = CampaignConfig {
            dialect,
            cases: shard.map_or(cases, Shard::length),
            ops: self.ops,
            seed: shard.map(Shard::first).or(self.seed).unwrap_or_else(|| random().into()),
            time,
            option_sets: options.map_or(OptionSets::Varied, OptionSets::Fixed),
            findings: self.findings,
            clients: self.clients,
            known: known.iter().map(|entry| entry.shape.clone()).collect(),
            ..CampaignConfig::default()
        };
        let interrupts = Interrupts::heard()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Checked { report, wrote } = runtime.block_on(self.check(config, said, known, &interrupts))?;
        // First what somebody waits for, and of that first what cannot fail to be there.
        let told = report.and_then(|report| {
            let Some(report) = report else { return Ok(None) };
            let report = report.of_shard(shard);
            say(&match self.format {
                Format::Text => report.text(),
                Format::Json => report.json(),
            });
            self.files.outputs.write(&report)?;
            Ok(Some(report))
        });
        if let Some(mut wrote) = wrote
            && let Some(leftovers) = runtime.block_on(self.cleaning.after(&mut wrote, time, &interrupts))
        {
            self.format.aside(&leftovers);
        }
        let Some(report) = told? else {
            eprintln!("nothing was checked: no case was finished until it was interrupted");
            return Ok(interrupts.verdict(Verdict::Good));
        };
        Ok(match report.verdict {
            ReportVerdict::Conforms | ReportVerdict::Incomplete if report.ended == Ended::Interrupted => {
                interrupts.verdict(Verdict::Good)
            }
            ReportVerdict::Conforms => Verdict::Good,
            ReportVerdict::Diverges => Verdict::Bad,
            ReportVerdict::Incomplete => Verdict::Open,
        })
    }

    async fn check(
        &self,
        config: CampaignConfig,
        said: Said,
        known: Vec<Entry>,
        interrupts: &Interrupts,
    ) -> Result<Checked, Failure> {
        let started = Instant::now();
        let Some(url) = &self.url else {
            let subject = Subject { url: None, namespace: None, fsync: Some(self.fsync) };
            let options = match &config.option_sets {
                OptionSets::Varied => None,
                OptionSets::Fixed(options) => Some(options.clone()),
            };
            let setup = Setup { known, ..self.setup(subject, &config, options) };
            let mut target = EmbeddedTarget::builder().fsync(self.fsync).stop(interrupts.stop.clone()).build();
            let fsync = if self.fsync { "on" } else { "off (--fsync turns it on)" };
            let how = format!("in {}, fsync {fsync}", target.directory().display());
            let campaign = self.campaign(&config, &setup, &how, &mut target).await?;
            return Ok(Checked::in_process(report(setup, campaign, None, Left { time: self.time, ..Left::default() })));
        };
        if let Some(warning) = self.access.warning() {
            self.format.aside(warning);
        }
        let http = HttpOptions {
            catalog_max: said.options.catalog_max,
            facts: said.facts.clone(),
            timeout: patience(config.time),
            deadline: config.time.map(|time| started + time),
            keep: self.cleaning.keep,
            stop: interrupts.stop.clone(),
            ..self.access.options(url, self.namespace.as_deref(), config.dialect)?
        };
        let target = match HttpTarget::connect(url, http).await {
            Err(TargetError::Interrupted) => return Ok(Checked::in_process(Ok(None))),
            connected => connected?,
        };
        interrupts.writes_below(target.namespace());
        let deadline = config.time.map(|time| started + time);
        let mut target = Commanded::new(target, self.commands(deadline, interrupts.stop.clone()));
        let report = self.at_url(url, &mut target, started, config, said, known).await;
        Ok(Checked { report, wrote: Some(target.http) })
    }

    /// Something may have been written, whatever comes of it. `config.time` is what there was when it `started`.
    async fn at_url(
        &self,
        url: &str,
        target: &mut Commanded,
        started: Instant,
        mut config: CampaignConfig,
        said: Said,
        known: Vec<Entry>,
    ) -> Result<Option<Report>, Failure> {
        let namespace = target.http.namespace().to_owned();
        let mut how = format!("repositories begin with {namespace}");
        let time = config.time;
        let probed = match probe::probe(&mut target.http, config.dialect, &said).await {
            Err(TargetError::Interrupted) => return Ok(None),
            Err(TargetError::TimeUp) => {
                return Err(nothing_checked(&Left::new(time, target)));
            }
            probed => probed?,
        };
        for contradiction in &probed.contradictions {
            self.format.aside(&wrap("", &foreign(&format!("warning: {contradiction}"), SHOWN), 80));
        }
        for one in probe::told(&probed.known) {
            how.push_str("; ");
            how.push_str(&one);
        }
        config.time = time.map(|time| time.saturating_sub(started.elapsed()));
        config.option_sets = OptionSets::Fixed(probed.options.clone());
        let subject = Subject { url: Some(url.to_owned()), namespace: Some(namespace), fsync: None };
        let inferred = probed.known.clone();
        let setup = Setup { known, inferred, ..self.setup(subject, &config, Some(probed.options.clone())) };
        let mut campaign = self.campaign(&config, &setup, &how, target).await?;
        probed.judge(&config, &mut campaign);
        let left = Left::new(time, target);
        report(setup, campaign, Some(&target.http.tally()), left)
    }

    async fn campaign(
        &self,
        config: &CampaignConfig,
        setup: &Setup,
        how: &str,
        target: &mut dyn Target,
    ) -> Result<CampaignReport, Failure> {
        if self.format == Format::Text {
            let shard = self.shard.map(|part| format!("; shard {part}")).unwrap_or_default();
            say(&start(setup, &format!("{how}{shard}")));
        }
        let mut progress = Progress::new(config.cases);
        let campaign = campaign::run_in(config, target, &mut progress).await;
        progress.done();
        Ok(campaign?)
    }

    fn commands(&self, deadline: Option<Instant>, stop: Stop) -> Commands {
        let (gc, restart, kill) = (self.gc_cmd.clone(), self.restart_cmd.clone(), self.kill_cmd.clone());
        Commands { gc, restart, kill, patience: self.cmd_timeout, deadline, stop }
    }

    /// Which part of how many cases there are.
    fn shard(&self, cases: Option<u64>) -> Result<Option<Shard>, Failure> {
        let Some(part) = self.shard else { return Ok(None) };
        let Some(seed) = self.seed else {
            return Err(Failure("--shard needs --seed: the parts of one campaign are told by one seed".to_owned()));
        };
        let shard = Shard { part, seed, cases };
        match (shard.length(), cases) {
            (Some(0), Some(cases)) => {
                let all = counted(cases, "case");
                Err(Failure(format!(
                    "--shard {part}: there is no case in that part, of {all} in all; make fewer parts"
                )))
            }
            _ => Ok(Some(shard)),
        }
    }

    fn dialect(&self) -> Dialect {
        let default = if self.url.is_some() { Dialect::Oci } else { Dialect::Proofhouse };
        self.dialect.unwrap_or(default)
    }

    /// What is said of the registry before anybody asks it.
    fn said(&self, dialect: Dialect) -> Result<Said, Failure> {
        let untold = || match dialect {
            // What its server does that was told nothing.
            Dialect::Distribution(_) => config::distribution_untold(),
            Dialect::Proofhouse | Dialect::Oci => Options::default(),
        };
        let said = match &self.url {
            Some(_) => self.set_up.said(untold)?,
            None => self.set_up.options(untold)?.into(),
        };
        Specification::new(dialect, said.options.clone())?;
        Ok(said)
    }

    fn setup(&self, subject: Subject, config: &CampaignConfig, options: Option<Options>) -> Setup {
        let mut arguments = Vec::new();
        arguments.extend(self.url.clone());
        if self.dialect.is_some() {
            arguments.extend(["--dialect".to_owned(), dialect_name(config.dialect).to_owned()]);
        }
        arguments.extend(self.access.arguments());
        arguments.extend(self.set_up.arguments());
        if self.fsync {
            arguments.push("--fsync".to_owned());
        }
        let commands =
            [("--gc-cmd", &self.gc_cmd), ("--restart-cmd", &self.restart_cmd), ("--kill-cmd", &self.kill_cmd)];
        for (name, command) in commands {
            arguments.extend(command.iter().flat_map(|command| [name.to_owned(), command.clone()]));
        }
        if self.cmd_timeout != Commands::PATIENCE {
            arguments.extend(["--cmd-timeout".to_owned(), format!("{}ms", self.cmd_timeout.as_millis())]);
        }
        if self.clients > 1 {
            arguments.extend(["--clients".to_owned(), self.clients.to_string()]);
        }
        if self.strict {
            arguments.push("--strict".to_owned());
        }
        let strict = self.strict;
        Setup {
            subject,
            dialect: config.dialect,
            options,
            seed: config.seed,
            ops: config.ops,
            strict,
            inferred: Vec::new(),
            known: Vec::new(),
            arguments,
        }
    }
}

/// A campaign that finished no case says nothing about the registry; if it was interrupted, that is no failure.
fn report(
    setup: Setup,
    campaign: CampaignReport,
    tally: Option<&Tally>,
    left: Left,
) -> Result<Option<Report>, Failure> {
    let nothing = campaign.cases == 0 && campaign.divergences.is_empty();
    match campaign.ended {
        Ended::Interrupted if nothing => Ok(None),
        _ if nothing => Err(nothing_checked(&left)),
        _ => Ok(Some(Report::new(setup, campaign, tally).cut_off(left.cut_off))),
    }
}

/// What a run left to be said of why there is no more of it.
#[derive(Debug, Default)]
struct Left<'a> {
    /// What it had.
    time: Option<Duration>,
    /// What the registry said to slow down.
    throttled: Option<&'a str>,
    /// The command that never came to its end.
    cut_off: Option<String>,
    /// The request that had no answer.
    waiting: Option<&'a str>,
}

impl Left<'_> {
    fn new(time: Option<Duration>, target: &Commanded) -> Left<'_> {
        let (throttled, waiting) = (target.http.throttled(), target.http.waiting());
        Left { time, throttled, cut_off: target.cut_off(), waiting }
    }
}

fn nothing_checked(left: &Left) -> Failure {
    let within = left.time.map(|time| format!(" within {time:?}")).unwrap_or_default();
    let why = match (left.throttled, &left.cut_off) {
        (Some(what), _) => TargetError::Throttles { what: what.to_owned() }.to_string(),
        (None, Some(command)) => command_cut_off(command),
        (None, None) => match left.waiting {
            Some(waiting) => format!("{waiting}; with more --time it is seen whether it comes"),
            None => "give it more --time, or fewer --ops".to_owned(),
        },
    };
    Failure(format!("nothing was checked: no case was finished{within}; {why}"))
}

/// What is about to be done, and `how` in so far as it is not seen from the setup.
fn start(setup: &Setup, how: &str) -> String {
    let options = match &setup.options {
        None => "options vary".to_owned(),
        Some(options) => {
            let set = options_set(options);
            let set: Vec<String> = set.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            if set.is_empty() { "default options".to_owned() } else { format!("options {{{}}}", set.join(", ")) }
        }
    };
    let what = setup.subject.url.as_deref().unwrap_or("our registry, in process");
    let line =
        format!("checking {what} against {}; {options}; seed {}; {how}", dialect_name(setup.dialect), setup.seed);
    wrap("", &line, 80)
}
