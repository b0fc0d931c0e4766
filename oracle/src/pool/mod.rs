//! The few things that the operations of a case are about.
//!
//! A [`Pool`] holds three repositories, four tags, at most six blobs and eight manifests, so that subjects collide and faults
//! of linkage show. Everything is named by its place in the pool; bytes and digests are functions of the
//! specifications alone ([`PoolSpec`]). A manifest names only what stands before it, so every digest can be computed.
//! Shrinking makes a specification smaller and renames nothing.

use std::cell::OnceCell;

use proofhouse_model::Content;
use sha2::{Digest as _, Sha256, Sha512};

mod blob;
mod document;
mod manifest;
mod oddity;

pub use blob::BlobSpec;
pub use manifest::{
    Annotations, Body, EntrySpec, Kind, LayerKind, LayerSpec, Layout, ManifestSpec, PlatformSpec, Reference, Size,
    URLS, Urls,
};
pub use oddity::{Edit, ODDITIES, Oddity, Place};

/// Names of repositories that are worth having side by side: nested ones, and those whose order is not that of their bytes.
pub const REPOSITORY_SETS: &[[&str; 3]] = &[
    ["zz", "zz/a", "zz-b"],
    ["zz", "zz.b", "zz_c"],
    ["a", "a/b", "a/b/c"],
    ["a/b/c", "a-b", "a.b/c"],
    ["zz/a", "zz-b/a", "zz__c"],
    ["library/ubuntu", "library", "mirror/library/ubuntu"],
    // None below another: distribution 2.8 loses such from its catalog (docs/peers/).
    ["0", "a/0", "0a-1/2"],
];

/// Tags that are easily confused.
pub const TAG_SETS: &[[&str; 4]] = &[
    ["latest", "v1", "v1.0", "Z_x"],
    ["latest", "LATEST", "Latest", "_"],
    ["v1", "v1-", "v1.", "V1"],
    ["a", "A", "a.b", "0"],
];

/// A repository of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoId(pub u8);

/// A tag of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagId(pub u8);

/// A blob of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub u8);

/// A manifest of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestId(pub u8);

/// How a digest is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `sha256`.
    Sha256,
    /// `sha512`.
    Sha512,
}

/// Bytes of the pool. Either kind can be pushed as a blob or as a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payload {
    /// Those of a blob.
    Blob(BlobId),
    /// Those of a manifest.
    Manifest(ManifestId),
}

/// A digest, or what is nearly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// Of something in the pool.
    Of(Payload, Algorithm),
    /// Well-formed, but of nothing in the pool.
    Unknown(u8),
    /// Not well-formed; a number into [`MALFORMED_DIGESTS`].
    Malformed(u8),
}

impl Named {
    /// The sha256 digest of a blob.
    pub fn blob(blob: BlobId) -> Named {
        Named::Of(Payload::Blob(blob), Algorithm::Sha256)
    }

    /// The sha256 digest of a manifest.
    pub fn manifest(manifest: ManifestId) -> Named {
        Named::Of(Payload::Manifest(manifest), Algorithm::Sha256)
    }
}

/// What is no digest, though some parser might think so.
pub const MALFORMED_DIGESTS: &[&str] = &[
    "sha256:",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
    "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:../../../../etc/passwd",
    "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
    ":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// Names that no repository has.
pub const ODD_REPOSITORIES: &[&str] =
    &["", "Library", "a//b", "/a", "a/", "a___b", "a..b", "-a", "a-", "../a", "a/_layers", "a b", "ü", "a:b"];

/// Tags that nothing can have. None has a `:`, for that would be a digest.
pub const ODD_TAGS: &[&str] = &["", ".hidden", "-dash", "a/b", "..", "a b", "ü", "a+b", "a%2Fb"];

/// What a pool is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSpec {
    /// Names of repositories.
    pub repositories: Vec<&'static str>,
    /// Tags.
    pub tags: Vec<&'static str>,
    /// Blobs; a document among them names only earlier ones.
    pub blobs: Vec<BlobSpec>,
    /// Manifests; each names blobs, and manifests before it.
    pub manifests: Vec<ManifestSpec>,
    /// 0, or what makes the bytes others than those of the same specification with another salt: a registry that keeps contents
    /// whoever pushed them has not seen these. The empty blob is the same, and one of fewer than eight bytes gets eight.
    pub salt: u64,
}

/// Of so many bytes and more, a blob with a salt is another than with any other salt.
pub(crate) const FRESH: u32 = 8;

/// Bytes with their digests.
#[derive(Debug, Clone)]
struct Rendered {
    bytes: Content,
    sha256: String,
    /// Wanted rarely.
    sha512: OnceCell<String>,
}

impl Rendered {
    fn new(bytes: Vec<u8>) -> Self {
        Rendered { sha256: digest(Algorithm::Sha256, &bytes), bytes: Content::from(bytes), sha512: OnceCell::new() }
    }

    fn digest(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => self.sha512.get_or_init(|| digest(algorithm, &self.bytes)),
        }
    }
}

/// A pool with all its bytes.
#[derive(Debug, Clone)]
pub struct Pool {
    spec: PoolSpec,
    blobs: Vec<Rendered>,
    manifests: Vec<Rendered>,
}

