//! How a registry is set up, as arguments say it.

use std::path::PathBuf;

use clap::Args;
use proofhouse::config::{self, ConfigError};
use proofhouse_model::Options;

use super::Failure;

/// What stands below the help of the commands that take it.
pub(crate) const VOCABULARY: &str = "\
Options, by the same names and words in --assume KEY=VALUE and in the file of --options (YAML or JSON):
  delete=true|false               clients may delete
  validate_index=all|none|LIST    which entries of an index must exist; LIST is of os/architecture: linux/amd64,linux/arm64
  urls_allow=REGEX, urls_deny=REGEX   the URLs that a foreign layer may, or may not, have
  shared_blobs=true|false         every repository has the blobs of all others, too; OCI only
  skip_layer_verification=true|false  what a manifest names need not exist
  max_manifest_bytes=N            the longest manifest
  catalog_default=N, catalog_max=N    the pages of the catalog
  redirect=URL                    blobs are answered with a redirect that begins so
  deny={repo: R, digest: D}       this digest is hidden in this repository
  cache=off|tiny|large, digest_resumption=true|false, tag_lookup_limit=N    change no answer
An example of a file:
  delete: true
  validate_index: [linux/amd64, linux/arm64]
  urls_allow: '^https://'";

/// Each overrides what stands before it.
#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct SetUp {
    /// How the registry is set up, in options of ours; see below.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    options: Option<PathBuf>,
    /// How the registry is set up: its own config.yml, as distribution has it.
    #[arg(long, value_name = "CONFIG.YML")]
    config: Option<PathBuf>,
    /// How the registry is set up, for example delete=true or validate_index=linux/amd64; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    assume: Vec<String>,
}

impl SetUp {
    /// What is said, on top of what a registry does that was told nothing.
    pub(crate) fn options(&self, untold: impl FnOnce() -> Result<Options, ConfigError>) -> Result<Options, Failure> {
        let written = match (&self.options, &self.config) {
            (Some(path), _) => config::options_file(path)?,
            (None, Some(path)) => config::distribution_file(path)?,
            (None, None) => untold()?,
        };
        self.assume.iter().try_fold(written, |options, assumption| {
            config::assume(&options, assumption).map_err(|error| Failure(format!("--assume: {error}")))
        })
    }

    /// A file says all of it.
    pub(crate) fn is_written(&self) -> bool {
        self.options.is_some() || self.config.is_some()
    }

    /// Something is said.
    pub(crate) fn is_given(&self) -> bool {
        self.is_written() || !self.assume.is_empty()
    }

    /// The keys that are assumed.
    pub(crate) fn assumed(&self) -> impl Iterator<Item = &str> {
        // Two names for one thing.
        let keys = self.assume.iter().filter_map(|assumption| Some(assumption.split_once('=')?.0));
        keys.map(|key| if key == "platforms" { "validate_index" } else { key })
    }

    /// The arguments that say the same again.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let path = |name: &str, path: &PathBuf| [name.to_owned(), path.display().to_string()];
        let files = self
            .options
            .iter()
            .map(|it| path("--options", it))
            .chain(self.config.iter().map(|it| path("--config", it)));
        let assumed = self.assume.iter().map(|assumption| ["--assume".to_owned(), assumption.clone()]);
        files.chain(assumed).flatten().collect()
    }
}
