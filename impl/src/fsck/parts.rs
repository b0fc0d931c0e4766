//! What a manifest consists of, for a check.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest, is_foreign_layer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Everything it names, with the size that it claims.
    pub(super) named: Vec<(Digest, u64)>,
    /// What of this it names as manifests.
    pub(super) entries: BTreeSet<Digest>,
    /// What must be in the repository for an image to be pulled; nothing for a list, which may be sparse.
    pub(super) needed: Vec<Digest>,
    pub(super) subject: Option<Digest>,
}

impl Parts {
    pub(super) fn of(manifest: Manifest) -> Self {
        let own = |layer: &&Descriptor| !is_foreign_layer(&layer.media_type) || layer.urls.is_empty();
        let layers = manifest.layers.iter().filter(own);
        Self {
            named: manifest.references().map(|part| (part.digest.clone(), part.size)).collect(),
            entries: manifest.entries.iter().map(|entry| entry.digest.clone()).collect(),
            needed: manifest.config.iter().chain(layers).map(|part| part.digest.clone()).collect(),
            subject: manifest.subject.map(|subject| subject.digest),
        }
    }
}
