//! Manifests of the pool.
//!
//! A [`ManifestSpec`] says what a manifest names, and perhaps one [`Oddity`] that makes it malformed, or looks as if it did.

use super::blob::blanks;
use super::document::Node;
use super::oddity::{Edit, Oddity};
use super::{Named, Payload, Pool, pick};

/// Which of the four types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Docker schema 2 or OCI: an image.
    Image {
        /// Docker's type.
        docker: bool,
    },
    /// A Docker manifest list or an OCI index.
    List {
        /// Docker's type.
        docker: bool,
    },
}

impl Kind {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Image { docker: true } => "application/vnd.docker.distribution.manifest.v2+json",
            Kind::Image { docker: false } => "application/vnd.oci.image.manifest.v1+json",
            Kind::List { docker: true } => "application/vnd.docker.distribution.manifest.list.v2+json",
            Kind::List { docker: false } => "application/vnd.oci.image.index.v1+json",
        }
    }

    /// Is it one of Docker's types?
    pub fn is_docker(self) -> bool {
        matches!(self, Kind::Image { docker: true } | Kind::List { docker: true })
    }
}

/// The size in a descriptor. Nobody notices when it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// The true one, as far as it is known.
    #[default]
    True,
    /// Another.
    Claimed(u64),
}

/// A reference to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// To what.
    pub to: Named,
    /// How large it is said to be.
    pub size: Size,
}

impl From<Named> for Reference {
    fn from(to: Named) -> Self {
        Reference { to, size: Size::True }
    }
}

/// The media type of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// OCI, gzip.
    Oci,
    /// Docker, gzip.
    Docker,
    /// OCI, must not be distributed: plain.
    Nondistributable,
    /// The same, gzip.
    NondistributableGzip,
    /// The same, zstd.
    NondistributableZstd,
    /// Docker, foreign.
    DockerForeign,
    /// Something else.
    Other,
    /// Nearly a foreign type, but not quite: case.
    NearlyForeign,
}

impl LayerKind {
    fn media_type(self) -> &'static str {
        match self {
            LayerKind::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            LayerKind::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            LayerKind::Nondistributable => "application/vnd.oci.image.layer.nondistributable.v1.tar",
            LayerKind::NondistributableGzip => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            LayerKind::NondistributableZstd => "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            LayerKind::DockerForeign => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            LayerKind::Other => "application/vnd.example.data",
            LayerKind::NearlyForeign => "application/vnd.docker.image.rootfs.Foreign.diff.tar.gzip",
        }
    }
}

/// URLs that layers may come from, good and bad. The options' patterns mention `allowed` and `denied`.
pub const URLS: &[&str] = &[
    "https://allowed.example/layer",
    "http://other.example/layer?x=1",
    "HTTPS://ALLOWED.example/layer",
    "https://allowed.example/denied/layer",
    "https://allowed.example/layer#part",
    "ftp://allowed.example/layer",
    "https:///allowed",
    "https://?allowed",
    "https://",
    "https://allowed.example/a layer",
    "//allowed.example/layer",
    "https://allowed.example/\u{1}",
    "https://allowed.example/\u{e9}",
    "",
];

/// `urls` of a layer; numbers into [`URLS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Urls {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A list, perhaps empty.
    List(Vec<u8>),
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSpec {
    /// What it names.
    pub what: Reference,
    /// Its type.
    pub kind: LayerKind,
    /// Its URLs.
    pub urls: Urls,
}

/// `platform` of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlatformSpec {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// An object; what is None is left out.
    Is {
        /// `architecture`.
        architecture: Option<&'static str>,
        /// `os`.
        os: Option<&'static str>,
        /// `variant`.
        variant: Option<&'static str>,
    },
}

/// An entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntrySpec {
    /// What it names.
    pub what: Reference,
    /// For which platform.
    pub platform: PlatformSpec,
}

/// What a manifest is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Config and layers.
    Image {
        /// The config.
        config: Reference,
        /// A number into a small table of config types; 0 is the usual one.
        config_type: u8,
        /// The layers.
        layers: Vec<LayerSpec>,
    },
    /// Entries.
    List(Vec<EntrySpec>),
}

/// `annotations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Annotations {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// An object with so many members.
    Some(u8),
}

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Without white space.
    #[default]
    Compact,
    /// With white space between all tokens, and around.
    Spaced,
    /// The members of the document in the opposite order.
    Reversed,
}

/// How a manifest is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestSpec {
    /// One of Docker's types?
    pub docker: bool,
    /// Write `mediaType`? Docker's types have it always.
    pub says_type: bool,
    /// What it is made of.
    pub body: Body,
    /// Its subject.
    pub subject: Option<Reference>,
    /// Its artifact type.
    pub artifact_type: Option<&'static str>,
    /// Its annotations.
    pub annotations: Annotations,
    /// How it is written.
    pub layout: Layout,
    /// Tells manifests apart that name the same.
    pub salt: Option<u8>,
    /// What is odd about it.
    pub oddity: Option<Oddity>,
}

/// An OCI index with nothing in it.
impl Default for ManifestSpec {
    fn default() -> Self {
        ManifestSpec {
            docker: false,
            says_type: true,
            body: Body::List(Vec::new()),
            subject: None,
            artifact_type: None,
            annotations: Annotations::Absent,
            layout: Layout::Compact,
            salt: None,
            oddity: None,
        }
    }
}

const CONFIG_TYPES: &[&str] = &[
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.empty.v1+json",
    "application/vnd.example.config",
];

