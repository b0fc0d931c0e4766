//! Our options by name: what `--assume KEY=VALUE` sets, and what stands in a file of options.
//!
//! One table for both, and beside it what is no option ([`facts`]). A value is said the same way on the command line and in the file;
//! only there a list may also be a list.

use proofhouse_model::{Cache, Deny, Options, Platform};
use regex::Regex;

use super::yaml::{self, Node, Value};
use super::{By, ConfigError, Said};
use crate::facts::{self, FACTS, Page};

/// An option.
#[derive(Debug)]
struct Key {
    name: &'static str,
    /// What a value must be.
    wanted: &'static str,
    /// On the command line the value is text as it stands, and no YAML.
    verbatim: bool,
    /// None: the value does not fit.
    set: fn(&mut Options, &Node) -> Option<()>,
}

const PLATFORMS: &str = "all, none, or platforms such as linux/amd64,linux/arm64";
const PATTERN: &str = "a regular expression, in quotes";
const FLAG: &str = "true or false";
const COUNT: &str = "a whole number, 0 or more";
const PAGE: &str = "taken, cut or refused";
const BYTES: &str = "a number of bytes, from 1024 to 67108864";

const KEYS: &[Key] = &[
    key("cache", "off, tiny or large", |options, it| put(&mut options.cache, cache(it))),
    key("catalog_default", COUNT, |options, it| put(&mut options.catalog_default, count(it))),
    key("catalog_max", COUNT, |options, it| put(&mut options.catalog_max, count(it))),
    key("delete", FLAG, |options, it| put(&mut options.delete, it.boolean())),
    key("deny", "a mapping of repo and digest", |options, it| put(&mut options.deny, unless_null(it, deny))),
    key("digest_resumption", FLAG, |options, it| put(&mut options.digest_resumption, it.boolean())),
    key("max_manifest_bytes", COUNT, |options, it| put(&mut options.max_manifest_bytes, count(it))),
    key("platforms", PLATFORMS, validate_index),
    text("redirect", "the beginning of a URL, in quotes", |options, it| {
        put(&mut options.redirect, unless_null(it, |it| it.as_text().map(str::to_owned)))
    }),
    key("shared_blobs", FLAG, |options, it| put(&mut options.shared_blobs, unless_null(it, Node::boolean))),
    key("skip_layer_verification", FLAG, |options, it| put(&mut options.skip_layer_verification, it.boolean())),
    key("tag_lookup_limit", "a whole number", |options, it| put(&mut options.tag_lookup_limit, it.integer())),
    text("urls_allow", PATTERN, |options, it| put(&mut options.urls_allow, unless_null(it, pattern))),
    text("urls_deny", PATTERN, |options, it| put(&mut options.urls_deny, unless_null(it, pattern))),
    key("validate_index", PLATFORMS, validate_index),
];

type Set = fn(&mut Options, &Node) -> Option<()>;

const fn key(name: &'static str, wanted: &'static str, set: Set) -> Key {
    Key { name, wanted, verbatim: false, set }
}

const fn text(name: &'static str, wanted: &'static str, set: Set) -> Key {
    Key { name, wanted, verbatim: true, set }
}

/// Reads our own options and facts. What is not written has its default, and is said by nobody. Whether two contradict one another is
/// not looked at ([`Said::consistent`]).
///
/// # Errors
/// Malformed YAML, an unknown option, or a value that does not fit.
pub fn options(text: &str) -> Result<Said, ConfigError> {
    let document = yaml::parse(text)?;
    let mut said = Said::default();
    match &document.value {
        Value::Null => {}
        Value::Mapping(members) => {
            for (name, value) in members {
                set(&mut said, name, |_| Ok(value.clone()), value.line)?;
            }
        }
        _ => return Err(document.wrong("the document", "a mapping")),
    }
    Ok(said)
}

/// All that can be said of a registry, by name: its options, and then what else it has or lacks.
pub fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name).chain(FACTS)
}

