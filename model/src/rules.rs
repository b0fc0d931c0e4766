//! The table of rules.
//!
//! Every branch of [`crate::step`] names one row, and so does every verdict. A row says which standard it comes from, how binding it is, and
//! in which dialects and on which targets it can be met at all.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Dialect;

/// Names a rule, for example `blob.unlinked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(pub &'static str);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
pub enum Standard {
    /// OCI distribution-spec 1.1.
    #[strum(to_string = "OCI distribution-spec 1.1")]
    Oci,
    /// OCI image-spec 1.1.
    #[strum(to_string = "OCI image-spec 1.1")]
    ImageSpec,
    /// The CNCF distribution registry.
    #[strum(to_string = "distribution")]
    Distribution,
    /// An option of the seed.
    #[strum(to_string = "option")]
    Seed,
    /// Our own: `docs/behaviour.md`.
    #[strum(to_string = "docs/behaviour.md")]
    Proofhouse,
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Level {
    /// MUST.
    Must,
    /// SHOULD.
    Should,
    /// MAY.
    May,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// Where it comes from.
    pub standard: Standard,
    /// The section there.
    pub section: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it says, in one sentence of ours.
    pub sentence: &'static str,
    /// `P`, `O`, `D`: the dialects that have it. `L`: only a library call shows it.
    scope: &'static str,
}

impl Rule {
    /// Can a target of that dialect meet the rule at all?
    pub fn applies_to(&self, dialect: Dialect, library: bool) -> bool {
        let letter = match dialect {
            Dialect::Proofhouse => 'P',
            Dialect::Oci => 'O',
            Dialect::Distribution(_) => 'D',
        };
        self.scope.contains(letter) && (library || !self.scope.contains('L'))
    }
}

/// All rules, by subject.
pub fn rules() -> &'static [Rule] {
    RULES
}

/// The rule of that name.
pub fn rule(id: RuleId) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

macro_rules! rules {
    ($($id:literal $standard:ident $section:literal $level:ident $scope:literal $sentence:literal;)*) => {
        const RULES: &[Rule] = &[$(Rule {
            id: RuleId($id), standard: Standard::$standard, section: $section, level: Level::$level,
            sentence: $sentence, scope: $scope,
        }),*];
    };
}

