//! The configuration of a `distribution` registry: what of it a client can notice.

use proofhouse_model::{Cache, Options, Platform};

use super::ConfigError;
use super::yaml::{self, Node, Value};

/// The options that it says. It knows nothing of mounts, of algorithms, of referrers or of pages.
pub(super) const SAYS: [&str; 8] = [
    "cache",
    "catalog_default",
    "catalog_max",
    "delete",
    "tag_lookup_limit",
    "urls_allow",
    "urls_deny",
    "validate_index",
];

/// Reads the configuration of a `distribution` registry: what of it a client can notice.
///
/// Its defaults are the server's, not the library's: no URL of a foreign layer is permitted unless `allow` or `deny` is given,
/// and every entry of an index must exist. Keys that mean nothing here are passed over.
///
/// # Errors
/// Malformed YAML, a version that is missing or not 0.1, or a key that means something with a value that it cannot have.
pub fn distribution(text: &str) -> Result<Options, ConfigError> {
    let document = yaml::parse(text)?;
    if !matches!(document.value, Value::Mapping(_)) {
        return Err(document.wrong("the document", "a mapping with version: 0.1"));
    }
    // Without it distribution does not start; and a file of something else is not taken for one that says nothing.
    if document.find(&["version"]).is_none() {
        return Err(ConfigError::Option("version is missing: it must be 0.1".to_owned()));
    }
    noticed(&document)
}

/// What the server of `distribution` does that was told nothing.
pub fn distribution_untold() -> Options {
    let nothing = Node { line: 0, value: Value::Null };
    // Invariant: no key is there that could have a wrong value.
    noticed(&nothing).unwrap_or_else(|error| unreachable!("nothing is said: {error}"))
}

