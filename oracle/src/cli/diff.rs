//! `proofhouse diff`.

use std::time::{Duration, Instant};

use clap::Args;
use futures::future::join;
use proofhouse::campaign::{CampaignConfig, OptionSets};
use proofhouse::config::Said;
use proofhouse::diff::{self, Compared, Difference, Side};
use proofhouse::probe;
use proofhouse::report::words::{self, counted, shorten, wrap};
use proofhouse::report::{SHOWN, dialect_name, foreign};
use proofhouse::target::http::random;
use proofhouse::target::{HttpOptions, HttpTarget};
use proofhouse_model::{Dialect, Options};

use super::access::AccessFlags;
use super::check::dialect;
use super::cleaning::Cleaning;
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
    #[command(flatten)]
    access: AccessFlags,
    #[command(flatten)]
    cleaning: Cleaning,
}

impl Diff {
    /// Good: they answer alike.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let compared = runtime.block_on(self.compared())?;
        if compared.cases == 0 {
            return Err(Failure("nothing was compared: no case was finished; give it more --time".to_owned()));
        }
        for difference in &compared.differences {
            say(&self.told(difference));
        }
        let count = compared.differences.len();
        let found = if count == 0 { "ALIKE" } else { "DIFFERENT" };
        let Compared { cases, operations, .. } = compared;
        say(&format!(
            "{found}  {} in {}, {} on each",
            counted(count as u64, "difference"),
            counted(cases, "case"),
            counted(operations, "operation")
        ));
        Ok(if count == 0 { Verdict::Good } else { Verdict::Bad })
    }

    async fn compared(&self) -> Result<Compared, Failure> {
        let started = Instant::now();
        let time = self.time.or(if self.cases.is_none() { Some(TIME) } else { None });
        let seed = self.seed.unwrap_or_else(|| random().into());
        let line = format!("comparing {} with {}; {}; seed {seed}", self.one, self.other, dialect_name(self.dialect));
        if let Some(warning) = self.access.warning() {
            say(warning);
        }
        say(&wrap("", &foreign(&line, SHOWN), 80));
        // Both are looked for before anything is asked.
        let to_one = self.access.options(&self.one, None, self.dialect)?;
        let to_other = self.access.options_of_another(&self.other, self.dialect)?;
        let mut one = self.connected(&self.one, to_one, time).await?;
        let mut other = self.connected(&self.other, to_other, time).await?;
        let compared = self.side_by_side(&mut one, &mut other, started, time, seed).await;
        // At the same time: each has its own connections and its own clock.
        let (left, also) = join(self.cleaning.after(&mut one, time), self.cleaning.after(&mut other, time)).await;
        left.iter().chain(&also).for_each(|leftovers| say(leftovers));
        compared
    }

    async fn side_by_side(
        &self,
        one: &mut HttpTarget,
        other: &mut HttpTarget,
        started: Instant,
        time: Option<Duration>,
        seed: u64,
    ) -> Result<Compared, Failure> {
        let one_options = self.probed(&self.one, one).await?;
        let other_options = self.probed(&self.other, other).await?;
        let config = CampaignConfig {
            dialect: self.dialect,
            cases: self.cases.or(time.map(|_| u64::MAX)),
            seed,
            time: time.map(|time| time.saturating_sub(started.elapsed())),
            option_sets: OptionSets::Fixed(one_options.clone()),
            ..CampaignConfig::default()
        };
        let mut sides = [Side { target: one, options: one_options }, Side { target: other, options: other_options }];
        Ok(diff::run(&config, &mut sides).await?)
    }

    /// A registry that answers.
    async fn connected(&self, url: &str, http: HttpOptions, time: Option<Duration>) -> Result<HttpTarget, Failure> {
        let deadline = time.map(|time| Instant::now() + time);
        let http = HttpOptions { deadline, keep: self.cleaning.keep, ..http };
        Ok(HttpTarget::connect(url, http).await?)
    }

    /// How it is set up.
    async fn probed(&self, url: &str, target: &mut HttpTarget) -> Result<Options, Failure> {
        let probed = probe::probe(target, self.dialect, &Said::default()).await?;
        for one in &probed.known {
            say(&wrap("  ", &foreign(&format!("{url}: {}", one.told()), SHOWN), 80));
        }
        Ok(probed.options)
    }

    fn told(&self, difference: &Difference) -> String {
        let mut out = format!(
            "\n{} ({}, first with seed {})\n",
            difference.operation,
            counted(difference.cases, "case"),
            difference.seed
        );
        for (at, op) in difference.ops.iter().enumerate() {
            out += &wrap(&format!("{:>4}. ", at + 1), &foreign(&shorten(&words::request(op)), 400), 80);
            out.push('\n');
        }
        let urls = [&self.one, &self.other];
        for ((url, judged), outcome) in urls.iter().zip(&difference.judged).zip(&difference.outcomes) {
            let which = if judged.permitted { "permitted by" } else { "breaks" };
            let text = format!("{url}: {outcome} [{which} {}]", judged.rule);
            out += &wrap("      → ", &foreign(&shorten(&text), SHOWN), 80);
            out.push('\n');
        }
        out
    }
}
