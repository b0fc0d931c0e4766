//! `proofhouse diff`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use futures::future::join;
use proofhouse::campaign::{CampaignConfig, OptionSets};
use proofhouse::config::Said;
use proofhouse::diff::{self, Side};
use proofhouse::probe;
use proofhouse::report::comparison::{Compares, Comparison, head};
use proofhouse::report::dialect_name;
use proofhouse::target::http::random;
use proofhouse::target::{HttpOptions, HttpTarget};
use proofhouse_model::Dialect;

use super::access::AccessFlags;
use super::check::{Format, dialect};
use super::cleaning::Cleaning;
use super::files::made;
use super::interrupts::Interrupts;
use super::{Failure, Verdict, duration, say};

/// The time, if neither it nor the number of cases is given.
const TIME: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Diff {
    /// One registry, for example http://localhost:5000. What --username and --password-stdin or the environment say is shown to
    /// this one only; the credentials of the other are in the auth file, by its host. --ca, --insecure and --rate hold for both.
    #[arg(id = "url", value_name = "ONE")]
    one: String,
    /// The other.
    other: String,
    /// What both are held to: oci, distribution (2.8), distribution-2.8, distribution-3 or proofhouse.
    #[arg(long, value_parser = dialect, default_value = "oci")]
    dialect: Dialect,
    /// How many cases at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cases: Option<u64>,
    /// The seed of the first case. Default: a random one, which is printed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long at most, for example 60s or 5m. Default without --cases: 60s.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    time: Option<Duration>,
    /// What was found: text, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write it into this directory too: diff.json and diff.txt.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    #[command(flatten)]
    access: AccessFlags,
    #[command(flatten)]
    cleaning: Cleaning,
}

impl Diff {
    /// Good: they answer alike.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        if let Some(directory) = &self.report {
            made("--report", directory)?;
        }
        let interrupts = Interrupts::heard()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let comparison = runtime.block_on(self.compared(&interrupts))?;
        if comparison.cases == 0 && interrupts.status().is_none() {
            return Err(Failure("nothing was compared: no case was finished; give it more --time".to_owned()));
        }
        say(&match self.format {
            Format::Text => comparison.text(),
            Format::Json => comparison.json()?,
        });
        if let Some(directory) = &self.report {
            comparison.write(directory)?;
        }
        Ok(interrupts.verdict(if comparison.differences.is_empty() { Verdict::Good } else { Verdict::Bad }))
    }

    async fn compared(&self, interrupts: &Interrupts) -> Result<Comparison, Failure> {
        let started = Instant::now();
        let time = self.time.or(if self.cases.is_none() { Some(TIME) } else { None });
        let seed = self.seed.unwrap_or_else(|| random().into());
        if let Some(warning) = self.access.warning() {
            self.format.aside(warning);
        }
        self.tell(&head(&self.one, &self.other, dialect_name(self.dialect), seed));
        // Both are looked for before anything is asked.
        let to_one = self.access.options(&self.one, None, self.dialect)?;
        let to_other = self.access.options_of_another(&self.other, self.dialect)?;
        let mut one = self.connected(&self.one, to_one, time, interrupts).await?;
        let mut other = self.connected(&self.other, to_other, time, interrupts).await?;
        let compared = self.side_by_side(&mut one, &mut other, started, time, seed).await;
        // At the same time: each has its own connections and its own clock.
        let after = |target| self.cleaning.after(target, time, interrupts);
        let (left, also) = join(after(&mut one), after(&mut other)).await;
        left.iter().chain(&also).for_each(|leftovers| self.format.aside(leftovers));
        compared
    }

    async fn side_by_side(
        &self,
        one: &mut HttpTarget,
        other: &mut HttpTarget,
        started: Instant,
        time: Option<Duration>,
        seed: u64,
    ) -> Result<Comparison, Failure> {
        let one_is = self.probed(&self.one, one).await?;
        let other_is = self.probed(&self.other, other).await?;
        let config = CampaignConfig {
            dialect: self.dialect,
            cases: self.cases.or(time.map(|_| u64::MAX)),
            seed,
            time: time.map(|time| time.saturating_sub(started.elapsed())),
            option_sets: OptionSets::Fixed(one_is.options.clone()),
            ..CampaignConfig::default()
        };
        let mut sides = [
            Side { target: one, options: one_is.options.clone() },
            Side { target: other, options: other_is.options.clone() },
        ];
        let compared = diff::run(&config, &mut sides).await?;
        Ok(Comparison::new(self.dialect, seed, [one_is, other_is], compared))
    }

    /// A registry that answers.
    async fn connected(
        &self,
        url: &str,
        http: HttpOptions,
        time: Option<Duration>,
        interrupts: &Interrupts,
    ) -> Result<HttpTarget, Failure> {
        let deadline = time.map(|time| Instant::now() + time);
        let http = HttpOptions { deadline, keep: self.cleaning.keep, stop: interrupts.stop.clone(), ..http };
        let target = HttpTarget::connect(url, http).await?;
        interrupts.writes_below(target.namespace());
        Ok(target)
    }

    /// How it is set up.
    async fn probed(&self, url: &str, target: &mut HttpTarget) -> Result<Compares, Failure> {
        let probed = probe::probe(target, self.dialect, &Said::default()).await?;
        let compares = Compares { url: url.to_owned(), options: probed.options, inferred: probed.known };
        self.tell(&compares.told());
        Ok(compares)
    }

    /// How it goes, which is not a part of the document.
    fn tell(&self, text: &str) {
        if self.format == Format::Text {
            say(text);
        }
    }
}
