//! `proofhouse merge`.

use std::path::{Path, PathBuf};

use clap::Args;
use proofhouse::campaign::Ended;
use proofhouse::file;
use proofhouse::report::merge::merge;
use proofhouse::report::{Report, Verdict as ReportVerdict};

use super::check::Format;
use super::files::Outputs;
use super::{Failure, Verdict, say};

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// What `proofhouse check --report` wrote: a directory with a report.json, or such a file.
    #[arg(required = true, value_name = "DIR_OR_FILE")]
    reports: Vec<PathBuf>,
    /// The report: text, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    outputs: Outputs,
}

impl Merge {
    /// Good: all parts are there, and conform.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let reports: Result<Vec<(String, Report)>, Failure> = self.reports.iter().map(|path| read(path)).collect();
        let report = merge(reports?)?;
        self.outputs.prepare()?;
        say(&match self.format {
            Format::Text => report.text(),
            Format::Json => report.json(),
        });
        self.outputs.write(&report)?;
        Ok(match report.verdict {
            // Of a part that was interrupted cases are missing, too.
            ReportVerdict::Conforms if report.ended == Ended::Interrupted => Verdict::Open,
            ReportVerdict::Conforms => Verdict::Good,
            ReportVerdict::Diverges => Verdict::Bad,
            ReportVerdict::Incomplete => Verdict::Open,
        })
    }
}

/// A report and its file.
fn read(path: &Path) -> Result<(String, Report), Failure> {
    let path = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let name = path.display().to_string();
    let text = file::read_text(&path).map_err(|error| Failure(format!("cannot read {name}: {error}")))?;
    match Report::read(&text) {
        Ok(report) => Ok((name, report)),
        Err(error) => Err(Failure(format!("{name}: {error}"))),
    }
}
