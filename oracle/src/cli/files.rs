//! The files of `proofhouse check` and `proofhouse merge`: a report, and the divergences that are known.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use proofhouse::file;
use proofhouse::report::Report;
use proofhouse::report::files;
use proofhouse::report::known::{Baseline, Entry};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Divergences that do not fail the run: a file that --write-known wrote.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    #[command(flatten)]
    pub(super) outputs: Outputs,
}

/// What is written of a report.
#[derive(Debug, Args)]
pub(crate) struct Outputs {
    /// Write the report into this directory too: report.html, report.json, junit.xml, and for each divergence how to see it again.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write what diverged, and what was known, into this file for --known.
    #[arg(long, value_name = "FILE")]
    write_known: Option<PathBuf>,
}

impl Files {
    /// What is known; nothing if no file is given.
    pub(crate) fn known(&self) -> Result<Vec<Entry>, Failure> {
        let Some(path) = &self.known else { return Ok(Vec::new()) };
        let text =
            file::read_text(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))?;
        match Baseline::read(&text) {
            Ok(baseline) => Ok(baseline.known),
            Err(error) => Err(Failure(format!("--known: {}: {error}", path.display()))),
        }
    }
}

impl Outputs {
    /// Finds out before a long run whether its report can be written at all.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        if let Some(directory) = &self.report {
            made("--report", directory)?;
        }
        if let Some(path) = &self.write_known {
            files::writable(path).map_err(|error| Failure(format!("--write-known: {error}")))?;
        }
        Ok(())
    }

    /// After the run.
    pub(crate) fn write(&self, report: &Report) -> Result<(), Failure> {
        if let Some(directory) = &self.report {
            files::write_all(report, directory)?;
        }
        if let Some(path) = &self.write_known {
            files::write(path, &Baseline::of(report).text())?;
        }
        Ok(())
    }
}

/// A directory for what a flag asks for.
pub(super) fn made(flag: &str, directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory)
        .map_err(|error| Failure(format!("{flag}: cannot make {}: {error}", directory.display())))
}