rules! {
    "name.invalid" Oci "Pulling manifests" Must "POD" "A repository name outside the grammar names nothing and is refused.";
    "digest.invalid" Oci "Error Codes" Must "POD" "A digest that is malformed or of an unknown algorithm is refused, never guessed.";
    "digest.algorithm" ImageSpec "Digests" May "O" "A registry may know no algorithm but sha256; then it never does.";
    "digest.alias" ImageSpec "Digests" May "OD" "What was stored under one digest may be read under another of its digests.";
    "tag.invalid" Oci "Pulling manifests" Must "POD" "A tag outside the grammar is refused.";
    "access.denied" Seed "BlobDescriptorServiceFactory" Must "P" "What the access controller refuses to Stat is denied, whatever a cache holds.";

    "blob.head" Oci "Checking if content exists in the registry" Must "POD" "HEAD of a linked blob tells its digest and size.";
    "blob.get" Oci "Pulling blobs" Must "POD" "GET of a linked blob gives exactly the bytes that were pushed.";
    "blob.unlinked" Oci "Pulling blobs" Must "POD" "A blob that the repository does not link is unknown there, even if its bytes are on disk.";
    "blob.shared" Oci "Pulling blobs" May "O" "A registry may show a blob in every repository; then it always does.";
    "blob.range" Oci "Pulling blobs" Should "POD" "A range gives exactly that part, cut to the end of the blob.";
    "blob.range.unsatisfiable" Oci "Pulling blobs" Should "POD" "A range of which nothing exists is answered with 416.";
    "blob.range.ignored" Oci "Pulling blobs" May "O" "A registry without ranges answers with the whole blob; then it always does.";
    "blob.redirect" Seed "EnableRedirect" Must "P" "With redirects on and a driver that has URLs, GET answers the URL of the bytes.";
    "blob.delete" Oci "Deleting Blobs" Must "POD" "Deleting a blob unlinks it from that repository and from no other.";
    "blob.delete.missing" Oci "Deleting Blobs" Must "POD" "Deleting a blob that is not linked is 404.";
    "delete.off" Seed "EnableDelete" Must "POD" "With deletion off, every deletion is refused and changes nothing.";
    "delete.again" Oci "Content Management" May "O" "To delete what is gone already may count as done.";
    "blobs.list" Seed "Blobs" Must "PL" "The global store enumerates every blob exactly once.";

    "mount.linked" Oci "Mounting a blob from another repository" Must "POD" "A blob that `from` links is linked here too.";
    "mount.fallback" Oci "Mounting a blob from another repository" Should "POD" "A mount that cannot be made starts an upload.";
    "mount.anywhere" Oci "Mounting a blob from another repository" May "O" "A registry may mount a blob from wherever it has it.";

    "upload.start" Oci "Pushing blobs" Must "POD" "An upload starts empty, under a fresh location.";
    "upload.single" Oci "Single POST" Must "PO" "A blob pushed with one request is stored if it hashes to its digest.";
    "upload.single.started" Oci "Single POST" Should "OD" "A registry that does not take a blob with one request starts an upload.";
    "upload.append" Oci "Pushing a blob in chunks" Must "POD" "A chunk is appended whole, and the new size is told.";
    "upload.chunk.order" Oci "Pushing a blob in chunks" Must "POD" "A chunk that does not start where the upload ends is 416 and is not appended.";
    "upload.chunk.length" Distribution "Uploads" Must "POD" "A chunk whose length disagrees with its range is refused and is not appended.";
    "upload.chunk.unranged" Oci "Pushing a blob in chunks" May "O" "A registry may refuse chunks without a range; then it always does.";
    "upload.status" Oci "Pushing a blob in chunks" Must "POD" "The status of an upload is the number of bytes it holds.";
    "upload.unknown" Oci "Error Codes" Must "POD" "An upload is unknown outside its repository, and once it has ended.";
    "upload.finish" Oci "Pushing blobs" Must "POD" "An upload that hashes to its digest becomes a blob of the repository, and ends.";
    "upload.finish.malformed" Oci "Pushing blobs" Must "POD" "Finishing needs a well-formed digest; without one nothing is appended.";
    "upload.digest" Oci "Error Codes" Must "POD" "Content that does not hash to the digest becomes visible nowhere.";
    "upload.cancel" Distribution "Uploads" Must "POD" "A cancelled upload is gone.";
    "upload.cancel.absent" Oci "Cancelling (upcoming)" May "O" "A registry may not know how to cancel an upload; then it stays open.";
    "purge" Proofhouse "Garbage collection" Must "PL" "A purge removes the uploads that are old enough, and no other.";
    "purge.dry-run" Proofhouse "Garbage collection" Must "PL" "A dry purge names what it would remove, and removes nothing.";

    "manifest.size" Oci "Pushing Manifests" Should "POD" "A manifest over the limit is 413.";
    "manifest.type" Oci "Pushing Manifests" Must "POD" "A manifest comes with one of the four manifest types as its Content-Type.";
    "manifest.json" ImageSpec "Image Manifest" Must "POD" "A manifest is one JSON object, at most 64 levels deep.";
    "manifest.keys" Proofhouse "Reading a manifest" Must "POD" "A key that is read stands once and in its own case, so that no two parsers read two documents.";
    "manifest.schema-version" ImageSpec "Image Manifest" Must "POD" "`schemaVersion` is the integer 2.";
    "manifest.media-type" ImageSpec "Image Manifest" Must "POD" "`mediaType` agrees with the Content-Type.";
    "manifest.confusion" ImageSpec "Guidelines (CVE-2021-41190)" Must "POD" "No document can be read as both an image and an index.";
    "manifest.structure" ImageSpec "Image Manifest" Must "POD" "What a manifest of its type requires is there and has the right JSON type.";
    "manifest.descriptor" ImageSpec "Descriptors" Must "POD" "A descriptor has a media type, a well-formed digest and a size that is a non-negative integer.";
    "manifest.platform" ImageSpec "Image Index" Must "POD" "A platform is an object whose architecture and os are strings.";
    "manifest.digest" Oci "Pushing Manifests" Must "POD" "A manifest pushed by digest has that digest.";
    "manifest.references" Oci "Error Codes" May "POD" "Every config and layer that a pushed image names is linked in the repository; all that are missing are reported.";
    "manifest.urls" Seed "ManifestURLsAllowRegexp, ManifestURLsDenyRegexp" Must "POD" "The URLs of a foreign layer are http or https, without a fragment, allowed and not denied.";
    "manifest.foreign" Seed "ManifestURLsAllowRegexp, ManifestURLsDenyRegexp" Must "P" "A foreign layer with URLs that are permitted need not be in the repository.";
    "manifest.unverified" Seed "SkipLayerVerification" Must "P" "Where the manifest service skips verification, nothing that a manifest names needs to exist.";
    "index.entries" Seed "EnableValidateImageIndexImagesExist" Must "PD" "With index validation, every entry of an index is a manifest of the repository.";
    "index.entries.platform" Seed "AddValidateImageIndexImagesExistPlatform" Must "PD" "With platform filters, exactly the entries whose platform a filter names must exist.";
    "index.sparse" Seed "AddValidateImageIndexImagesExistPlatform" Must "POD" "An index may miss every entry that needs not exist; an entry without platform matches no filter.";
    "manifest.put.docker" Oci "Pushing Manifests" Must "POD" "A sound Docker image manifest is stored.";
    "manifest.put.docker-list" Oci "Pushing Manifests" Must "POD" "A sound Docker manifest list is stored.";
    "manifest.put.oci" Oci "Pushing Manifests" Must "POD" "A sound OCI image manifest is stored.";
    "manifest.put.oci-index" Oci "Pushing Manifests" Must "POD" "A sound OCI index is stored.";
    "manifest.put.subject" Oci "Pushing Manifests with Subject" Must "POD" "A manifest with a subject is stored, whether or not the subject exists, and the subject is confirmed.";
    "manifest.put.tags" Oci "Pushing Manifests (upcoming)" May "PO" "Tags given as parameters are set and confirmed.";
    "manifest.put.tags.ignored" Oci "Pushing Manifests (upcoming)" May "O" "A registry that does not know tag parameters neither sets nor confirms them.";
    "manifest.put.tags.many" Oci "Pushing Manifests (upcoming)" May "O" "More tags at once than a registry supports may be refused with 414.";
    "manifest.lenient" Oci "Pushing Manifests" May "OD" "A registry may store a manifest that it does not understand or cannot verify.";
    "manifest.strict" Oci "Pushing Manifests" May "O" "A registry may refuse Docker's types, and what is well-formed but unusual or untrue.";
    "manifest.head" Oci "Checking if content exists in the registry" Must "POD" "HEAD of a manifest answers as GET does, without the body.";
    "manifest.get.digest" Oci "Pulling manifests" Must "POD" "A manifest read by digest is the bytes that were pushed, under their type.";
    "manifest.get.tag" Oci "Pulling manifests" Must "POD" "A manifest read by tag is the one to which the tag was last set.";
    "manifest.unknown" Oci "Pulling manifests" Must "POD" "A reference that the repository does not have is 404.";
    "manifest.delete" Oci "Deleting Manifests" Must "POD" "A manifest deleted by digest is gone, with every tag that points to it.";
    "manifest.delete.tag" Oci "Deleting tags" Must "POD" "Deleting a tag leaves the manifest and every other tag.";
    "manifest.delete.unknown" Oci "Deleting Manifests" Must "POD" "Deleting what is not there is 404.";

    "page-size.invalid" Distribution "Pagination" Must "POD" "A page size that is negative or not a number is refused.";
    "tags.list" Oci "Listing Tags" Must "POD" "All tags of a repository are listed, each once, in order.";
    "tags.page" Oci "Listing Tags" Must "POD" "A page holds the next tags after `last`, at most `n`, and announces a next page if any are left.";
    "tags.none-asked" Oci "Listing Tags" Must "POD" "A page of no tags is empty and announces nothing.";
    "tags.unknown" Oci "Listing Tags" Must "POD" "The tags of a repository that never held a manifest are 404.";
    "tags.of" Seed "TagLookupConcurrencyLimit" Must "PL" "The lookup of a digest finds every tag that points to it, whatever the limit.";
    "tags.history" Seed "Tags" Must "PL" "A tag remembers every digest that it pointed to.";
    "catalog.page" Distribution "Catalog" Must "PD" "A page of the catalog holds the next repositories in path order.";
    "catalog.page-size" Distribution "Catalog" Must "PD" "A page above the catalog's maximum is refused.";
    "catalog.none-asked" Distribution "Catalog" Must "PD" "A page of no repositories is empty and announces nothing.";
    "catalog.walk" Distribution "Catalog" Must "PD" "Walking the catalog visits each repository exactly once, nested ones too.";
    "referrers.list" Oci "Listing Referrers" Must "PO" "Every manifest whose subject is the digest is listed, whether or not the subject exists.";
    "referrers.filter" Oci "Listing Referrers" Should "PO" "A filter keeps the referrers of that artifact type, and the answer says so.";
    "referrers.unfiltered" Oci "Listing Referrers" May "O" "A registry that does not filter lists all, and does not say that it filtered.";
    "referrers.absent" Oci "Listing Referrers" May "OD" "A registry without the referrers API answers 404, always.";

    "repository.remove" Seed "Remove" Must "PL" "A removed repository is gone, and none nested below it.";
    "repository.unknown" Seed "Remove" Must "PL" "A repository that is not there cannot be removed.";
    "gc.nothing" Proofhouse "Garbage collection" Must "PL" "A collection takes nothing that a manifest, a tag or its age protects.";
    "gc.blobs" Proofhouse "Garbage collection" Must "PL" "A collection sweeps exactly the blobs that no manifest names and that are not young.";
    "gc.untagged" Proofhouse "Garbage collection" Must "PL" "With delete-untagged, exactly the manifests that no tag reaches go, each whole.";
    "gc.dry-run" Proofhouse "Garbage collection" Must "PL" "A dry run names what it would take, and takes nothing.";
    "time.advance" Proofhouse "Garbage collection" Must "PL" "Time alone changes nothing.";
    "restart" Proofhouse "Uploads" Must "PL" "What was acknowledged is there after a restart, open uploads too (to OCI they may have ended).";
}
