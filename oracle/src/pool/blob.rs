//! Blobs of the pool.

use super::{BlobId, FRESH, Kind, Named, Payload, Pool};

/// How the bytes of a blob are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobSpec {
    /// So many bytes of any value.
    Binary {
        /// In bytes.
        size: u32,
        /// Tells blobs of the same size apart.
        salt: u8,
    },
    /// So many letters.
    Text {
        /// In bytes.
        size: u32,
        /// Tells blobs of the same size apart.
        salt: u8,
    },
    /// An OCI index that names another blob, or nothing: a blob that reads as a manifest.
    Index {
        /// The blob that it names.
        names: Option<BlobId>,
    },
    /// An OCI image manifest whose config is another blob.
    Image {
        /// The config.
        config: BlobId,
    },
}

impl BlobSpec {
    /// The type under which it may be taken for a manifest.
    pub fn manifest_type(self) -> &'static str {
        match self {
            BlobSpec::Index { .. } => Kind::List { docker: false }.media_type(),
            BlobSpec::Binary { .. } | BlobSpec::Text { .. } | BlobSpec::Image { .. } => {
                Kind::Image { docker: false }.media_type()
            }
        }
    }

    /// If it has no bytes, it gets some.
    pub(crate) fn fill(&mut self) {
        if let BlobSpec::Binary { size: size @ 0, .. } | BlobSpec::Text { size: size @ 0, .. } = self {
            *size = FRESH;
        }
    }

    pub(super) fn render(self, pool: &Pool) -> Vec<u8> {
        let fresh = pool.spec.salt;
        // Fewer bytes than these are soon the same again.
        let least = if fresh == 0 { 0 } else { FRESH };
        let size_of = |size: u32| if size == 0 { 0 } else { size.max(least) };
        match self {
            BlobSpec::Binary { size, salt } => noise(size_of(size), salt, fresh).collect(),
            BlobSpec::Text { size, salt } => noise(size_of(size), salt, fresh).map(|byte| b'a' + byte % 26).collect(),
            BlobSpec::Index { names } => {
                let entry = names.and_then(|blob| named(pool, blob)).map(|(digest, size)| {
                    format!(r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":{size}}}"#)
                });
                let entry = entry.unwrap_or_default();
                format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{entry}]}}{}"#, blanks(fresh))
                    .into_bytes()
            }
            BlobSpec::Image { config } => {
                let (digest, size) = named(pool, config).unwrap_or_else(|| (pool.digest(Named::Unknown(9)), 1));
                format!(
                    r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{size}}},"layers":[]}}{}"#,
                    blanks(fresh)
                )
                .into_bytes()
            }
        }
    }
}

/// Digest and size of a blob, if there is one yet.
fn named(pool: &Pool, blob: BlobId) -> Option<(String, u64)> {
    if pool.blobs.is_empty() {
        return None;
    }
    let payload = Payload::Blob(blob);
    Some((pool.digest(Named::blob(blob)), pool.bytes(payload).size()))
}

/// What may stand after a document and says nothing: so much of a pool's salt as is needed to make it another.
pub(super) fn blanks(salt: u64) -> String {
    let bits = if salt == 0 { 0 } else { 24 };
    (0..bits).map(|bit| if salt >> bit & 1 == 1 { '\t' } else { ' ' }).collect()
}

/// A linear congruential generator is noise enough here, and the same everywhere.
fn noise(size: u32, salt: u8, fresh: u64) -> impl Iterator<Item = u8> {
    let mut state = u64::from(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(size) ^ fresh.rotate_left(32);
    (0..size).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}