const ANNOTATIONS: &[(&str, &str)] = &[
    ("org.opencontainers.image.created", "2020-01-02T03:04:05Z"),
    ("a", ""),
    ("A", "\u{e9}\u{1f680}\"\\\n\0"),
    ("\u{17f}", "long s"),
];

impl ManifestSpec {
    /// Which of the four types.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Image { .. } => Kind::Image { docker: self.docker },
            Body::List(_) => Kind::List { docker: self.docker },
        }
    }

    /// Everything that it names, in document order, the subject last.
    pub fn names(&self) -> Vec<Named> {
        let mut names = match &self.body {
            Body::Image { config, layers, .. } => {
                [config.to].into_iter().chain(layers.iter().map(|layer| layer.what.to)).collect::<Vec<_>>()
            }
            Body::List(entries) => entries.iter().map(|entry| entry.what.to).collect(),
        };
        names.extend(self.subject.map(|subject| subject.to));
        names
    }

    pub(super) fn render(&self, pool: &Pool) -> Vec<u8> {
        let mut document = self.document(pool);
        if let (Layout::Reversed, Some(members)) = (self.layout, document.members()) {
            members.reverse();
        }
        if let Some(oddity) = &self.oddity {
            oddity.apply(&mut document);
        }
        let gap = if self.layout == Layout::Spaced { "\n\t" } else { "" };
        let mut text = String::from(gap);
        document.write(gap, &mut text);
        text.push_str(gap);
        let fresh = blanks(pool.spec.salt);
        let Some(oddity) = &self.oddity else { return (text + &fresh).into_bytes() };
        match oddity.edit {
            // Its length is what matters.
            Edit::Pad(_) => oddity.apply_to_text((text + &fresh).into_bytes()),
            // Nothing of it is ours.
            Edit::Become(_) => oddity.apply_to_text(text.into_bytes()),
            _ => [oddity.apply_to_text(text.into_bytes()), fresh.into_bytes()].concat(),
        }
    }

    fn document(&self, pool: &Pool) -> Node {
        let mut members = vec![("schemaVersion".to_owned(), Node::number(2))];
        let mut add = |key: &str, value: Node| members.push((key.to_owned(), value));
        if self.says_type || self.docker {
            add("mediaType", Node::text(self.kind().media_type()));
        }
        if let Some(artifact_type) = self.artifact_type {
            add("artifactType", Node::text(artifact_type));
        }
        match &self.body {
            Body::Image { config, config_type, layers } => {
                let config_type = match (self.docker, config_type) {
                    (true, 0) => "application/vnd.docker.container.image.v1+json",
                    _ => pick(CONFIG_TYPES, *config_type),
                };
                add("config", descriptor(pool, config_type, *config));
                add("layers", Node::List(layers.iter().map(|layer| layer.node(pool)).collect()));
            }
            Body::List(entries) => {
                add("manifests", Node::List(entries.iter().map(|entry| entry.node(pool)).collect()));
            }
        }
        if let Some(subject) = self.subject {
            add("subject", descriptor(pool, media_type_of(pool, subject.to), subject));
        }
        match self.annotations {
            Annotations::Absent => {}
            Annotations::Null => add("annotations", Node::Raw("null".into())),
            Annotations::Some(count) => {
                let annotation = |(key, value): &(&str, &str)| ((*key).to_owned(), Node::text(value));
                add("annotations", Node::Object(ANNOTATIONS.iter().take(count.into()).map(annotation).collect()));
            }
        }
        if let Some(salt) = self.salt {
            add("x", Node::number(salt.into()));
        }
        Node::Object(members)
    }
}

impl LayerSpec {
    fn node(&self, pool: &Pool) -> Node {
        let mut node = descriptor(pool, self.kind.media_type(), self.what);
        let urls = match &self.urls {
            Urls::Absent => None,
            Urls::Null => Some(Node::Raw("null".into())),
            Urls::List(urls) => Some(Node::List(urls.iter().map(|url| Node::text(pick(URLS, *url))).collect())),
        };
        if let (Some(urls), Some(members)) = (urls, node.members()) {
            members.push(("urls".into(), urls));
        }
        node
    }
}

impl EntrySpec {
    fn node(&self, pool: &Pool) -> Node {
        let mut node = descriptor(pool, media_type_of(pool, self.what.to), self.what);
        let platform = match self.platform {
            PlatformSpec::Absent => None,
            PlatformSpec::Null => Some(Node::Raw("null".into())),
            PlatformSpec::Is { architecture, os, variant } => {
                let members = [("architecture", architecture), ("os", os), ("variant", variant)];
                let member = |(key, value): (&str, Option<&str>)| Some((key.to_owned(), Node::text(value?)));
                Some(Node::Object(members.into_iter().filter_map(member).collect()))
            }
        };
        if let (Some(platform), Some(members)) = (platform, node.members()) {
            members.push(("platform".into(), platform));
        }
        node
    }
}

fn media_type_of(pool: &Pool, named: Named) -> &'static str {
    match named {
        Named::Of(Payload::Manifest(manifest), _) => pool.manifest(manifest).kind().media_type(),
        _ => Kind::Image { docker: false }.media_type(),
    }
}

fn descriptor(pool: &Pool, media_type: &str, reference: Reference) -> Node {
    let size = match (reference.size, reference.to) {
        (Size::True, Named::Of(payload, _)) => pool.bytes(payload).size(),
        (Size::True, _) => 7,
        (Size::Claimed(size), _) => size,
    };
    Node::Object(vec![
        ("mediaType".into(), Node::text(media_type)),
        ("digest".into(), Node::text(&pool.digest(reference.to))),
        ("size".into(), Node::number(size)),
    ])
}
