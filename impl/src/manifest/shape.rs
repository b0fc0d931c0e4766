//! What a document of each type must look like, as tables. [`walk`](super::walk) holds a document to them.
//!
//! The rules of `docs/behaviour.md`, "Reading a manifest", become rows: a key that has no row is free; a key that has one
//! stands at most once and exactly as written (2); its [`Presence`] says whether it must be there and whether null will do
//! (4 to 8), its [`Shape`] what it must be (3, 4, 6, 7, 8).

use super::ManifestType;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Anything that is JSON.
    Free,
    /// The integer 2.
    Two,
    /// The name of the document's type.
    TypeName,
    /// A string.
    Text,
    /// A string that is a digest.
    Digest,
    /// An integer from 0 to 2^63-1.
    Size,
    /// An array whose every element is of this shape.
    Array(&'static Shape),
    /// An object with these known keys.
    Object(&'static [Member]),
    /// An object whose values are all strings and in which no key stands twice.
    Annotations,
}

/// Whether a key stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It may, and null is as if it did not.
    Nullable,
    /// It must not, whatever its value.
    Forbidden,
}

/// One known key of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) key: &'static str,
    pub(super) presence: Presence,
    pub(super) shape: Shape,
}

use Presence::{Forbidden, Nullable, Optional, Required};

const fn member(key: &'static str, presence: Presence, shape: Shape) -> Member {
    Member { key, presence, shape }
}

const PLATFORM: &[Member] = &[member("architecture", Optional, Shape::Text), member("os", Optional, Shape::Text)];

const MEDIA_TYPE: Member = member("mediaType", Required, Shape::Text);
const DIGEST: Member = member("digest", Required, Shape::Digest);
const SIZE: Member = member("size", Required, Shape::Size);
const URLS: Member = member("urls", Nullable, Shape::Array(&Shape::Text));

/// A configuration, a layer, a subject. Their platform is not looked at, but its key is known.
const DESCRIPTOR: Shape = Shape::Object(&[MEDIA_TYPE, DIGEST, SIZE, URLS, member("platform", Optional, Shape::Free)]);

/// An entry of a list.
const ENTRY: Shape =
    Shape::Object(&[MEDIA_TYPE, DIGEST, SIZE, URLS, member("platform", Nullable, Shape::Object(PLATFORM))]);

const SCHEMA_VERSION: Member = member("schemaVersion", Required, Shape::Two);
const CONFIG: Member = member("config", Required, DESCRIPTOR);
const LAYERS: Member = member("layers", Required, Shape::Array(&DESCRIPTOR));
const MANIFESTS: Member = member("manifests", Required, Shape::Array(&ENTRY));

const fn no(key: &'static str) -> Member {
    member(key, Forbidden, Shape::Free)
}

const fn unread(key: &'static str) -> Member {
    member(key, Optional, Shape::Free)
}

const DOCKER_MANIFEST: Shape = Shape::Object(&[
    SCHEMA_VERSION,
    member("mediaType", Required, Shape::TypeName),
    CONFIG,
    LAYERS,
    no("manifests"),
    unread("subject"),
    unread("artifactType"),
    unread("annotations"),
]);

const DOCKER_LIST: Shape = Shape::Object(&[
    SCHEMA_VERSION,
    member("mediaType", Required, Shape::TypeName),
    no("config"),
    no("layers"),
    MANIFESTS,
    unread("subject"),
    unread("artifactType"),
    unread("annotations"),
]);

const OCI_MANIFEST: Shape = Shape::Object(&[
    SCHEMA_VERSION,
    member("mediaType", Optional, Shape::TypeName),
    CONFIG,
    LAYERS,
    no("manifests"),
    member("subject", Nullable, DESCRIPTOR),
    member("artifactType", Nullable, Shape::Text),
    member("annotations", Nullable, Shape::Annotations),
]);

const OCI_INDEX: Shape = Shape::Object(&[
    SCHEMA_VERSION,
    member("mediaType", Optional, Shape::TypeName),
    no("config"),
    no("layers"),
    MANIFESTS,
    member("subject", Nullable, DESCRIPTOR),
    member("artifactType", Nullable, Shape::Text),
    member("annotations", Nullable, Shape::Annotations),
]);

/// What a document of this type must look like.
pub(super) const fn of(kind: ManifestType) -> Shape {
    match kind {
        ManifestType::DockerManifest => DOCKER_MANIFEST,
        ManifestType::DockerList => DOCKER_LIST,
        ManifestType::OciManifest => OCI_MANIFEST,
        ManifestType::OciIndex => OCI_INDEX,
    }
}