/// Says one thing, `KEY=VALUE`, as the command line has it. Whether it contradicts another is not looked at ([`Said::consistent`]).
///
/// `validate_index` takes `none`, `all` or a list of `os/architecture`, separated by commas, and sets the platforms.
///
/// # Errors
/// No `=`, an unknown option, or a value that does not fit.
pub fn assume(said: &Said, assumption: &str) -> Result<Said, ConfigError> {
    let Some((name, text)) = assumption.split_once('=') else {
        return Err(ConfigError::Option(format!("{assumption:?} is no assumption: it must be KEY=VALUE")));
    };
    // Most often it is a variable that is not set.
    if text.is_empty() {
        return Err(ConfigError::Option(format!("{name:?} is given no value: it must be KEY=VALUE")));
    }
    let mut changed = said.clone();
    let value = |verbatim: bool| match verbatim {
        true => Ok(Node::text(text)),
        false => yaml::parse(text).map(|node| Node { line: 0, ..node }),
    };
    set(&mut changed, name, value, 0)?;
    Ok(changed)
}

fn set(
    said: &mut Said,
    name: &str,
    value: impl FnOnce(bool) -> Result<Node, ConfigError>,
    line: u64,
) -> Result<(), ConfigError> {
    if let Some(fact) = FACTS.into_iter().find(|fact| *fact == name) {
        let (wanted, read) = self::fact(fact);
        let value = value(false)?;
        said.facts.fix(fact, read(&value).ok_or_else(|| value.wrong(name, wanted))?);
        said.note(fact, By::Assumed);
        return Ok(());
    }
    let Some(key) = KEYS.iter().find(|key| key.name == name) else {
        let (known, at) = (keys().collect(), yaml::at(line));
        return Err(ConfigError::Unknown { key: name.to_owned(), at, known });
    };
    let value = value(key.verbatim)?;
    (key.set)(&mut said.options, &value).ok_or_else(|| value.wrong(name, key.wanted))?;
    // Two names for one thing.
    said.note(if key.name == "platforms" { "validate_index" } else { key.name }, By::Assumed);
    Ok(())
}

/// What the value of a fact must be, and how it is read.
fn fact(name: &str) -> (&'static str, fn(&Node) -> Option<facts::Value>) {
    match name {
        facts::PAGE_OF_A_MILLION => (PAGE, |node| {
            Some(facts::Value::Page(match node.as_text()? {
                "taken" => Page::Taken,
                "cut" => Page::Cut,
                "refused" => Page::Refused,
                _ => return None,
            }))
        }),
        // Less is no image, and more no manifest.
        facts::MANIFEST_BYTES => (BYTES, |node| {
            let bytes = usize::try_from(node.integer()?).ok()?;
            (1 << 10..=64 << 20).contains(&bytes).then_some(facts::Value::Bytes(bytes))
        }),
        _ => (FLAG, |node| node.boolean().map(facts::Value::Flag)),
    }
}

fn put<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

/// Null switches an option off that may be off.
fn unless_null<T>(node: &Node, read: impl FnOnce(&Node) -> Option<T>) -> Option<Option<T>> {
    if node.value == Value::Null { Some(None) } else { read(node).map(Some) }
}

fn count(node: &Node) -> Option<u64> {
    u64::try_from(node.integer()?).ok()
}

fn cache(node: &Node) -> Option<Cache> {
    match node.as_text() {
        Some("tiny") => Some(Cache::Tiny),
        Some("large") => Some(Cache::Large),
        Some("off") => Some(Cache::Off),
        // So `off` is read by some.
        _ => (node.value == Value::Boolean(false)).then_some(Cache::Off),
    }
}

fn pattern(node: &Node) -> Option<String> {
    node.as_text().filter(|text| Regex::new(text).is_ok()).map(str::to_owned)
}

fn deny(node: &Node) -> Option<Deny> {
    let part = |key: &str| node.find(&[key]).and_then(Node::as_text).map(str::to_owned);
    let deny = Deny { repo: part("repo")?, digest: part("digest")? };
    (node.mapping()?.len() == 2).then_some(deny)
}

