//! `distribution`'s configuration: what each key does, what is refused, and what the environment changes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod environment;
mod options;
mod refusals;
mod table;

use proofhouse_registry::config::{Config, ConfigError, Warning};

/// What must be there, and nothing else.
const LEAST: &str = "version: 0.1\nstorage: inmemory\n";

/// Reads a configuration that ends with this, without an environment.
fn read(rest: &str) -> Result<(Config, Vec<Warning>), ConfigError> {
    Config::parse(&format!("version: 0.1\n{rest}"), [])
}

/// One that is wholly supported.
fn config(rest: &str) -> Config {
    let (config, warnings) = read(rest).unwrap();
    assert_eq!(warnings, []);
    config
}

/// The sections of [`LEAST`] and this.
fn with(rest: &str) -> Config {
    config(&format!("storage: inmemory\n{rest}"))
}

fn error(rest: &str) -> String {
    let text = read(rest).unwrap_err().to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}
