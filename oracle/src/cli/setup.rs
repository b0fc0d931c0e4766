//! How a registry is set up, as arguments say it.

use std::path::PathBuf;

use clap::Args;
use proofhouse::config::{self, Said};
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
What a registry at a URL has or lacks besides. false, cut, refused: it is not asked for. true, taken, N: it is demanded.
  mounts, sha512, referrers, catalog, blob_deletion, manifest_deletion, tag_deletion, page_of_one = true|false
  page_of_a_million=taken|cut|refused, manifest_bytes=N
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
    pub(crate) fn said(&self, untold: impl FnOnce() -> Options) -> Result<Said, Failure> {
        let written = match (&self.options, &self.config) {
            (Some(path), _) => config::options_file(path)?,
            (None, Some(path)) => config::distribution_file(path)?,
            (None, None) => untold().into(),
        };
        let said = self.assume.iter().try_fold(written, |said, assumption| {
            config::assume(&said, assumption).map_err(|error| Failure(format!("--assume: {error}")))
        })?;
        said.consistent()?;
        Ok(said)
    }

    /// As [`said`](Self::said), where there is no registry at a URL of which anything else could be known.
    pub(crate) fn options(&self, untold: impl FnOnce() -> Options) -> Result<Options, Failure> {
        let said = self.said(untold)?;
        match said.facts.all().next() {
            None => Ok(said.options),
            Some((fact, value)) => Err(Failure(format!(
                "{fact}={value} says something of a registry at a URL, and there is none here; leave it out"
            ))),
        }
    }

    /// Something is said.
    pub(crate) fn is_given(&self) -> bool {
        self.options.is_some() || self.config.is_some() || !self.assume.is_empty()
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