impl Pool {
    /// Renders every blob and manifest. An empty list of any kind gets one element, so that every id means something.
    pub fn new(mut spec: PoolSpec) -> Pool {
        if spec.repositories.is_empty() {
            spec.repositories.push("a");
        }
        if spec.tags.is_empty() {
            spec.tags.push("latest");
        }
        if spec.blobs.is_empty() {
            spec.blobs.push(BlobSpec::Text { size: 2, salt: 0 });
        }
        if spec.manifests.is_empty() {
            spec.manifests.push(ManifestSpec::default());
        }
        let mut pool = Pool { blobs: Vec::new(), manifests: Vec::new(), spec };
        for at in 0..pool.spec.blobs.len() {
            let bytes = pool.spec.blobs[at].render(&pool);
            pool.blobs.push(Rendered::new(bytes));
        }
        for at in 0..pool.spec.manifests.len() {
            let bytes = pool.spec.manifests[at].render(&pool);
            pool.manifests.push(Rendered::new(bytes));
        }
        pool
    }

    /// The same things, made of other bytes.
    pub fn salted(&self, salt: u64) -> Pool {
        Pool::new(PoolSpec { salt, ..self.spec.clone() })
    }

    /// What it was made from.
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// The name of a repository. Numbers beyond the end wrap around, here and below.
    pub fn repository(&self, repo: RepoId) -> &'static str {
        self.spec.repositories[usize::from(repo.0) % self.spec.repositories.len()]
    }

    /// A tag.
    pub fn tag(&self, tag: TagId) -> &'static str {
        self.spec.tags[usize::from(tag.0) % self.spec.tags.len()]
    }

    /// How a blob is made.
    pub fn blob(&self, blob: BlobId) -> BlobSpec {
        self.spec.blobs[usize::from(blob.0) % self.spec.blobs.len()]
    }

    /// How a manifest is made.
    pub fn manifest(&self, manifest: ManifestId) -> &ManifestSpec {
        &self.spec.manifests[usize::from(manifest.0) % self.spec.manifests.len()]
    }

    /// Every repository.
    pub fn repository_ids(&self) -> impl Iterator<Item = RepoId> + use<> {
        ids(self.spec.repositories.len()).map(RepoId)
    }

    /// Every tag.
    pub fn tag_ids(&self) -> impl Iterator<Item = TagId> + use<> {
        ids(self.spec.tags.len()).map(TagId)
    }

    /// Every blob.
    pub fn blob_ids(&self) -> impl Iterator<Item = BlobId> + use<> {
        ids(self.spec.blobs.len()).map(BlobId)
    }

    /// Every manifest.
    pub fn manifest_ids(&self) -> impl Iterator<Item = ManifestId> + use<> {
        ids(self.spec.manifests.len()).map(ManifestId)
    }

    /// Every blob and every manifest.
    pub fn payloads(&self) -> impl Iterator<Item = Payload> + use<> {
        self.blob_ids().map(Payload::Blob).chain(self.manifest_ids().map(Payload::Manifest))
    }

    /// The bytes of a blob or manifest.
    pub fn bytes(&self, payload: Payload) -> &Content {
        &self.rendered(payload).bytes
    }

    /// The digest as text, well-formed or not.
    pub fn digest(&self, named: Named) -> String {
        match named {
            Named::Of(payload, algorithm) => self.rendered(payload).digest(algorithm).to_owned(),
            Named::Unknown(salt) if self.spec.salt == 0 => digest(Algorithm::Sha256, &[b'?', salt]),
            // What does not believe in digests may have something under those of other cases.
            Named::Unknown(salt) => {
                digest(Algorithm::Sha256, &[&[b'?', salt], &self.spec.salt.to_le_bytes()[..]].concat())
            }
            Named::Malformed(at) => pick(MALFORMED_DIGESTS, at).to_owned(),
        }
    }

    /// What has this digest, if anything in the pool has.
    pub fn find(&self, digest: &str) -> Option<(Payload, Algorithm)> {
        let algorithm = if digest.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 };
        // The first of equal ones is found, whatever their number.
        let payload = self.payloads().find(|payload| self.rendered(*payload).digest(algorithm) == digest)?;
        Some((payload, algorithm))
    }

    /// While the pool is being rendered, what is not there yet counts as the first blob.
    fn rendered(&self, payload: Payload) -> &Rendered {
        match payload {
            Payload::Blob(blob) => &self.blobs[usize::from(blob.0) % self.blobs.len()],
            Payload::Manifest(manifest) if self.manifests.is_empty() => {
                &self.blobs[usize::from(manifest.0) % self.blobs.len()]
            }
            Payload::Manifest(manifest) => &self.manifests[usize::from(manifest.0) % self.manifests.len()],
        }
    }
}

fn ids(count: usize) -> impl Iterator<Item = u8> {
    (0..=u8::MAX).take(count)
}

/// An element of a table; numbers beyond its end wrap around.
pub(crate) fn pick<'a>(table: &[&'a str], at: u8) -> &'a str {
    table[usize::from(at) % table.len()]
}

/// The digest of `bytes`, as text.
pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> String {
    fn text(name: &str, hash: &[u8]) -> String {
        let mut text = String::with_capacity(name.len() + 1 + 2 * hash.len());
        text.push_str(name);
        text.push(':');
        for byte in hash {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
            }
        }
        text
    }
    match algorithm {
        Algorithm::Sha256 => text("sha256", &Sha256::digest(bytes)),
        Algorithm::Sha512 => text("sha512", &Sha512::digest(bytes)),
    }
}

#[cfg(test)]
mod tests;
