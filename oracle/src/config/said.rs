//! What is said of a registry before anybody asks it, and who says it.

use std::collections::BTreeMap;
use std::fmt;

use proofhouse_model::Options;

use super::ConfigError;
use crate::facts::{self, Facts, Value};

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The command line.
    Assumed,
    /// A file, by its name.
    File(String),
}

/// As it stands behind what is said: `assumed`, or `from config.yml`.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Assumed => f.write_str("assumed"),
            By::File(name) => write!(f, "from {name}"),
        }
    }
}

/// Options and facts, and who says which of them. What nobody says may be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// How the registry is set up. What nobody says is as by default.
    pub options: Options,
    /// What it has or lacks besides.
    pub facts: Facts,
    by: BTreeMap<&'static str, By>,
}

/// Options that nobody said.
impl From<Options> for Said {
    fn from(options: Options) -> Said {
        Said { options, ..Said::default() }
    }
}

impl Said {
    /// Who says it. None: nobody.
    pub fn by(&self, key: &str) -> Option<&By> {
        self.by.get(key)
    }

    /// The command line says it, or it is no option: then nobody asks the registry whether it is so.
    pub fn settles(&self, key: &str) -> bool {
        self.by.get(key).is_some_and(|by| *by == By::Assumed || self.facts.fixed(key).is_some())
    }

    pub(super) fn note(&mut self, key: &'static str, by: By) {
        self.by.insert(key, by);
    }

    pub(super) fn note_all(mut self, by: &By) -> Said {
        self.by.values_mut().for_each(|said| by.clone_into(said));
        self
    }

    /// Does all of it fit together?
    ///
    /// # Errors
    /// Two that cannot both be.
    pub fn consistent(&self) -> Result<(), ConfigError> {
        let deletes = self.options.delete;
        let against = |key: &str, value: String, other: &'static str, fixed: Value| {
            let (one, two) = (self.by(key), self.by(other));
            let by = |by: Option<&By>| by.map(|by| format!(" ({by})")).unwrap_or_default();
            let (one, two) = (by(one), by(two));
            ConfigError::Option(format!("{key}={value}{one} contradicts {other}={fixed}{two}: say one of the two"))
        };
        for part in [facts::BLOB_DELETION, facts::MANIFEST_DELETION] {
            if let (Some(_), Some(fixed)) = (self.by("delete"), self.facts.fixed(part))
                && fixed != Value::Flag(deletes)
            {
                return Err(against("delete", deletes.to_string(), part, fixed));
            }
        }
        let most = self.options.max_manifest_bytes;
        if let (Some(_), Some(fixed @ Value::Bytes(bytes))) =
            (self.by("max_manifest_bytes"), self.facts.fixed(facts::MANIFEST_BYTES))
            && bytes as u64 > most
        {
            return Err(against("max_manifest_bytes", most.to_string(), facts::MANIFEST_BYTES, fixed));
        }
        Ok(())
    }
}
