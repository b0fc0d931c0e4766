//! How a registry is set up, read from what people have.
//!
//! That is the registry's own configuration, as `distribution` has it ([`distribution`]), our options as YAML or JSON
//! ([`options`]), or single assumptions on the command line ([`assume`]). Every error is one line and names the key, the line where
//! it stands in a file, and what is permitted there.

use std::path::{Path, PathBuf};

mod ours;
mod said;
mod theirs;
mod yaml;

pub use ours::{assume, keys, options};
pub use said::{By, Said};
pub use theirs::{distribution, distribution_untold};

use crate::file;

/// Why options could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in the file cannot be used.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<ConfigError>,
    },
    /// It is no YAML.
    #[error("malformed YAML: {0}")]
    Malformed(String),
    /// A key has a value that it cannot have.
    #[error("{key} is {found}{at}; it must be {wanted}")]
    Kind {
        /// The key, with those above it.
        key: String,
        /// The value, as JSON.
        found: String,
        /// Where it stands: ` (line 3)`, or nothing.
        at: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// No option has this name.
    #[error("there is no option {key:?}{at}; there are {}", known.join(", "))]
    Unknown {
        /// The name.
        key: String,
        /// Where it stands: ` (line 3)`, or nothing.
        at: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// An option that does not fit.
    #[error("{0}")]
    Option(String),
}

/// Reads the configuration of a `distribution` registry from a file. It says all that such a configuration can say, written or not.
///
/// # Errors
/// The file cannot be read, or as [`distribution`]; the file is named.
pub fn distribution_file(path: &Path) -> Result<Said, ConfigError> {
    read(path, |text| {
        let mut said = Said::from(distribution(text)?);
        theirs::SAYS.iter().for_each(|key| said.note(key, By::Assumed));
        Ok(said)
    })
}

/// Reads our options from a file. It says what is written in it.
///
/// # Errors
/// The file cannot be read, or as [`options`]; the file is named.
pub fn options_file(path: &Path) -> Result<Said, ConfigError> {
    read(path, options)
}

fn read(path: &Path, meaning: impl Fn(&str) -> Result<Said, ConfigError>) -> Result<Said, ConfigError> {
    let path = path.to_owned();
    match file::read_text(&path) {
        Ok(text) => match meaning(&text) {
            Ok(said) => Ok(said.note_all(&By::File(path.display().to_string()))),
            Err(problem) => Err(ConfigError::Content { path, problem: Box::new(problem) }),
        },
        Err(source) => Err(ConfigError::File { path, source }),
    }
}