/// True and false leave the platforms as they are.
fn validate_index(options: &mut Options, node: &Node) -> Option<()> {
    let (validate, platforms) = match &node.value {
        Value::Boolean(validate) => (*validate, options.platforms.clone()),
        Value::Null => (false, Vec::new()),
        Value::Text(text, _) => match text.as_str() {
            "all" => (true, Vec::new()),
            "none" => (false, Vec::new()),
            list => (true, list.split(',').map(platform).collect::<Option<_>>()?),
        },
        Value::List(items) => (true, items.iter().map(listed).collect::<Option<_>>()?),
        Value::Integer(_) | Value::Number(_) | Value::Mapping(_) => return None,
    };
    // A filter of no platform would be none at all.
    if node.list().is_some_and(<[Node]>::is_empty) {
        return None;
    }
    (options.validate_index, options.platforms) = (validate, platforms);
    Some(())
}

/// `linux/amd64`, or as `distribution` writes it.
fn listed(node: &Node) -> Option<Platform> {
    match &node.value {
        Value::Text(text, _) => platform(text),
        Value::Mapping(members) if members.len() == 2 => {
            let part = |key: &str| node.find(&[key]).and_then(Node::as_text).map(str::to_owned);
            Some(Platform { architecture: part("architecture")?, os: part("os")? })
        }
        _ => None,
    }
}

