//! How a registry is set up, read from what people have.
//!
//! That is the registry's own configuration, as `distribution` has it ([`distribution`]), our options as YAML or JSON
//! ([`options`]), or single assumptions on the command line ([`assume`]). Every error is one line and names the key.

use std::fs;
use std::path::{Path, PathBuf};

use proofhouse_model::{Cache, Options, Platform};
use serde_json::{Map, Value};

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
    /// It is no YAML.
    #[error("malformed YAML: {0}")]
    Malformed(String),
    /// A key has a value of the wrong kind.
    #[error("{key} is {found}; it must be {wanted}")]
    Kind {
        /// The key, with those above it.
        key: String,
        /// The value, as JSON.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// No option has this name.
    #[error("there is no option {key:?}; there are {}", known.join(", "))]
    Unknown {
        /// The name.
        key: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// An option that does not fit.
    #[error("{0}")]
    Option(String),
}

/// Which of the two a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Options,
    Distribution,
}

/// Reads the configuration of a `distribution` registry from a file.
///
/// # Errors
/// The file cannot be read, or as [`distribution`].
pub fn distribution_file(path: &Path) -> Result<Options, ConfigError> {
    distribution(&read(path)?)
}

/// Reads our options or the configuration of a `distribution` registry from a file; its keys tell which it is.
///
/// # Errors
/// The file cannot be read, or as [`distribution`] and [`options`].
pub fn any_file(path: &Path) -> Result<Options, ConfigError> {
    let text = read(path)?;
    match kind(&yaml(&text)?) {
        Written::Options => options(&text),
        Written::Distribution => distribution(&text),
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// No key of ours is one of these.
fn kind(document: &Value) -> Written {
    const THEIRS: &[&str] =
        &["version", "storage", "http", "validation", "catalog", "log", "auth", "middleware", "proxy"];
    let theirs = THEIRS.iter().any(|key| document.get(key).is_some());
    if theirs { Written::Distribution } else { Written::Options }
}

/// Reads our own options. What is not written has its default.
///
/// # Errors
/// Malformed YAML, an unknown option, or a value that does not fit.
pub fn options(text: &str) -> Result<Options, ConfigError> {
    match yaml(text)? {
        Value::Null => Ok(Options::default()),
        Value::Object(written) => {
            written.into_iter().try_fold(Options::default(), |options, (key, value)| set(&options, &key, value))
        }
        other => Err(kind_error("the document", &other, "a mapping")),
    }
}

/// Sets one option, `KEY=VALUE`, as the command line has it.
///
/// `validate_index` also takes `none`, `all` or a list of `os/architecture`, separated by commas, and sets the platforms.
///
/// # Errors
/// No `=`, an unknown option, or a value that does not fit.
pub fn assume(options: &Options, assumption: &str) -> Result<Options, ConfigError> {
    let Some((key, text)) = assumption.split_once('=') else {
        return Err(ConfigError::Option(format!("{assumption:?} is no assumption: it must be KEY=VALUE")));
    };
    match key {
        "validate_index" | "platforms" if !matches!(text, "true" | "false") => {
            let platforms = match text {
                "all" | "none" | "" => Vec::new(),
                list => list.split(',').map(|item| platform(key, item)).collect::<Result<_, _>>()?,
            };
            Ok(Options { validate_index: !matches!(text, "none" | ""), platforms, ..options.clone() })
        }
        "redirect" | "urls_allow" | "urls_deny" => set(options, key, text.into()),
        _ => set(options, key, yaml(text)?),
    }
}

fn platform(key: &str, text: &str) -> Result<Platform, ConfigError> {
    match text.split_once('/') {
        Some((os, architecture)) if !os.is_empty() && !architecture.is_empty() && !architecture.contains('/') => {
            Ok(Platform { architecture: architecture.to_owned(), os: os.to_owned() })
        }
        _ => Err(kind_error(key, &text.into(), "all, none, or platforms such as linux/amd64,linux/arm64")),
    }
}

fn set(options: &Options, key: &str, value: Value) -> Result<Options, ConfigError> {
    let mut document = match serde_json::to_value(options) {
        Ok(Value::Object(document)) => document,
        _ => Map::new(),
    };
    if !document.contains_key(key) {
        return Err(ConfigError::Unknown { key: key.to_owned(), known: document.keys().cloned().collect() });
    }
    document.insert(key.to_owned(), value);
    serde_json::from_value(document.into()).map_err(|error| ConfigError::Option(format!("{key}: {error}")))
}

/// Reads the configuration of a `distribution` registry: what of it a client can notice.
///
/// Its defaults are the server's, not the library's: no URL of a foreign layer is permitted unless `allow` or `deny` is given,
/// and every entry of an index must exist. Keys that mean nothing here are passed over.
///
/// # Errors
/// Malformed YAML, or a key that means something with a value of the wrong kind.
pub fn distribution(text: &str) -> Result<Options, ConfigError> {
    let document = yaml(text)?;
    if !matches!(document, Value::Object(_) | Value::Null) {
        return Err(kind_error("the document", &document, "a mapping"));
    }
    let at = |path: &[&'static str]| Key { value: find(&document, path), name: path.join(".") };
    let mut options = Options {
        delete: at(&["storage", "delete", "enabled"]).boolean()?.unwrap_or(false),
        tag_lookup_limit: at(&["storage", "tag", "concurrencylimit"]).integer()?.unwrap_or(0),
        cache: match at(&["storage", "cache", "blobdescriptor"]).text()?.as_deref() {
            None | Some("") => Cache::Off,
            Some(_) => Cache::Large,
        },
        ..Options::default()
    };
    // A redirect is followed like any other; only that the key is well-formed is checked.
    at(&["storage", "redirect", "disable"]).boolean()?;
    if let Some(most) = at(&["catalog", "maxentries"]).integer()?.and_then(|most| u64::try_from(most).ok())
        && most > 0
    {
        options.catalog_max = most;
        options.catalog_default = options.catalog_default.min(most);
    }
    let allow = at(&["validation", "manifests", "urls", "allow"]).strings()?;
    let deny = at(&["validation", "manifests", "urls", "deny"]).strings()?;
    let selection = at(&["validation", "manifests", "indexes", "platforms"]);
    let list = at(&["validation", "manifests", "indexes", "platformlist"]).platforms()?;
    let enabled = at(&["validation", "enabled"]).boolean()?.unwrap_or(false);
    let disabled = at(&["validation", "disabled"]).boolean()?.unwrap_or(false);
    let which = selection.text()?.map(|which| which.to_lowercase());
    let (validate_index, platforms) = match which.as_deref() {
        None | Some("" | "all") => (true, Vec::new()),
        Some("none") => (false, Vec::new()),
        Some("list") => (true, list),
        Some(_) => return Err(selection.wrong("all, none or list")),
    };
    if enabled || !disabled {
        options.urls_allow = joined(&allow);
        options.urls_deny = joined(&deny);
        if allow.is_empty() && deny.is_empty() {
            options.urls_allow = Some("^$".to_owned());
        }
        options.validate_index = validate_index;
        options.platforms = platforms;
    }
    Ok(options)
}

/// One pattern that matches what any of them matches.
fn joined(patterns: &[String]) -> Option<String> {
    let grouped: Vec<String> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    (!grouped.is_empty()).then(|| grouped.join("|"))
}

fn find<'a>(document: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(document, |value, key| value.get(key).unwrap_or(&Value::Null))
}

/// A value and where it stands. Null is as good as not there.
struct Key<'a> {
    value: &'a Value,
    name: String,
}

impl Key<'_> {
    fn wrong(&self, wanted: &'static str) -> ConfigError {
        kind_error(&self.name, self.value, wanted)
    }

    /// The words of YAML 1.1 count, as they do for `distribution`.
    fn boolean(&self) -> Result<Option<bool>, ConfigError> {
        match self.value {
            Value::Null => Ok(None),
            Value::Bool(boolean) => Ok(Some(*boolean)),
            Value::String(word) => match word.to_lowercase().as_str() {
                "yes" | "on" | "y" => Ok(Some(true)),
                "no" | "off" | "n" => Ok(Some(false)),
                _ => Err(self.wrong("true or false")),
            },
            _ => Err(self.wrong("true or false")),
        }
    }

    fn integer(&self) -> Result<Option<i64>, ConfigError> {
        match self.value {
            Value::Null => Ok(None),
            value => value.as_i64().map(Some).ok_or_else(|| self.wrong("an integer")),
        }
    }

    fn text(&self) -> Result<Option<String>, ConfigError> {
        match self.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(self.wrong("a string")),
        }
    }

    fn strings(&self) -> Result<Vec<String>, ConfigError> {
        let items = match self.value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(items) => items,
            _ => return Err(self.wrong("a list of strings")),
        };
        let string = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| self.wrong("a list of strings"));
        items.iter().map(string).collect()
    }

    fn platforms(&self) -> Result<Vec<Platform>, ConfigError> {
        let wanted = "a list of mappings with architecture and os";
        let items = match self.value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(items) => items,
            _ => return Err(self.wrong(wanted)),
        };
        let part = |item: &Value, key: &str| match item.get(key) {
            None | Some(Value::Null) if item.is_object() => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(self.wrong(wanted)),
        };
        let platform = |item| Ok(Platform { architecture: part(item, "architecture")?, os: part(item, "os")? });
        items.iter().map(platform).collect()
    }
}

