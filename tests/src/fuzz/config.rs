//! Any text as a `config.yml`, and what follows a NUL as the environment, a variable a line.
//!
//! The registry reads it to be run by it, the oracle to know what a registry will do that is. Both have a reader of their own. What
//! the registry takes the oracle must read, and say the same of it.

use std::sync::Arc;

use proofhouse_model::{Cache, Options, Platform};
use proofhouse_registry::config::Config;
use proofhouse_registry::driver::Memory;

use super::Taken;

/// Reads the text by both, and sets a registry's builder up by what it says. (No option of it can fail then, and to build the
/// registry as well is what every other target does.)
///
/// # Panics
/// Where they disagree.
pub fn config_yaml(data: &[u8]) -> Taken {
    let Ok(text) = std::str::from_utf8(data) else { return Taken::No };
    let (text, environment) = text.split_once('\0').unwrap_or((text, ""));
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Ok((config, _)) = Config::parse(text, variables) else { return Taken::No };
    let api = config.api_config();
    drop(config.builder(Arc::new(Memory::default())));
    if environment.is_empty() {
        let options = match proofhouse::config::distribution(text) {
            Ok(options) => options,
            Err(error) => panic!("the registry takes what the oracle cannot read, {error}: {text}"),
        };
        let platforms = config.validation.indexes.platforms.iter();
        let ours = Options {
            delete: config.storage.delete,
            tag_lookup_limit: config.storage.tag_lookup_limit.into(),
            catalog_max: api.catalog_max as u64,
            catalog_default: api.catalog_default as u64,
            validate_index: config.validation.indexes.enabled,
            platforms: platforms
                .map(|it| Platform { architecture: it.architecture.clone(), os: it.os.clone() })
                .collect(),
            cache: if config.storage.cached_descriptors.is_some() { Cache::Large } else { Cache::Off },
            urls_allow: options.urls_allow.clone(),
            urls_deny: options.urls_deny.clone(),
            ..options.clone()
        };
        assert_eq!(ours, options, "{text}");
        let url = "https://allowed.example/layer";
        for (what, ours, theirs) in [
            ("allow", &config.validation.urls.allow, &options.urls_allow),
            ("deny", &config.validation.urls.deny, &options.urls_deny),
        ] {
            assert_eq!(ours.is_some(), theirs.is_some(), "{what}: {text}");
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let theirs = regex::Regex::new(theirs).expect("the registry has read it");
                assert_eq!(ours.is_match(url), theirs.is_match(url), "{what}: {text}");
            }
        }
    }
    Taken::Yes
}
