//! Why there is no configuration, and what is said of one that there is. Each is one line and names the key.

use std::fmt;

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is no YAML.
    #[error("malformed YAML: {0}")]
    Yaml(String),
    /// A variable of the environment cannot be taken.
    #[error("{variable}: {problem}")]
    Variable {
        /// The variable's name.
        variable: String,
        /// Why not.
        problem: String,
    },
    /// A version of the format that is not known.
    #[error("version is {0}; it must be 0.1")]
    Version(String),
    /// A value of the wrong kind.
    #[error("{key} is {found}; it must be {wanted}")]
    Kind {
        /// The key, with those above it.
        key: String,
        /// What stands there; of a secret only its kind.
        found: String,
        /// What should.
        wanted: &'static str,
    },
    /// A value of the right kind that cannot be used.
    #[error("{key}: {problem}")]
    Value {
        /// The key, with those above it.
        key: String,
        /// Why not.
        problem: String,
    },
    /// A key that must be there is not.
    #[error("{key} is missing: {why}")]
    Missing {
        /// The key, with those above it.
        key: String,
        /// Why it must be there.
        why: &'static str,
    },
    /// A key that cannot be passed over, and is not supported.
    #[error("{key} cannot be used: {why}")]
    Refused {
        /// The key, with those above it.
        key: String,
        /// Why, and what to do.
        why: String,
    },
    /// A key that is not known where it might have narrowed who may do what.
    #[error("there is no key {key}{hint}")]
    Unknown {
        /// The key, with those above it.
        key: String,
        /// Perhaps what was meant.
        hint: String,
    },
}

/// Something of the configuration that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, with those above it; or the variable of the environment.
    pub key: String,
    /// What follows.
    pub says: String,
}

impl Warning {
    pub(super) fn new(key: impl Into<String>, says: impl Into<String>) -> Self {
        Self { key: key.into(), says: says.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.says)
    }
}

/// What several lines say, in one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
