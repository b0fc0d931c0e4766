//! A divergence as a document that `proofhouse replay` reads.
//!
//! Version 1: what is asked, in our own terms, and what the registry is held to. Nothing else decides how a replay goes; the rest is for
//! whoever opens the file.

use proofhouse_model::{Dialect, Op, Options};
use serde::{Deserialize, Serialize};

use super::written::{self, Kind, WrittenError};
use super::{Diverged, Report, dialect, dialect_name};
use crate::lockstep::CAPABILITY_ASSUMED;

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repro {
    /// Of the format: 1.
    pub version: u32,
    /// What the registry is held to, as on the command line.
    pub dialect: String,
    /// How it is set up.
    pub options: Options,
    /// The rule that was broken at the end.
    pub rule: String,
    /// What was seen there, in words.
    pub seen: String,
    /// Where it was seen; null: in process.
    pub url: Option<String>,
    /// Several clients asked at the same time after the operations. That is not in here, and no replay shows it.
    pub several_clients: bool,
    /// What is asked, in order.
    pub ops: Vec<Op>,
}

const KIND: Kind = Kind {
    version: VERSION,
    list: "ops",
    wanted: "a repro.json is expected, as `proofhouse check --report DIR` writes it into DIR/divergence-N",
};

/// Why a document is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproError {
    /// It is no such document.
    #[error(transparent)]
    Written(#[from] WrittenError),
    /// There is no such dialect.
    #[error("there is no dialect {0:?}; there are proofhouse, oci, distribution-2.8 and distribution-3")]
    Dialect(String),
    /// There is nothing to replay.
    #[error(
        "it was found by several clients at the same time, which is not replayed; run the command that the report gives"
    )]
    SeveralClients,
    /// There is nothing in it.
    #[error("its \"ops\" are empty: there is nothing to replay")]
    Empty,
    /// It is not the specification that is broken.
    #[error(
        "it was found because the registry does not do what was said of it with --assume, which a replay does not know; run the \
         command that the report gives, or repro.sh beside this file"
    )]
    Assumed,
}

impl Repro {
    /// Of a divergence.
    pub fn new(report: &Report, divergence: &Diverged) -> Repro {
        Repro {
            version: VERSION,
            dialect: dialect_name(report.dialect).to_owned(),
            options: divergence.options.clone(),
            rule: divergence.rule.id.clone(),
            seen: divergence.seen.clone(),
            url: report.target.url.clone(),
            several_clients: !divergence.history.is_empty(),
            ops: divergence.steps.iter().map(|step| step.op.clone()).collect(),
        }
    }

    /// Reads one, and what it is held to.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<(Repro, Dialect), ReproError> {
        let repro: Repro = written::read(text, KIND)?;
        let dialect = dialect::named(&repro.dialect).ok_or_else(|| ReproError::Dialect(repro.dialect.clone()))?;
        match &repro {
            Repro { several_clients: true, .. } => Err(ReproError::SeveralClients),
            Repro { rule, .. } if rule == CAPABILITY_ASSUMED.0 => Err(ReproError::Assumed),
            Repro { ops, .. } if ops.is_empty() => Err(ReproError::Empty),
            _ => Ok((repro, dialect)),
        }
    }
}
