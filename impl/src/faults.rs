//! Ways to be wrong on purpose.
//!
//! Each [`Fault`] breaks one rule. With the cargo feature `faults` a registry can be built with some of them
//! (`RegistryBuilder::fault`), and the suites must notice every one: so much for the suites. Without the feature
//! `Faults::has` is `false` at compile time and nothing of this remains.

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal $([$report:literal])?,)+) => {
        /// A rule that the registry can be told to break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)+ }

        impl Fault {
            /// Every fault there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// A stable name, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it breaks, in a sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Where somebody met such a fault in another registry: a CVE, or an issue or pull request on GitHub; if one is known.
            #[must_use]
            pub const fn report(self) -> Option<&'static str> {
                match self { $(Self::$name => first(&[$($report)?]),)+ }
            }
        }
    };
}

/// The only one, if there is one.
const fn first(reports: &[&'static str]) -> Option<&'static str> {
    match reports {
        [report, ..] => Some(report),
        [] => None,
    }
}

faults! {
    /// A blob is served to every repository, linked or not.
    LinkIgnored = "link-ignored" ["openshift/origin#9819"],
    /// A manifest is served to every repository, linked or not.
    RevisionIgnored = "revision-ignored",
    /// Deleting a blob removes its bytes, for every repository.
    BlobDeleteRemovesBytes = "blob-delete-removes-bytes",
    /// Deleting a blob leaves its link.
    BlobDeleteKeepsLink = "blob-delete-keeps-link" ["project-zot/zot#1733"],
    /// A mount takes any blob that is on disk, whatever `from` links.
    MountIgnoresFrom = "mount-ignores-from",
    /// A mount answers success without linking the blob.
    MountWithoutLink = "mount-without-link",
    /// A mount of what `from` does not have is refused; no upload is started instead.
    MountUnknownRefused = "mount-unknown-refused",
    /// The last byte of a range is left out.
    RangeShort = "range-short" ["docker-archive/docker-registry#348"],
    /// A range that ends behind the end of the blob is refused, not cut.
    RangePastEndRefused = "range-past-end-refused",
    /// An upload is linked before its content was hashed, and stays so when the digest is wrong.
    LinkBeforeVerify = "link-before-verify",
    /// A blob that comes in one request is stored whatever it hashes to.
    PutUnverified = "put-unverified",
    /// A blob without bytes is refused.
    EmptyBlobRefused = "empty-blob-refused" ["devcontainers/cli#814"],
    /// A chunk out of order is appended.
    ChunkOrderIgnored = "chunk-order-ignored" ["distribution/distribution#3141"],
    /// A chunk whose length disagrees with its range is appended.
    ChunkLengthIgnored = "chunk-length-ignored",
    /// The bytes that come with a finish are dropped.
    LastChunkDropped = "last-chunk-dropped",
    /// A finished upload can be used again.
    FinishKeepsUpload = "finish-keeps-upload",
    /// A finish with the wrong digest closes the upload.
    WrongDigestClosesUpload = "wrong-digest-closes-upload",
    /// A cancelled upload can be used again.
    CancelKeepsUpload = "cancel-keeps-upload",
    /// An upload is known in every repository.
    UploadAnyRepository = "upload-any-repository",
    /// A stored hash state is used whatever its offset.
    HashStateOffsetIgnored = "hash-state-offset-ignored",
    /// The `mediaType` of a Docker manifest is not checked.
    DockerMediaTypeIgnored = "docker-media-type-ignored" ["CVE-2021-41190"],
    /// The config of an OCI image need not exist.
    OciConfigUnverified = "oci-config-unverified",
    /// The last layer of an image need not exist.
    LastLayerUnverified = "last-layer-unverified",
    /// The entries of a Docker list need not exist, whatever the validation.
    DockerListUnverified = "docker-list-unverified",
    /// An OCI index with `layers` is taken.
    IndexWithLayersTaken = "index-with-layers-taken" ["CVE-2021-41190"],
    /// An OCI image with `manifests` is taken.
    ImageWithManifestsTaken = "image-with-manifests-taken" ["CVE-2021-41190"],
    /// An index that does not say its type is served as an image.
    IndexServedAsImage = "index-served-as-image",
    /// Only the first missing reference is reported.
    FirstMissingOnly = "first-missing-only",
    /// The subject of a manifest must exist.
    SubjectRequired = "subject-required" ["opencontainers/distribution-spec#459"],
    /// A layer that may live elsewhere must exist here.
    ForeignLayerRequired = "foreign-layer-required" ["docker/hub-feedback#2132"],
    /// A platform filter selects by architecture alone.
    FilterOnArchitecture = "filter-on-architecture",
    /// A platform filter selects by operating system alone.
    FilterOnOs = "filter-on-os",
    /// An entry without platform is selected by every filter.
    FilterTakesNoPlatform = "filter-takes-no-platform",
    /// A platform filter panics at an entry without platform.
    FilterPanics = "filter-panics" ["distribution/distribution#4804"],
    /// The deny pattern for URLs is ignored.
    UrlDenyIgnored = "url-deny-ignored",
    /// The allow pattern for URLs is ignored.
    UrlAllowIgnored = "url-allow-ignored",
    /// The allow pattern for URLs must match the whole URL.
    UrlAllowAnchored = "url-allow-anchored",
    /// A manifest pushed by digest is not checked against it.
    ManifestDigestIgnored = "manifest-digest-ignored",
    /// A manifest is not taken under its sha512 digest.
    Sha512ManifestRefused = "sha512-manifest-refused" ["distribution/distribution#4420"],
    /// A manifest is served as JSON that was written anew.
    ManifestReformatted = "manifest-reformatted" ["opencontainers/distribution-spec#333"],
    /// Extra tags are answered but not set.
    ExtraTagsDropped = "extra-tags-dropped",
    /// A tag that exists is not moved.
    TagNotMoved = "tag-not-moved",
    /// Deleting a tag leaves it.
    TagDeleteKeepsTag = "tag-delete-keeps-tag",
    /// Deleting a tag deletes its manifest too.
    TagDeleteRemovesManifest = "tag-delete-removes-manifest" ["distribution/distribution#1566"],
    /// Deleting a manifest leaves the tags that point to it.
    ManifestDeleteKeepsTags = "manifest-delete-keeps-tags" ["getnora-io/nora#658"],
    /// Deleting a manifest removes its bytes, for every repository.
    ManifestDeleteRemovesBytes = "manifest-delete-removes-bytes",
    /// Deletion works although it is off.
    DeleteAlwaysOn = "delete-always-on",
    /// A page of tags begins with `last` itself.
    TagsLastInclusive = "tags-last-inclusive",
    /// The page of tags after one that does not exist is empty.
    TagsLastRequired = "tags-last-required" ["distribution/distribution#3143"],
    /// A page of tags holds one tag more than asked for.
    TagsOneMore = "tags-one-more",
    /// A next page of tags is announced whenever a page is full.
    TagsNextWhenFull = "tags-next-when-full",
    /// A page size that is no number panics.
    PageSizePanics = "page-size-panics" ["pulp/pulp_container#220"],
    /// The catalog is ordered by bytes.
    CatalogByBytes = "catalog-by-bytes",
    /// A page of the catalog begins with `last` itself.
    CatalogLastInclusive = "catalog-last-inclusive",
    /// The catalog forgets a repository without manifests.
    CatalogSkipsEmpty = "catalog-skips-empty",
    /// Referrers are not filtered, though the answer says so.
    ReferrersUnfiltered = "referrers-unfiltered" ["goharbor/harbor#18430"],
    /// Referrers that were pushed before a restart are not listed.
    ReferrersForgotten = "referrers-forgotten",
    /// Referrers that were deleted are listed.
    ReferrersKeepDeleted = "referrers-keep-deleted",
    /// Looking up the tags of a digest stops after as many tags as are read at once.
    LookupStopsAtLimit = "lookup-stops-at-limit",
    /// The history of a tag forgets all but its current digest.
    HistoryForgotten = "history-forgotten",
    /// The cache is not told of deletions.
    CacheKeepsDeleted = "cache-keeps-deleted",
    /// The cache stands outside access control, is told of what is pushed, and answers past it.
    CacheOutsideAccessControl = "cache-outside-access-control",
    /// The cache shares its entries among all repositories.
    CacheShared = "cache-shared",
    /// Collecting untagged manifests takes the children of tagged indexes.
    CollectTakesChildren = "collect-takes-children" ["distribution/distribution#3178"],
    /// Collecting untagged manifests takes the referrers of what stays.
    CollectTakesReferrers = "collect-takes-referrers",
    /// Collecting untagged manifests takes the subjects of what stays.
    CollectTakesSubjects = "collect-takes-subjects",
    /// A collection sweeps the layers of a manifest that only another repository's index keeps.
    CollectTakesLayersElsewhere = "collect-takes-layers-elsewhere" ["distribution/distribution#3004"],
    /// A collection stops at a repository without layers.
    CollectStopsWithoutLayers = "collect-stops-without-layers" ["distribution/distribution#4443"],
    /// A collection sweeps blobs that are younger than the grace period.
    CollectTakesYoung = "collect-takes-young",
    /// A collection leaves the links to what it sweeps.
    CollectKeepsLinks = "collect-keeps-links" ["distribution/distribution#2094"],
    /// The caches are not told of what a collection sweeps.
    CollectKeepsCached = "collect-keeps-cached" ["distribution/distribution#1803"],
    /// A dry run collects.
    CollectDryRunSweeps = "collect-dry-run-sweeps",
    /// Purging looks at no age.
    PurgeTakesAll = "purge-takes-all",
    /// Removing a repository removes those nested below it.
    RemoveTakesNested = "remove-takes-nested",
}

/// The faults of one registry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    #[cfg(feature = "faults")]
    bits: u128,
}

impl Faults {
    /// Whether this rule is to be broken.
    #[inline]
    #[cfg_attr(not(feature = "faults"), expect(clippy::unused_self, reason = "with the feature it has state"))]
    pub(crate) const fn has(self, fault: Fault) -> bool {
        #[cfg(feature = "faults")]
        {
            self.bits & (1 << fault as u128) != 0
        }
        #[cfg(not(feature = "faults"))]
        {
            let _ = fault;
            false
        }
    }

    #[cfg(feature = "faults")]
    pub(crate) const fn add(&mut self, fault: Fault) {
        self.bits |= 1 << fault as u128;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_name_and_bit() {
        let names: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!(Fault::ALL.len() <= 128);
        assert!(Fault::ALL.iter().all(|fault| fault.describe().ends_with('.')));
    }

    #[test]
    fn a_registry_is_right_unless_told_otherwise() {
        assert!(Fault::ALL.iter().all(|fault| !Faults::default().has(*fault)));
    }
}
