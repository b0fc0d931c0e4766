//! Where everything stands on disk.
//!
//! The layout is that of the CNCF distribution registry, so that either can open what the other wrote; ours adds the referrer
//! links, the incoming bytes and, in an upload, `moved` and `rewritten`, which distribution ignores. Nothing here touches a driver. Names, tags,
//! digests and upload ids were checked when they were parsed, so every path is well-formed.
//!
//! ```text
//! blobs/<alg>/<first two hex>/<hex>/data
//! incoming/<id>
//! repositories/<name>/_layers/<alg>/<hex>/link
//! repositories/<name>/_manifests/revisions/<alg>/<hex>/link
//! repositories/<name>/_manifests/tags/<tag>/current/link
//! repositories/<name>/_manifests/tags/<tag>/index/<alg>/<hex>/link
//! repositories/<name>/_manifests/referrers/<alg>/<subject hex>/<alg>/<hex>/link
//! repositories/<name>/_uploads/<id>/{data,startedat,hashstates/<alg>/<offset>,moved,rewritten}
//! ```

use crate::blob::UploadId;
use crate::digest::{Algorithm, Digest};
use crate::driver::StoragePath;
use crate::name::{RepositoryName, Tag};

/// Everything stands below this.
pub const ROOT: &str = "/docker/registry/v2";

/// The name of the directory of all blobs.
pub const BLOBS: &str = "blobs";
/// The name of the directory of all repositories.
pub const REPOSITORIES: &str = "repositories";
/// The directory of a repository's blob links.
pub const LAYERS: &str = "_layers";
/// The directory of a repository's manifests and tags. Where it stands, the catalog lists the repository.
pub const MANIFESTS: &str = "_manifests";
/// The directory of a repository's open uploads.
pub const UPLOADS: &str = "_uploads";

fn path(text: &str) -> StoragePath {
    StoragePath::new(text).expect("the parts of a layout path were checked when they were parsed")
}

macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) = $($format:expr),+;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name($($arg: $type),*) -> StoragePath { path(&format!($($format),+)) })*
    };
}

