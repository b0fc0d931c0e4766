//! `proofhouse explain`.

use std::path::PathBuf;

use clap::Args;
use proofhouse::file;
use proofhouse::report::{SHOWN, foreign};
use proofhouse_model::{Dialect, Options, Specification, explain};

use super::setup::{SetUp, VOCABULARY};
use super::{Failure, Verdict, say};

#[derive(Debug, Args)]
#[command(after_help = VOCABULARY)]
pub(crate) struct Explain {
    #[command(flatten)]
    set_up: SetUp,
    /// The Content-Type under which the manifest is pushed. Without: what its bytes say.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The manifest; `-` for stdin.
    manifest: PathBuf,
}

impl Explain {
    /// Good: a registry under these options takes the manifest, if what must exist does.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let options = self.set_up.options(Options::default)?;
        let specification = Specification::new(Dialect::Proofhouse, options)?;
        let explanation = explain(&specification, self.content_type.as_deref(), &self.read()?);
        for line in &explanation.lines {
            say(&foreign(line, SHOWN));
        }
        Ok(if explanation.accepted { Verdict::Good } else { Verdict::Bad })
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let read = if self.manifest.as_os_str() == "-" {
            file::read_to_end(std::io::stdin().lock())
        } else {
            file::read(&self.manifest)
        };
        read.map_err(|error| Failure(format!("cannot read {}: {error}", self.manifest.display())))
    }
}
