//! A divergence as a document that `proofhouse replay` reads.
//!
//! Version 1: what is asked, in our own terms, and what the registry is held to. Nothing else decides how a replay goes; the rest is for
//! whoever opens the file.

use proofhouse_model::{Dialect, Op, Options};
use serde::{Deserialize, Serialize};

use super::{DIALECTS, Diverged, Report, dialect_name};

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

/// What is expected, and where it comes from.
const WANTED: &str = "a repro.json is expected, as `proofhouse check --report DIR` writes it into DIR/divergence-N";

/// Why a document is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproError {
    /// It is no JSON.
    #[error("it is no JSON at line {}, column {}; {WANTED}", .0.line(), .0.column())]
    Json(serde_json::Error),
    /// It is some other document.
    #[error("it is another document; {WANTED}")]
    Another,
    /// It is one, and something in it is not as it is written there.
    #[error("it is changed or damaged: {0}; {WANTED}")]
    Damaged(serde_json::Error),
    /// It is of another version.
    #[error("it is of version {0}, and this program reads version {VERSION}")]
    Version(u64),
    /// There is no such dialect.
    #[error("there is no dialect {0:?}; there are proofhouse, oci, distribution-2.8 and distribution-3")]
    Dialect(String),
    /// There is nothing to replay.
    #[error(
        "it was found by several clients at the same time, which is not replayed; run the command that the report gives"
    )]
    SeveralClients,
}

impl Repro {
    /// Of a divergence.
    pub fn new(report: &Report, divergence: &Diverged) -> Repro {
        Repro {
            version: VERSION,
            dialect: report.dialect.to_owned(),
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
        // A later version may have other members.
        let value: serde_json::Value = serde_json::from_str(text).map_err(ReproError::Json)?;
        if let Some(version) = value["version"].as_u64().filter(|version| *version != u64::from(VERSION)) {
            return Err(ReproError::Version(version));
        }
        if !value["ops"].is_array() {
            return Err(ReproError::Another);
        }
        let repro: Repro = serde_json::from_value(value).map_err(ReproError::Damaged)?;
        let dialect = DIALECTS.into_iter().find(|dialect| dialect_name(*dialect) == repro.dialect);
        let dialect = dialect.ok_or_else(|| ReproError::Dialect(repro.dialect.clone()))?;
        if repro.several_clients { Err(ReproError::SeveralClients) } else { Ok((repro, dialect)) }
    }
}
