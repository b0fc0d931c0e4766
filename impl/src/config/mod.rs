//! `distribution`'s own configuration, `config.yml` in the format of its version 3, and what its environment changes of it.
//!
//! [`Config::parse`] makes of both a typed [`Config`], with the defaults of `distribution`'s server, and a list of warnings. What
//! cannot be had is not passed over in silence: the table [`KEYS`] says of each key whether it is supported, warned of, or
//! refuses the whole. The environment is handed in. `docs/config.md` is that table for readers.

mod document;
mod duration;
mod error;
mod http;
mod keys;
mod read;
mod reader;
mod tree;
mod types;
mod validation;

pub use crate::server::UploadPurging;
pub use error::{ConfigError, Warning};
pub use keys::{KEYS, Key, Kind, Standing};
pub use types::{
    Address, Auth, Config, Debugging, Http, Log, LogFormat, LogLevel, Secret, Storage, StorageDriver, Validation,
};

use crate::api::ApiConfig;
use crate::auth::{Authorizer, Htpasswd, HtpasswdError, Token, TokenError};
use crate::builder::RegistryBuilder;
use crate::cache::InMemoryCache;
use crate::driver::{Clock, Driver, Filesystem, FilesystemOptions, Memory};
use crate::sync::Arc;

/// Why nobody could be let in by what the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The file of users cannot be used.
    #[error("auth.htpasswd: {0}")]
    Htpasswd(#[from] HtpasswdError),
    /// Tokens cannot be verified.
    #[error("auth.token: {0}")]
    Token(#[from] TokenError),
}

impl Config {
    /// Reads the text of a `config.yml`, and then the environment: `REGISTRY_STORAGE_DELETE_ENABLED=true`, or a whole section as
    /// YAML. Variables that do not begin with `REGISTRY_` are passed over.
    ///
    /// ```
    /// # use proofhouse_registry::config::Config;
    /// let text = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}}";
    /// let environment = [("REGISTRY_STORAGE_DELETE_ENABLED".to_owned(), "true".to_owned())];
    /// let (config, warnings) = Config::parse(text, environment)?;
    /// assert!(config.storage.delete && warnings.is_empty());
    /// # Ok::<(), proofhouse_registry::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong, or that cannot be had and must not be passed over.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut document = document::parse(text)?;
        read::version(&document)?;
        let mut warnings = document::override_by(&mut document, environment)?;
        warnings.extend(document::check(&document)?);
        let config = read::config(reader::Reader(&document), &mut warnings)?;
        Ok((config, warnings))
    }

    /// The driver that the storage is to be kept by. Nothing is read or written yet.
    #[must_use]
    pub fn driver(&self) -> Arc<dyn Driver> {
        match &self.storage.driver {
            StorageDriver::Filesystem { root, .. } => Arc::new(Filesystem::new(root, FilesystemOptions::default())),
            StorageDriver::InMemory => Arc::new(Memory::default()),
        }
    }

    /// The registry's options, over this storage.
    pub fn builder(&self, driver: Arc<dyn Driver>) -> RegistryBuilder {
        let storage = &self.storage;
        let mut builder = RegistryBuilder::new(driver).tag_lookup_concurrency_limit(storage.tag_lookup_limit.into());
        if storage.delete {
            builder = builder.enable_delete();
        }
        if storage.redirect {
            builder = builder.enable_redirect();
        }
        if let Some(entries) = storage.cached_descriptors {
            builder = builder.blob_descriptor_cache_provider(Some(Arc::new(InMemoryCache::new(entries))));
        }
        if let Some(allow) = &self.validation.urls.allow {
            builder = builder.manifest_urls_allow_regexp(allow.clone());
        }
        if let Some(deny) = &self.validation.urls.deny {
            builder = builder.manifest_urls_deny_regexp(deny.clone());
        }
        if self.validation.indexes.enabled {
            builder = builder.enable_validate_image_index_images_exist();
        }
        self.validation.indexes.platforms.iter().fold(builder, |builder, platform| {
            builder.add_validate_image_index_images_exist_platform(&platform.architecture, &platform.os)
        })
    }

    /// What of the answers it says.
    #[must_use]
    pub fn api_config(&self) -> ApiConfig {
        let default = ApiConfig::default();
        ApiConfig {
            catalog_max: self.catalog_max,
            catalog_default: default.catalog_default.min(self.catalog_max),
            tags_max: Some(self.tags_max),
            ..default
        }
    }

    /// Who decides who may enter; `None`: everybody may. It reads the files, and blocks for as long as the disk does.
    ///
    /// # Errors
    /// A file is missing or cannot be used.
    pub fn authorizer(&self, clock: Arc<dyn Clock>) -> Result<Option<Arc<dyn Authorizer>>, AuthError> {
        Ok(match &self.auth {
            None => None,
            Some(Auth::Htpasswd(options)) => Some(Arc::new(Htpasswd::open(options.clone(), clock)?)),
            Some(Auth::Token(options)) => Some(Arc::new(Token::open(options.clone(), clock)?)),
        })
    }
}