/// What of a configuration a client can notice.
fn noticed(document: &Node) -> Result<Options, ConfigError> {
    let at = |path: &'static str| Key { node: document.find(&path.split('.').collect::<Vec<_>>()), path };
    at("version").version()?;
    let mut options = Options {
        delete: at("storage.delete.enabled").boolean()?.unwrap_or(false),
        tag_lookup_limit: at("storage.tag.concurrencylimit").integer()?.unwrap_or(0),
        cache: match at("storage.cache.blobdescriptor").text()? {
            Some("inmemory" | "redis") => Cache::Large,
            // Of a kind that it does not know distribution warns, and has none.
            None | Some(_) => Cache::Off,
        },
        ..Options::default()
    };
    // A redirect is followed like any other; only that the key is well-formed is checked.
    at("storage.redirect.disable").boolean()?;
    if let Some(most) = at("catalog.maxentries").integer()?.and_then(|most| u64::try_from(most).ok())
        && most > 0
    {
        options.catalog_max = most;
        options.catalog_default = options.catalog_default.min(most);
    }
    let allow = at("validation.manifests.urls.allow").strings()?;
    let deny = at("validation.manifests.urls.deny").strings()?;
    let selection = at("validation.manifests.indexes.platforms");
    let listed = at("validation.manifests.indexes.platformlist").platforms()?;
    let enabled = at("validation.enabled").boolean()?.unwrap_or(false);
    let disabled = at("validation.disabled").boolean()?.unwrap_or(false);
    let which = selection.text()?.map(str::to_lowercase);
    let (validate_index, platforms) = match which.as_deref() {
        None | Some("" | "all") => (true, Vec::new()),
        Some("none") => (false, Vec::new()),
        // An empty list is every platform: the seed, `imagePlatforms`.
        Some("list") => (true, listed),
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
fn joined(patterns: &[&str]) -> Option<String> {
    let grouped: Vec<String> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    (!grouped.is_empty()).then(|| grouped.join("|"))
}

/// A key and its value. None: it is not there, or null.
#[derive(Clone, Copy)]
struct Key<'a> {
    node: Option<&'a Node>,
    path: &'static str,
}

impl<'a> Key<'a> {
    fn wrong(self, wanted: &'static str) -> ConfigError {
        let missing = Node { line: 0, value: Value::Null };
        self.node.unwrap_or(&missing).wrong(self.path, wanted)
    }

    fn read<T>(self, wanted: &'static str, read: impl Fn(&'a Node) -> Option<T>) -> Result<Option<T>, ConfigError> {
        self.node.map(|node| read(node).ok_or_else(|| node.wrong(self.path, wanted))).transpose()
    }

    fn version(self) -> Result<(), ConfigError> {
        let known = |node: &Node| match &node.value {
            Value::Number(number) => number.to_string() == "0.1",
            Value::Text(text, _) => text == "0.1",
            _ => false,
        };
        self.read("0.1", |node| known(node).then_some(())).map(drop)
    }

    fn boolean(self) -> Result<Option<bool>, ConfigError> {
        self.read("true or false", Node::boolean)
    }

    fn integer(self) -> Result<Option<i64>, ConfigError> {
        self.read("a whole number", Node::integer)
    }

    fn text(self) -> Result<Option<&'a str>, ConfigError> {
        self.read("text; put it in quotes", Node::as_text)
    }

    fn strings(self) -> Result<Vec<&'a str>, ConfigError> {
        let strings = |node: &'a Node| node.list()?.iter().map(Node::as_text).collect();
        self.read("a list of strings", strings).map(Option::unwrap_or_default)
    }

    /// What is left out matches nothing but itself, as for `distribution`.
    fn platforms(self) -> Result<Vec<Platform>, ConfigError> {
        let part = |node: &Node, key: &str| match node.find(&[key]) {
            None => Some(String::new()),
            Some(part) => part.as_text().map(str::to_owned),
        };
        let platform = |node: &Node| {
            node.mapping()?;
            Some(Platform { architecture: part(node, "architecture")?, os: part(node, "os")? })
        };
        let platforms = |node: &'a Node| node.list()?.iter().map(platform).collect();
        self.read("a list of mappings with architecture and os", platforms).map(Option::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a file that says its version elsewhere.
    fn part(text: &str) -> Options {
        noticed(&yaml::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn a_file_without_a_version_is_none() {
        for text in ["{}", "storage: {delete: {enabled: true}}", "delete: true"] {
            assert_eq!(distribution(text).unwrap_err().to_string(), "version is missing: it must be 0.1");
        }
        for text in ["", "# nothing", "null", "[]"] {
            let error = distribution(text).unwrap_err().to_string();
            assert!(error.contains("it must be a mapping with version: 0.1"), "{text}: {error}");
        }
    }

    #[test]
    fn what_the_server_sets_without_being_told() {
        let server = Options { urls_allow: Some("^$".into()), validate_index: true, ..Options::default() };
        assert_eq!(distribution_untold(), server);
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
        assert_eq!(part(off), Options::default());
        let none = part("validation: {manifests: {indexes: {platforms: none}}}");
        assert!(!none.validate_index);
        assert_eq!(part("validation: {disabled: yes, enabled: yes}"), distribution_untold());
    }

    #[test]
    fn only_deny_leaves_all_else_allowed() {
        let options = part("validation: {manifests: {urls: {deny: [evil]}}}");
        assert_eq!((options.urls_allow, options.urls_deny), (None, Some("(?:evil)".into())));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_one_line_with_its_key() {
        for (text, key) in [
            ("storage: {delete: {enabled: 3}}", "storage.delete.enabled"),
            ("storage: {delete: {enabled: maybe}}", "storage.delete.enabled"),
            (
                "storage: {delete: {enabled: \"yes\"}}",
                "storage.delete.enabled is \"yes\" (line 1); it must be true or false",
            ),
            ("version: 9.9", "version is 9.9 (line 1); it must be 0.1"),
            ("version: 1", "version is 1 (line 1); it must be 0.1"),
            ("storage: {tag: {concurrencylimit: lots}}", "storage.tag.concurrencylimit"),
            ("validation: {manifests: {urls: {allow: x}}}", "validation.manifests.urls.allow"),
            ("validation: {manifests: {indexes: {platforms: some}}}", "validation.manifests.indexes.platforms"),
            (
                "validation: {manifests: {indexes: {platformlist: [amd64]}}}",
                "validation.manifests.indexes.platformlist",
            ),
            ("storage: {delete: {enabled: true}\n", "malformed YAML"),
            ("storage:\n\t- x: [", "malformed YAML"),
        ] {
            let error = yaml::parse(text).and_then(|document| noticed(&document)).unwrap_err().to_string();
            assert!(error.starts_with(key), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
