//! Dialect and options, checked once.

use regex::Regex;

use crate::names::is_web_url;
use crate::{Dialect, Options, Platform};

/// A dialect and options whose patterns compile.
#[derive(Debug, Clone)]
pub struct Specification {
    dialect: Dialect,
    options: Options,
    allow: Option<Regex>,
    deny: Option<Regex>,
}

/// An option that cannot be: which, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {option}: {reason}")]
pub struct OptionsError {
    /// The option's name.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Specification {
    /// Compiles the patterns. Errors: one that is no regular expression.
    pub fn new(dialect: Dialect, options: Options) -> Result<Specification, OptionsError> {
        let compile = |option, pattern: &Option<String>| {
            let reason = |error: regex::Error| OptionsError {
                option,
                reason: error.to_string().lines().last().unwrap_or_default().to_owned(),
            };
            pattern.as_deref().map(Regex::new).transpose().map_err(reason)
        };
        let allow = compile("urls_allow", &options.urls_allow)?;
        let deny = compile("urls_deny", &options.urls_deny)?;
        Ok(Specification { dialect, options, allow, deny })
    }

    /// Which standard is read.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How the registry is set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// May a foreign layer have this URL? `http` or `https`, a host, no fragment, allowed and not denied.
    pub(crate) fn permits_url(&self, url: &str) -> bool {
        let allowed = self.allow.as_ref().is_none_or(|allow| allow.is_match(url));
        let denied = self.deny.as_ref().is_some_and(|deny| deny.is_match(url));
        is_web_url(url) && allowed && !denied
    }

    /// Must an entry of this platform exist? (`EnableValidateImageIndexImagesExist` and its platforms.)
    pub(crate) fn selects(&self, platform: Option<&Platform>) -> bool {
        let filters = &self.options.platforms;
        self.options.validate_index && (filters.is_empty() || platform.is_some_and(|it| filters.contains(it)))
    }

    /// Does the access controller hide the digest in that repository?
    pub(crate) fn hides(&self, repo: &str, digest: &str) -> bool {
        self.options.deny.as_ref().is_some_and(|deny| deny.repo == repo && deny.digest == digest)
    }
}
