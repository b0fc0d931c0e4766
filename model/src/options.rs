//! How the registry under specification is set up.
//!
//! [`Options`] has a field for every option of the seed that a client can notice, and for those that it must not
//! notice (the model ignores these; whoever builds the registry sets them). [`Dialect`] says which standard is read.

use serde::{Deserialize, Serialize};

/// A release of the CNCF `distribution` registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Release {
    /// 2.8.
    V2_8,
    /// 3.x.
    V3,
}

/// Which specification is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// Our registry: OCI's MUSTs, and the seed's options exactly. One permitted outcome for every operation.
    Proofhouse,
    /// The OCI distribution-spec 1.1, with all that it permits.
    Oci,
    /// What that release of `distribution` does.
    Distribution(Release),
}

/// An architecture and an os that must be present in an index (`AddValidateImageIndexImagesExistPlatform`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// For example `amd64`.
    pub architecture: String,
    /// For example `linux`.
    pub os: String,
}

/// Which blob descriptor cache the registry has. It must never change an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// None.
    #[default]
    Off,
    /// Two entries.
    Tiny,
    /// As many as a server has.
    Large,
}

/// An access controller that hides one digest from the readers of one repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// The repository.
    pub repo: String,
    /// The digest whose `Stat` is refused there.
    pub digest: String,
}

/// How the registry is set up. `Options::default()` is the library's default: nothing on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// `EnableDelete`.
    pub delete: bool,
    /// `EnableRedirect`, with a driver whose URLs begin with this. None: off.
    pub redirect: Option<String>,
    /// `EnableValidateImageIndexImagesExist`.
    pub validate_index: bool,
    /// `AddValidateImageIndexImagesExistPlatform`, once for each. Without `validate_index` they do nothing.
    pub platforms: Vec<Platform>,
    /// `ManifestURLsAllowRegexp`.
    pub urls_allow: Option<String>,
    /// `ManifestURLsDenyRegexp`.
    pub urls_deny: Option<String>,
    /// The manifest service's option that skips layer verification.
    pub skip_layer_verification: bool,
    /// `BlobDescriptorServiceFactory`: the access controller of the tests.
    pub deny: Option<Deny>,
    /// `BlobDescriptorCacheProvider`. No effect that a client can see.
    pub cache: Cache,
    /// The opposite of `DisableDigestResumption`. No effect that a client can see.
    pub digest_resumption: bool,
    /// `TagLookupConcurrencyLimit`; zero or less is the default. No effect that a client can see.
    pub tag_lookup_limit: i64,
    /// Every repository sees all blobs, or only its own. None: that is found out. To OCI only.
    pub shared_blobs: Option<bool>,
    /// The longest manifest in bytes.
    pub max_manifest_bytes: u64,
    /// The catalog's page without `n`.
    pub catalog_default: u64,
    /// The catalog's largest page.
    pub catalog_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            delete: false,
            redirect: None,
            validate_index: false,
            platforms: Vec::new(),
            urls_allow: None,
            urls_deny: None,
            skip_layer_verification: false,
            deny: None,
            cache: Cache::Off,
            digest_resumption: true,
            tag_lookup_limit: 0,
            shared_blobs: None,
            max_manifest_bytes: 4 * 1024 * 1024,
            catalog_default: 100,
            catalog_max: 1_000,
        }
    }
}