paths! {
    /// What everything stands below.
    root() = "{ROOT}";
    /// All blobs, by algorithm.
    blobs() = "{ROOT}/{BLOBS}";
    /// The blobs of one algorithm, by the first two digits.
    blobs_of(algorithm: Algorithm) = "{ROOT}/blobs/{algorithm}";
    /// The directory of one blob.
    blob(digest: &Digest) = "{ROOT}/blobs/{}/{}/{}", digest.algorithm(), &digest.hex()[..2], digest.hex();
    /// Where a check puts bytes that are not those of the digest. Ours; nothing looks for them there.
    damaged(digest: &Digest) = "{ROOT}/damaged/{}/{}", digest.algorithm(), digest.hex();
    /// The bytes of a blob.
    blob_data(digest: &Digest) = "{ROOT}/blobs/{}/{}/{}/data", digest.algorithm(), &digest.hex()[..2], digest.hex();

    /// Where large blobs wait that come in one request. Ours.
    all_incoming() = "{ROOT}/incoming";
    /// The bytes of one of them, as far as they have come.
    incoming(id: &UploadId) = "{ROOT}/incoming/{id}";

    /// All repositories, nested as their names are.
    repositories() = "{ROOT}/{REPOSITORIES}";
    /// One repository, and those nested below it.
    repository(name: &RepositoryName) = "{ROOT}/repositories/{name}";

    /// The blob links of a repository, by algorithm.
    layers(name: &RepositoryName) = "{ROOT}/repositories/{name}/_layers";
    /// The directory of one blob link.
    layer(name: &RepositoryName, digest: &Digest) =
        "{ROOT}/repositories/{name}/_layers/{}/{}", digest.algorithm(), digest.hex();
    /// The link that gives a repository a blob.
    layer_link(name: &RepositoryName, digest: &Digest) =
        "{ROOT}/repositories/{name}/_layers/{}/{}/link", digest.algorithm(), digest.hex();

    /// A repository's manifests: revisions, tags, referrers.
    manifests(name: &RepositoryName) = "{ROOT}/repositories/{name}/_manifests";
    /// The revisions of a repository, by algorithm.
    revisions(name: &RepositoryName) = "{ROOT}/repositories/{name}/_manifests/revisions";
    /// The directory of one revision.
    revision(name: &RepositoryName, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/revisions/{}/{}", digest.algorithm(), digest.hex();
    /// The link that gives a repository a manifest.
    revision_link(name: &RepositoryName, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/revisions/{}/{}/link", digest.algorithm(), digest.hex();

    /// The tags of a repository.
    tags(name: &RepositoryName) = "{ROOT}/repositories/{name}/_manifests/tags";
    /// The directory of one tag.
    tag(name: &RepositoryName, tag: &Tag) = "{ROOT}/repositories/{name}/_manifests/tags/{tag}";
    /// The link to what a tag points to.
    tag_current(name: &RepositoryName, tag: &Tag) = "{ROOT}/repositories/{name}/_manifests/tags/{tag}/current/link";
    /// What a tag ever pointed to, by algorithm.
    tag_index(name: &RepositoryName, tag: &Tag) = "{ROOT}/repositories/{name}/_manifests/tags/{tag}/index";
    /// The directory of one entry of a tag's history.
    tag_entry(name: &RepositoryName, tag: &Tag, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/tags/{tag}/index/{}/{}", digest.algorithm(), digest.hex();
    /// One entry of a tag's history.
    tag_entry_link(name: &RepositoryName, tag: &Tag, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/tags/{tag}/index/{}/{}/link", digest.algorithm(), digest.hex();

    /// The referrers of a repository, by the subjects' algorithm.
    all_referrers(name: &RepositoryName) = "{ROOT}/repositories/{name}/_manifests/referrers";
    /// The referrers of one subject, by algorithm.
    referrers(name: &RepositoryName, subject: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/referrers/{}/{}", subject.algorithm(), subject.hex();
    /// The directory of one referrer.
    referrer(name: &RepositoryName, subject: &Digest, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/referrers/{}/{}/{}/{}",
        subject.algorithm(), subject.hex(), digest.algorithm(), digest.hex();
    /// The link from a subject to one of its referrers.
    referrer_link(name: &RepositoryName, subject: &Digest, digest: &Digest) =
        "{ROOT}/repositories/{name}/_manifests/referrers/{}/{}/{}/{}/link",
        subject.algorithm(), subject.hex(), digest.algorithm(), digest.hex();

    /// The open uploads of a repository.
    uploads(name: &RepositoryName) = "{ROOT}/repositories/{name}/_uploads";
    /// The directory of one upload.
    upload(name: &RepositoryName, id: &UploadId) = "{ROOT}/repositories/{name}/_uploads/{id}";
    /// The bytes that an upload has so far; missing when it has none.
    upload_data(name: &RepositoryName, id: &UploadId) = "{ROOT}/repositories/{name}/_uploads/{id}/data";
    /// When an upload started, as RFC 3339. An upload is open exactly while this stands.
    upload_started_at(name: &RepositoryName, id: &UploadId) = "{ROOT}/repositories/{name}/_uploads/{id}/startedat";
    /// A link to the blob that the upload's bytes have become, while a finish is on its way. Ours.
    upload_moved(name: &RepositoryName, id: &UploadId) = "{ROOT}/repositories/{name}/_uploads/{id}/moved";
    /// The next version of the bytes, while they are being cut back or brought back. Ours.
    upload_rewritten(name: &RepositoryName, id: &UploadId) = "{ROOT}/repositories/{name}/_uploads/{id}/rewritten";
    /// The sleeping hashers of an upload, by offset.
    hash_states(name: &RepositoryName, id: &UploadId, algorithm: Algorithm) =
        "{ROOT}/repositories/{name}/_uploads/{id}/hashstates/{algorithm}";
    /// The sleeping hasher that has seen `offset` bytes.
    hash_state(name: &RepositoryName, id: &UploadId, algorithm: Algorithm, offset: u64) =
        "{ROOT}/repositories/{name}/_uploads/{id}/hashstates/{algorithm}/{offset}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_distribution() {
        let name: RepositoryName = "library/alpine".parse().unwrap();
        let tag: Tag = "3.20".parse().unwrap();
        let id: UploadId = "b9b3f7a2".parse().unwrap();
        let digest = Digest::of(Algorithm::Sha256, b"");
        let subject = Digest::of(Algorithm::Sha512, b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let repository = "/docker/registry/v2/repositories/library/alpine";
        assert_eq!(blob_data(&digest).as_str(), format!("/docker/registry/v2/blobs/sha256/e3/{hex}/data"));
        assert_eq!(layer_link(&name, &digest).as_str(), format!("{repository}/_layers/sha256/{hex}/link"));
        assert_eq!(
            revision_link(&name, &digest).as_str(),
            format!("{repository}/_manifests/revisions/sha256/{hex}/link")
        );
        assert_eq!(tag_current(&name, &tag).as_str(), format!("{repository}/_manifests/tags/3.20/current/link"));
        assert_eq!(
            tag_entry_link(&name, &tag, &digest).as_str(),
            format!("{repository}/_manifests/tags/3.20/index/sha256/{hex}/link")
        );
        assert_eq!(
            referrer_link(&name, &subject, &digest).as_str(),
            format!("{repository}/_manifests/referrers/sha512/{}/sha256/{hex}/link", subject.hex())
        );
        assert_eq!(incoming(&id).parent(), Some(all_incoming()));
        assert_eq!(upload_data(&name, &id).as_str(), format!("{repository}/_uploads/b9b3f7a2/data"));
        assert_eq!(
            hash_state(&name, &id, Algorithm::Sha256, 12).as_str(),
            format!("{repository}/_uploads/b9b3f7a2/hashstates/sha256/12")
        );
    }

    #[test]
    fn a_directory_is_the_parent_of_its_link() {
        let name: RepositoryName = "a".parse().unwrap();
        let tag: Tag = "t".parse().unwrap();
        let digest = Digest::of(Algorithm::Sha512, b"x");
        for (directory, link) in [
            (blob(&digest), blob_data(&digest)),
            (layer(&name, &digest), layer_link(&name, &digest)),
            (revision(&name, &digest), revision_link(&name, &digest)),
            (tag_entry(&name, &tag, &digest), tag_entry_link(&name, &tag, &digest)),
            (referrer(&name, &digest, &digest), referrer_link(&name, &digest, &digest)),
        ] {
            assert_eq!(link.parent(), Some(directory));
        }
    }
}
