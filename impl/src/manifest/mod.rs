//! Manifests: what they may look like, and what they name.
//!
//! [`read()`] takes the bytes that a client sent under one of four types ([`ManifestType`]) and either gives what they say
//! ([`Manifest`]) or why they are refused ([`Malformed`]). [`derive_type`] finds the type of bytes that are stored already.
//! [`UrlRules`] and [`IndexValidation`] answer what of a manifest must exist before it may be stored.
//!
//! Source of every rule: `docs/behaviour.md`, "Reading a manifest" and "Storing a manifest".

use std::collections::BTreeMap;

use crate::digest::Digest;

mod derive;
mod malformed;
mod mediatype;
mod platforms;
mod read;
mod shape;
mod urls;
mod walk;

pub use derive::derive_type;
pub use malformed::{Found, Malformed, Pointer, Wanted};
pub use mediatype::{ManifestType, is_foreign_layer};
pub use platforms::{IndexValidation, PlatformFilter};
pub use read::read;
pub use urls::{LayerDuty, RefusedLayer, RefusedUrl, UrlRules};

/// How deep objects and arrays may nest, the document itself being the first level.
pub const MAX_DEPTH: usize = 64;

/// What a manifest says, as far as a registry reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The type it was read as.
    pub kind: ManifestType,
    /// The configuration of an image; none in a list.
    pub config: Option<Descriptor>,
    /// The layers of an image, in order; none in a list.
    pub layers: Vec<Descriptor>,
    /// The entries of a list, in order; none in an image.
    pub entries: Vec<Descriptor>,
    /// The manifest that this one is about. OCI types only.
    pub subject: Option<Descriptor>,
    /// `artifactType` as it stands there, perhaps empty. OCI types only.
    pub artifact_type: Option<String>,
    /// `annotations`, unless absent or null. OCI types only.
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Everything it consists of, in document order: configuration and layers, or entries. The subject is no part of it.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).chain(&self.entries)
    }

    /// The artifact type that a list of referrers shows: `artifactType` if it is not empty; else an image shows the media type of
    /// its configuration and an index shows none (OCI distribution-spec 1.1, "Listing Referrers").
    #[must_use]
    pub fn referrer_artifact_type(&self) -> Option<&str> {
        match self.artifact_type.as_deref() {
            Some(artifact_type) if !artifact_type.is_empty() => Some(artifact_type),
            _ => self.config.as_ref().map(|config| config.media_type.as_str()),
        }
    }
}

/// How a manifest names other content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The type of the content, as it stands there.
    pub media_type: String,
    /// Which content.
    pub digest: Digest,
    /// Its size in bytes, as the manifest claims; at most 2^63-1.
    pub size: u64,
    /// Where else it may be fetched; empty if there are none.
    pub urls: Vec<String>,
    /// For entries of lists that have one: the platform the image is for.
    pub platform: Option<Platform>,
}

/// What an image runs on. What is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// For instance `amd64`.
    pub architecture: String,
    /// For instance `linux`.
    pub os: String,
}