fn platform(text: &str) -> Option<Platform> {
    let (os, architecture) = text.trim().split_once('/')?;
    let whole = !os.is_empty() && !architecture.is_empty() && !architecture.contains('/');
    whole.then(|| Platform { architecture: architecture.to_owned(), os: os.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux(architecture: &str) -> Platform {
        Platform { architecture: architecture.into(), os: "linux".into() }
    }

    #[test]
    fn assumptions_set_single_options() {
        let assumed = |assumption: &str| assume(&Said::default(), assumption).unwrap().options;
        assert!(assumed("delete=true").delete);
        assert_eq!(assumed("catalog_max=7").catalog_max, 7);
        assert_eq!(assumed("urls_allow=^https://[ab]: *$").urls_allow.as_deref(), Some("^https://[ab]: *$"));
        assert_eq!(assumed("cache=tiny").cache, Cache::Tiny);
        assert_eq!(assumed("cache=off").cache, Cache::Off);
        assert!(assumed("validate_index=all").validate_index);
        assert!(assumed("validate_index=true").validate_index);
        let both = assumed("validate_index=linux/amd64,windows/arm64");
        assert!(both.validate_index && both.platforms.len() == 2);
        assert_eq!(both.platforms[0], linux("amd64"));
        assert_eq!(assume(&both.into(), "validate_index=none").unwrap().options, Options::default());
    }

    #[test]
    fn an_assumption_that_is_none_says_what_is_wrong() {
        let error = |assumption: &str| assume(&Said::default(), assumption).unwrap_err().to_string();
        assert!(error("delete").contains("KEY=VALUE"));
        for key in KEYS.iter().map(|key| key.name).chain(FACTS) {
            assert_eq!(error(&format!("{key}=")), format!("{key:?} is given no value: it must be KEY=VALUE"));
        }
        assert!(options("validate_index: ''").is_err());
        assert!(error("deletion=true").starts_with("there is no option \"deletion\"; there are cache, "));
        assert_eq!(error("delete=maybe"), "delete is \"maybe\"; it must be true or false");
        assert_eq!(error("validate_index=amd64"), format!("validate_index is \"amd64\"; it must be {PLATFORMS}"));
        assert_eq!(error("catalog_max=-1"), "catalog_max is -1; it must be a whole number, 0 or more");
        assert_eq!(error("urls_deny=("), "urls_deny is \"(\"; it must be a regular expression, in quotes");
    }

    #[test]
    fn what_is_assumed_can_be_written_in_a_file_with_the_same_words() {
        for (assumption, line) in [
            ("delete=true", "delete: true"),
            ("validate_index=all", "validate_index: all"),
            ("validate_index=none", "validate_index: none"),
            ("validate_index=linux/amd64,linux/arm64", "validate_index: linux/amd64,linux/arm64"),
            ("validate_index=linux/amd64,linux/arm64", "validate_index: [linux/amd64, linux/arm64]"),
            ("platforms=linux/amd64", "platforms: [linux/amd64]"),
            ("platforms=linux/amd64", "validate_index: true\nplatforms: [{architecture: amd64, os: linux}]"),
            ("urls_allow=^https://", r#"{"urls_allow": "^https://"}"#),
            ("cache=off", "cache: off"),
            ("deny={repo: a, digest: 'sha256:0'}", "deny: {repo: a, digest: 'sha256:0'}"),
            ("tag_lookup_limit=-1", "tag_lookup_limit: -1"),
            ("mounts=false", "mounts: false"),
            ("page_of_a_million=cut", "page_of_a_million: cut"),
            ("manifest_bytes=1048576", "manifest_bytes: 1048576"),
        ] {
            assert_eq!(options(line).unwrap(), assume(&Said::default(), assumption).unwrap(), "{line}");
        }
    }

    #[test]
    fn what_is_no_option_is_fixed_by_name_and_the_last_word_counts() {
        let assumed = |assumptions: &[&str]| {
            assumptions.iter().fold(Said::default(), |said, assumption| assume(&said, assumption).unwrap())
        };
        for fact in FACTS {
            let (is, is_not) = match fact {
                facts::PAGE_OF_A_MILLION => ("taken", "true"),
                facts::MANIFEST_BYTES => ("4194304", "12"),
                _ => ("true", "maybe"),
            };
            let said = assumed(&[&format!("{fact}={is}")]);
            assert_eq!(said.facts.fixed(fact).map(|value| value.to_string()).as_deref(), Some(is));
            assert!(said.settles(fact) && said.options == Options::default());
            let error = assume(&said, &format!("{fact}={is_not}")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{fact} is ")) && error.contains("; it must be "), "{error}");
        }
        let said = assumed(&["mounts=true", "mounts=false"]);
        assert_eq!(said.facts.fixed("mounts"), Some(facts::Value::Flag(false)));
    }

    #[test]
    fn what_cannot_both_be_is_an_error() {
        let consistent = |assumptions: &[&str]| {
            let said = assumptions.iter().fold(Said::default(), |said, assumption| assume(&said, assumption).unwrap());
            said.consistent().map_err(|error| error.to_string())
        };
        assert_eq!(
            consistent(&["delete=false", "blob_deletion=true"]),
            Err("delete=false (assumed) contradicts blob_deletion=true (assumed): say one of the two".to_owned())
        );
        assert!(consistent(&["manifest_deletion=false", "delete=true"]).is_err());
        assert!(consistent(&["max_manifest_bytes=2000", "manifest_bytes=4000"]).is_err());
        assert!(options("delete: true\nblob_deletion: false").unwrap().consistent().is_err());
        // The option says nothing of tags.
        assert_eq!(consistent(&["delete=true", "tag_deletion=false", "blob_deletion=true"]), Ok(()));
        assert_eq!(consistent(&["blob_deletion=true", "manifest_deletion=false"]), Ok(()));
        assert_eq!(consistent(&["max_manifest_bytes=4000", "manifest_bytes=2000"]), Ok(()));
    }

    #[test]
    fn a_file_that_does_not_fit_names_the_key_the_line_and_what_is_permitted() {
        let error = |text: &str| options(text).unwrap_err().to_string();
        assert!(
            error("delete: true\ndeleted: true").starts_with("there is no option \"deleted\" (line 2); there are ")
        );
        assert_eq!(error("\ndelete: 'yes'"), "delete is \"yes\" (line 2); it must be true or false");
        assert_eq!(error("platforms: []"), format!("platforms is a list (line 1); it must be {PLATFORMS}"));
        assert_eq!(error("platforms: [amd64]"), format!("platforms is a list (line 1); it must be {PLATFORMS}"));
        assert_eq!(error("- a"), "the document is a list (line 1); it must be a mapping");
        assert_eq!(options("").unwrap(), Said::default());
    }

    #[test]
    fn every_option_of_the_model_has_a_key() {
        let serde_json::Value::Object(options) = serde_json::to_value(Options::default()).unwrap() else { panic!() };
        assert_eq!(KEYS.iter().map(|key| key.name).collect::<Vec<_>>(), options.keys().collect::<Vec<_>>());
    }
}