fn kind_error(key: &str, found: &Value, wanted: &'static str) -> ConfigError {
    let mut found = found.to_string();
    if found.chars().count() > 60 {
        found = found.chars().take(60).chain(['…']).collect();
    }
    ConfigError::Kind { key: key.to_owned(), found, wanted }
}

fn yaml(text: &str) -> Result<Value, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    serde_saphyr::from_str(text).map_err(|error| ConfigError::Malformed(one_line(error.without_snippet().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_sets_without_being_told() {
        let server = Options { urls_allow: Some("^$".into()), validate_index: true, ..Options::default() };
        assert_eq!(distribution("").unwrap(), server);
        assert_eq!(distribution("version: 0.1\nstorage: inmemory\n").unwrap(), server);
    }

    #[test]
    fn every_key_of_a_distribution_configuration_that_matters_is_read() {
        let text = "
            version: 0.1
            log: {level: debug}
            storage:
              filesystem: {rootdirectory: /var/lib/registry}
              delete: {enabled: true}
              tag: {concurrencylimit: 8}
              cache: {blobdescriptor: inmemory}
              redirect: {disable: true}
            catalog: {maxentries: 50}
            validation:
              manifests:
                urls: {allow: ['^https://a/', '^https://b/'], deny: [secret]}
                indexes:
                  platforms: List
                  platformlist: [{architecture: amd64, os: linux}, {architecture: arm64, os: linux}]
        ";
        let platform = |architecture: &str| Platform { architecture: architecture.into(), os: "linux".into() };
        let expected = Options {
            delete: true,
            tag_lookup_limit: 8,
            cache: Cache::Large,
            catalog_max: 50,
            catalog_default: 50,
            urls_allow: Some("(?:^https://a/)|(?:^https://b/)".into()),
            urls_deny: Some("(?:secret)".into()),
            validate_index: true,
            platforms: vec![platform("amd64"), platform("arm64")],
            ..Options::default()
        };
        assert_eq!(distribution(text).unwrap(), expected);
    }

    #[test]
    fn validation_that_is_disabled_checks_neither_urls_nor_indexes() {
        let off = "validation: {disabled: true, manifests: {urls: {allow: [a]}, indexes: {platforms: all}}}";
        assert_eq!(distribution(off).unwrap(), Options::default());
        let none = distribution("validation: {manifests: {indexes: {platforms: none}}}").unwrap();
        assert!(!none.validate_index);
        assert_eq!(distribution("validation: {disabled: yes, enabled: yes}").unwrap(), distribution("").unwrap());
    }

    #[test]
    fn only_deny_leaves_all_else_allowed() {
        let options = distribution("validation: {manifests: {urls: {deny: [evil]}}}").unwrap();
        assert_eq!((options.urls_allow, options.urls_deny), (None, Some("(?:evil)".into())));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_one_line_with_its_key() {
        for (text, key) in [
            ("storage: {delete: {enabled: 3}}", "storage.delete.enabled"),
            ("storage: {delete: {enabled: maybe}}", "storage.delete.enabled"),
            ("storage: {tag: {concurrencylimit: lots}}", "storage.tag.concurrencylimit"),
            ("validation: {manifests: {urls: {allow: x}}}", "validation.manifests.urls.allow"),
            ("validation: {manifests: {indexes: {platforms: some}}}", "validation.manifests.indexes.platforms"),
            (
                "validation: {manifests: {indexes: {platformlist: [amd64]}}}",
                "validation.manifests.indexes.platformlist",
            ),
            ("- a", "the document"),
            ("storage: {delete: {enabled: true}\n", "malformed YAML"),
            ("storage:\n\t- x: [", "malformed YAML"),
        ] {
            let error = distribution(text).unwrap_err().to_string();
            assert!(error.starts_with(key), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn assumptions_set_single_options() {
        let assumed = |assumption: &str| assume(&Options::default(), assumption).unwrap();
        assert!(assumed("delete=true").delete);
        assert_eq!(assumed("catalog_max=7").catalog_max, 7);
        assert_eq!(assumed("urls_allow=^https://[ab]: *$").urls_allow.as_deref(), Some("^https://[ab]: *$"));
        assert_eq!(assumed("cache=tiny").cache, Cache::Tiny);
        assert!(assumed("validate_index=all").validate_index);
        assert!(assumed("validate_index=true").validate_index);
        let both = assumed("validate_index=linux/amd64,windows/arm64");
        assert!(both.validate_index && both.platforms.len() == 2);
        assert_eq!(both.platforms[0], Platform { architecture: "amd64".into(), os: "linux".into() });
        assert_eq!(assume(&both, "validate_index=none").unwrap(), Options::default());
    }

    #[test]
    fn an_assumption_that_is_none_says_what_is_wrong() {
        let error = |assumption: &str| assume(&Options::default(), assumption).unwrap_err().to_string();
        assert!(error("delete").contains("KEY=VALUE"));
        assert!(error("deletion=true").starts_with("there is no option \"deletion\"; there are cache, "));
        assert!(error("delete=maybe").starts_with("delete: "));
        assert!(error("validate_index=amd64").starts_with("validate_index is \"amd64\""));
        assert!(error("catalog_max=-1").starts_with("catalog_max: "));
    }

    #[test]
    fn our_options_and_theirs_are_told_apart_by_their_keys() {
        let which = |text: &str| kind(&yaml(text).unwrap());
        assert_eq!(which("version: 0.1"), Written::Distribution);
        assert_eq!(which("validation: {disabled: true}"), Written::Distribution);
        assert_eq!(which(r#"{"delete": true, "urls_allow": "^$"}"#), Written::Options);
        assert!(options("delete: true\nvalidate_index: true").unwrap().validate_index);
        assert!(options("deleted: true").unwrap_err().to_string().contains("there is no option \"deleted\""));
        assert_eq!(options("").unwrap(), Options::default());
    }
}
