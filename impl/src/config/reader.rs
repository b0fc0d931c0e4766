//! Single values out of the tree, each with its path, so that what is wrong can be said with the key.
//!
//! Null is as good as not there, as in Go.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::document::kind_error;
use super::duration;
use super::error::ConfigError;

/// The tree.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Value);

impl<'a> Reader<'a> {
    /// The value of a key, given with those above it and joined by dots.
    pub(super) fn at(self, path: &'static str) -> Entry<'a> {
        let value = path.split('.').fold(self.0, |value, key| value.get(key).unwrap_or(&Value::Null));
        Entry { path, value }
    }

    /// Whether the key stands there, even with nothing to say.
    pub(super) fn has(self, path: &'static str) -> bool {
        let mut keys = path.split('.');
        keys.try_fold(self.0, Value::get).is_some()
    }
}

/// A key and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) path: &'static str,
    value: &'a Value,
}

impl<'a> Entry<'a> {
    fn wrong(self, wanted: &'static str) -> ConfigError {
        kind_error(self.path, self.value, wanted)
    }

    /// It is of the right kind and cannot be used.
    pub(super) fn unusable(self, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value { key: self.path.to_owned(), problem: problem.into() }
    }

    /// It must be there.
    pub(super) fn missing(self, why: &'static str) -> ConfigError {
        ConfigError::Missing { key: self.path.to_owned(), why }
    }

    /// An empty text is as good as none, as in Go.
    pub(super) fn text(self) -> Result<Option<&'a str>, ConfigError> {
        match self.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty()).map(String::as_str)),
            _ => Err(self.wrong("text; put it in quotes")),
        }
    }

    pub(super) fn required(self, why: &'static str) -> Result<&'a str, ConfigError> {
        self.text()?.ok_or_else(|| self.missing(why))
    }

    pub(super) fn file(self) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text()?.map(PathBuf::from))
    }

    /// One of these words, without regard to case.
    pub(super) fn word<T: Copy>(self, words: &[(&str, T)], wanted: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| self.wrong(wanted))
    }

    /// The words of YAML 1.1 count, as they do for Go.
    pub(super) fn flag(self) -> Result<bool, ConfigError> {
        match self.value {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            Value::String(word) => match word.to_lowercase().as_str() {
                "yes" | "on" | "y" => Ok(true),
                "no" | "off" | "n" => Ok(false),
                _ => Err(self.wrong("true or false")),
            },
            _ => Err(self.wrong("true or false")),
        }
    }

    /// As [`flag`](Self::flag), where not being there means true.
    pub(super) fn flag_or_true(self) -> Result<bool, ConfigError> {
        if self.value.is_null() { Ok(true) } else { self.flag() }
    }

    pub(super) fn integer(self) -> Result<Option<i64>, ConfigError> {
        match self.value {
            Value::Null => Ok(None),
            value => value.as_i64().map(Some).ok_or_else(|| self.wrong("a whole number")),
        }
    }

    /// Not below zero.
    pub(super) fn count(self) -> Result<Option<u64>, ConfigError> {
        let count = self.integer()?.map(|number| u64::try_from(number).map_err(|_| self.unusable("it is below zero")));
        count.transpose()
    }

    /// Zero and less mean the default, and so does what is not there.
    pub(super) fn page(self, default: usize) -> Result<usize, ConfigError> {
        Ok(self.integer()?.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0).unwrap_or(default))
    }

    pub(super) fn duration(self) -> Result<Option<Duration>, ConfigError> {
        let wanted = "a duration such as 1h30m, not below zero";
        match self.value {
            Value::Null => Ok(None),
            Value::String(text) => duration::parse(text).map(Some).ok_or_else(|| self.wrong(wanted)),
            // Go takes this one number without a unit.
            value if value.as_i64() == Some(0) => Ok(Some(Duration::ZERO)),
            _ => Err(self.wrong(wanted)),
        }
    }

    pub(super) fn texts(self) -> Result<Vec<&'a str>, ConfigError> {
        let wanted = "a list of texts";
        let items = match self.value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(items) => items,
            _ => return Err(self.wrong(wanted)),
        };
        items.iter().map(|item| item.as_str().ok_or_else(|| self.item_error(item, wanted))).collect()
    }

    /// Names and what they stand for, in the order of the names.
    pub(super) fn mapping(self, wanted: &'static str) -> Result<Vec<(&'a str, &'a Value)>, ConfigError> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Object(map) => Ok(map.iter().map(|(name, value)| (name.as_str(), value)).collect()),
            _ => Err(self.wrong(wanted)),
        }
    }

    /// Items that are mappings of these names, each with a text or nothing.
    pub(super) fn records<const N: usize>(
        self,
        names: [&str; N],
        wanted: &'static str,
    ) -> Result<Vec<[&'a str; N]>, ConfigError> {
        let items = match self.value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(items) => items,
            _ => return Err(self.wrong(wanted)),
        };
        let record = |item: &'a Value| {
            let map = item.as_object().ok_or_else(|| self.item_error(item, wanted))?;
            if let Some(unknown) = map.keys().find(|key| !names.contains(&key.as_str())) {
                return Err(ConfigError::Unknown { key: format!("{}.{unknown}", self.path), hint: String::new() });
            }
            let mut record = [""; N];
            for (field, name) in record.iter_mut().zip(names) {
                *field = match map.get(name) {
                    None | Some(Value::Null) => "",
                    Some(Value::String(text)) => text,
                    Some(other) => return Err(self.item_error(other, wanted)),
                };
            }
            Ok(record)
        };
        items.iter().map(record).collect()
    }

    /// Something within it is of the wrong kind.
    pub(super) fn item_error(self, item: &Value, wanted: &'static str) -> ConfigError {
        match kind_error(self.path, item, wanted) {
            ConfigError::Kind { key, found, wanted } => {
                ConfigError::Kind { key, found: format!("something with {found} in it"), wanted }
            }
            other => other,
        }
    }
}
