//! What of a manifest is checked: the URLs of its foreign layers, and the entries of an index.

use regex::Regex;

use super::error::{ConfigError, Warning, one_line};
use super::reader::{Entry, Reader};
use super::types::Validation;
use crate::manifest::{IndexValidation, PlatformFilter, UrlRules};

#[derive(Clone, Copy)]
enum Platforms {
    All,
    None,
    List,
}

pub(super) fn validation(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Validation, ConfigError> {
    let enabled = reader.at("validation.enabled").flag()?;
    let disabled = reader.at("validation.disabled").flag()?;
    // Read in any case, so that a mistake shows now and not on the day when validation is switched on.
    let (urls, indexes) = (urls(reader)?, indexes(reader, warnings)?);
    if enabled || !disabled {
        Ok(Validation { urls, indexes })
    } else {
        Ok(Validation { urls: UrlRules::default(), indexes: IndexValidation::default() })
    }
}

fn urls(reader: Reader<'_>) -> Result<UrlRules, ConfigError> {
    let allow = pattern(reader.at("validation.manifests.urls.allow"))?;
    let deny = pattern(reader.at("validation.manifests.urls.deny"))?;
    if allow.is_none() && deny.is_none() {
        // No URL is empty: nothing is allowed.
        let nothing = Regex::new("^$").expect("a pattern that was written here");
        return Ok(UrlRules { allow: Some(nothing), deny: None });
    }
    Ok(UrlRules { allow, deny })
}

/// One pattern that matches what any of them matches.
fn pattern(entry: Entry<'_>) -> Result<Option<Regex>, ConfigError> {
    let patterns = entry.texts()?;
    let failed = |error: &regex::Error| entry.unusable(one_line(&error.to_string()));
    for pattern in &patterns {
        // One by one first: `a)|(b` is no pattern, though it is one within parentheses.
        Regex::new(pattern).map_err(|error| failed(&error))?;
    }
    let grouped: Vec<_> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    let joined = (!grouped.is_empty()).then(|| Regex::new(&grouped.join("|")));
    joined.transpose().map_err(|error| failed(&error))
}

fn indexes(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<IndexValidation, ConfigError> {
    let words = [("all", Platforms::All), ("none", Platforms::None), ("list", Platforms::List)];
    let platforms = reader.at("validation.manifests.indexes.platforms").word(&words, "all, none or list")?;
    let wanted = "a list of mappings with architecture and os";
    let entry = reader.at("validation.manifests.indexes.platformlist");
    let list = entry.records(["architecture", "os"], wanted)?;
    if list.is_empty() && matches!(platforms, Some(Platforms::List)) {
        warnings.push(Warning::new(entry.path, "the list is empty, so the images of every platform must exist"));
    }
    Ok(match platforms.unwrap_or(Platforms::All) {
        Platforms::All => IndexValidation { enabled: true, platforms: Vec::new() },
        Platforms::None => IndexValidation::default(),
        Platforms::List => IndexValidation {
            enabled: true,
            platforms: list.into_iter().map(|[architecture, os]| PlatformFilter::new(architecture, os)).collect(),
        },
    })
}
