//! A little language for histories of a registry.
//!
//! A [`Registry`] is a model that is told what was asked and what was seen. [`Registry::does`] performs an operation as
//! the only permitted way there is; [`Registry::permits`] and [`Registry::rejects`] say what may be seen, and by which rule.
//! Blobs are named by their text, manifests by a [`Document`].

#![allow(dead_code, unreachable_pub, reason = "every test uses a part of the language")]
#![allow(clippy::needless_pass_by_value, reason = "what is asked and seen is written where it is needed")]

use proofhouse_model::*;
use serde_json::{Value, json};

pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const ALL_TYPES: [&str; 4] = [DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX];
pub const V2_8: Dialect = Dialect::Distribution(Release::V2_8);
pub const V3: Dialect = Dialect::Distribution(Release::V3);

/// The sha256 digest of a text.
pub fn sha256(text: &str) -> String {
    digest_of("sha256", text.as_bytes())
}

/// The sha512 digest of a text.
pub fn sha512(text: &str) -> String {
    digest_of("sha512", text.as_bytes())
}

/// Deletion on, all else as it comes.
pub fn deletable() -> Options {
    Options { delete: true, ..Options::default() }
}

/// A registry under test.
pub struct Registry {
    pub model: Model,
    uploads: u32,
}

/// Our registry, with deletion on.
pub fn ours() -> Registry {
    registry(Dialect::Proofhouse, deletable())
}

/// Our registry under these options.
pub fn ours_with(options: Options) -> Registry {
    registry(Dialect::Proofhouse, options)
}

/// A registry that is held to the OCI text alone.
pub fn oci() -> Registry {
    registry(Dialect::Oci, Options::default())
}

/// A registry of this dialect.
pub fn registry(dialect: Dialect, options: Options) -> Registry {
    Registry { model: Model::new(Specification::new(dialect, options).expect("the patterns compile")), uploads: 0 }
}

impl Registry {
    /// Performs the operation in the one way that is permitted.
    pub fn does(&mut self, op: Op) -> Outcome {
        let branches = self.model.expected(&op);
        assert_eq!(branches.len(), 1, "{op:?} may go several ways: {branches:#?}");
        let seen = example(&branches[0]);
        self.permits(op, seen.clone());
        seen
    }

    /// The rule by which the operation goes, in the one way that is permitted.
    pub fn rule(&mut self, op: Op) -> &'static str {
        let rule = self.model.expected(&op)[0].rule.0;
        self.does(op);
        rule
    }

    /// The outcome is permitted, by the rule that is returned.
    pub fn permits(&mut self, op: Op, seen: Outcome) -> &'static str {
        match self.model.observe(&op, &seen) {
            Ok(rule) => rule.0,
            Err(violation) => panic!("{op:?}\n{violation}"),
        }
    }

    /// The outcome is not permitted; the rule that is cited is returned.
    pub fn rejects(&mut self, op: Op, seen: Outcome) -> &'static str {
        match self.model.observe(&op, &seen) {
            Ok(rule) => panic!("{op:?}: {seen} is permitted by {rule}"),
            Err(violation) => {
                assert_eq!(violation.kind, ViolationKind::NotPermitted);
                violation.rule.0
            }
        }
    }

    /// Either outcome is permitted; nothing is decided.
    pub fn permits_both(&mut self, op: Op, one: Outcome, other: Outcome) {
        for seen in [one, other] {
            let mut copy = Registry { model: self.model.clone(), uploads: self.uploads };
            copy.permits(op.clone(), seen);
        }
    }

    /// A new upload, and the name of it.
    pub fn start(&mut self, repo: &str) -> UploadRef {
        let upload = self.fresh();
        self.permits(Op::StartUpload { repo: repo.into(), upload }, upload_of(upload, 0));
        upload
    }

    /// A name that no upload has.
    pub fn fresh(&mut self) -> UploadRef {
        self.uploads += 1;
        UploadRef(self.uploads)
    }

    /// A blob that is pushed in the way that every registry has; its digest.
    pub fn push_blob(&mut self, repo: &str, text: &str) -> String {
        self.push_blob_as(repo, text, &sha256(text));
        sha256(text)
    }

    /// The same, under a digest of another algorithm.
    pub fn push_blob_as(&mut self, repo: &str, text: &str, digest: &str) {
        let upload = self.start(repo);
        let distribution = matches!(self.model.specification().dialect(), Dialect::Distribution(_));
        let answered = if distribution { sha256(text) } else { digest.into() };
        self.permits(finish(repo, upload, digest, text), blob_stored(&answered));
    }

    /// A manifest that is pushed, and stored; its digest.
    pub fn push(&mut self, repo: &str, reference: &str, document: &Document) -> String {
        let put = put_manifest(repo, reference, document);
        let digest = document.digest();
        let distribution = matches!(self.model.specification().dialect(), Dialect::Distribution(_));
        let subject = document.subject().filter(|_| !distribution);
        self.permits(put, manifest_stored(&digest, subject.as_deref(), &[]));
        digest
    }

    /// An image that is pushed with its config and layers.
    pub fn push_image(&mut self, repo: &str, reference: &str, config: &str, layers: &[&str]) -> Document {
        self.push_blob(repo, config);
        for layer in layers {
            self.push_blob(repo, layer);
        }
        let image = image(config, layers);
        self.push(repo, reference, &image);
        image
    }

    /// Seconds go by.
    pub fn wait(&mut self, seconds: u64) {
        self.permits(Op::Advance { seconds }, Outcome::Done);
    }

    /// Can the blob be read in the repository?
    pub fn has_blob(&mut self, repo: &str, text: &str) -> bool {
        self.does(head_blob(repo, &sha256(text))).succeeded()
    }

    /// Can the manifest be read in the repository?
    pub fn has(&mut self, repo: &str, reference: &str) -> bool {
        self.does(get_manifest(repo, reference)).succeeded()
    }

    /// All tags of the repository.
    pub fn tags(&mut self, repo: &str) -> Vec<String> {
        match self.does(list_tags(repo, None, None)) {
            Outcome::Names { names, more: false } => names,
            other => panic!("{other}"),
        }
    }
}

/// An outcome that the branch permits.
pub fn example(branch: &Branch) -> Outcome {
    match &branch.expect {
        Expect::Exactly(outcome) | Expect::DigestFree { outcome, .. } => outcome.clone(),
        Expect::Upload { id, size } => {
            let id = match (id, branch.opens) {
                (Id::Is(id), _) => id.clone(),
                (_, Some(upload)) => format!("upload-{}", upload.0),
                (_, None) => "upload".into(),
            };
            Outcome::Upload { id, size: *size }
        }
        Expect::Page { following, limit, .. } => {
            let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).expect("a page fits into memory"));
            let names = following.iter().take(limit).cloned().collect();
            Outcome::Names { names, more: following.len() > limit }
        }
        Expect::Referrers { all, filtered, .. } => Outcome::Referrers { referrers: all.clone(), filtered: *filtered },
        Expect::Refused { statuses, errors } => {
            let errors = match errors {
                Errors::Exactly(errors) => errors.clone(),
                Errors::Any => vec![ErrorItem { code: Code::BlobUnknown, detail: None }],
                Errors::AnyOf(codes) => {
                    codes.iter().take(1).map(|code| ErrorItem { code: code.clone(), detail: None }).collect()
                }
            };
            Outcome::Refused { status: statuses[0], errors }
        }
        other => panic!("{other} is new: say what it permits"),
    }
}

/// A manifest: its type, and what it says.
#[derive(Debug, Clone)]
pub struct Document {
    pub media_type: &'static str,
    pub json: Value,
}

/// An OCI image whose config and layers are these texts.
pub fn image(config: &str, layers: &[&str]) -> Document {
    let layers: Vec<Value> =
        layers.iter().map(|layer| layer_of("application/vnd.oci.image.layer.v1.tar+gzip", layer)).collect();
    let config = layer_of("application/vnd.oci.image.config.v1+json", config);
    let json = json!({"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": config, "layers": layers});
    Document { media_type: OCI_IMAGE, json }
}

/// An OCI index with these entries.
pub fn index(entries: &[Value]) -> Document {
    let json = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    Document { media_type: OCI_INDEX, json }
}

/// An entry for a platform such as `linux/amd64`, or for none.
pub fn entry(manifest: &Document, platform: Option<&str>) -> Value {
    let mut entry = descriptor(manifest.media_type, &manifest.text());
    if let Some((os, architecture)) = platform.and_then(|platform| platform.split_once('/')) {
        entry["platform"] = json!({"os": os, "architecture": architecture});
    }
    entry
}

/// A layer, or a config, of this type.
pub fn layer_of(media_type: &str, text: &str) -> Value {
    descriptor(media_type, text)
}

fn descriptor(media_type: &str, text: &str) -> Value {
    json!({"mediaType": media_type, "digest": sha256(text), "size": text.len()})
}

impl Document {
    pub fn text(&self) -> String {
        self.json.to_string()
    }

    pub fn digest(&self) -> String {
        sha256(&self.text())
    }

    /// The digest of the subject.
    pub fn subject(&self) -> Option<String> {
        self.json["subject"]["digest"].as_str().map(str::to_owned).filter(|_| self.media_type.contains("oci"))
    }

    /// The same document, with this member.
    pub fn with(&self, key: &str, value: Value) -> Document {
        let mut document = self.clone();
        document.json[key] = value;
        document
    }

    /// The same document, about another manifest.
    pub fn about(&self, subject: &Document) -> Document {
        self.with("subject", descriptor(subject.media_type, &subject.text()))
    }

    /// The same document, as Docker's type.
    pub fn docker(&self) -> Document {
        let media_type = if self.media_type == OCI_IMAGE { DOCKER_IMAGE } else { DOCKER_LIST };
        Document { media_type, ..self.with("mediaType", media_type.into()) }
    }
}

// Operations.

pub fn head_blob(repo: &str, digest: &str) -> Op {
    Op::HeadBlob { repo: repo.into(), digest: digest.into() }
}

pub fn get_blob(repo: &str, digest: &str) -> Op {
    Op::GetBlob { repo: repo.into(), digest: digest.into(), range: None }
}

pub fn get_part(repo: &str, digest: &str, range: Range) -> Op {
    Op::GetBlob { repo: repo.into(), digest: digest.into(), range: Some(range) }
}

pub fn delete_blob(repo: &str, digest: &str) -> Op {
    Op::DeleteBlob { repo: repo.into(), digest: digest.into() }
}

pub fn mount(repo: &str, digest: &str, from: Option<&str>, upload: UploadRef) -> Op {
    Op::MountBlob { repo: repo.into(), digest: digest.into(), from: from.map(str::to_owned), upload }
}

pub fn put_blob(repo: &str, digest: &str, text: &str, upload: UploadRef) -> Op {
    Op::PutBlob { repo: repo.into(), digest: digest.into(), bytes: text.into(), upload }
}

pub fn append(repo: &str, upload: UploadRef, range: Option<(u64, u64)>, text: &str) -> Op {
    Op::Append { repo: repo.into(), upload, range, bytes: text.into() }
}

pub fn status(repo: &str, upload: UploadRef) -> Op {
    Op::UploadStatus { repo: repo.into(), upload }
}

pub fn finish(repo: &str, upload: UploadRef, digest: &str, text: &str) -> Op {
    Op::FinishUpload { repo: repo.into(), upload, digest: Some(digest.into()), range: None, bytes: text.into() }
}

pub fn cancel(repo: &str, upload: UploadRef) -> Op {
    Op::CancelUpload { repo: repo.into(), upload }
}

pub fn put_manifest(repo: &str, reference: &str, document: &Document) -> Op {
    put_text(repo, reference, Some(document.media_type), &document.text())
}

pub fn put_text(repo: &str, reference: &str, content_type: Option<&str>, text: &str) -> Op {
    Op::PutManifest {
        repo: repo.into(),
        reference: reference.into(),
        content_type: content_type.map(str::to_owned),
        tags: Vec::new(),
        bytes: text.into(),
    }
}

/// The same push, with tags as parameters.
pub fn tagging(op: Op, more: &[&str]) -> Op {
    let Op::PutManifest { repo, reference, content_type, bytes, .. } = op else { panic!("{op:?} is no push") };
    let tags = more.iter().map(|tag| (*tag).to_owned()).collect();
    Op::PutManifest { repo, reference, content_type, bytes, tags }
}

pub fn head_manifest(repo: &str, reference: &str) -> Op {
    Op::HeadManifest { repo: repo.into(), reference: reference.into() }
}

pub fn get_manifest(repo: &str, reference: &str) -> Op {
    Op::GetManifest { repo: repo.into(), reference: reference.into() }
}

pub fn delete_manifest(repo: &str, reference: &str) -> Op {
    Op::DeleteManifest { repo: repo.into(), reference: reference.into() }
}

pub fn list_tags(repo: &str, n: Option<&str>, last: Option<&str>) -> Op {
    Op::ListTags { repo: repo.into(), n: n.map(str::to_owned), last: last.map(str::to_owned) }
}

pub fn catalog(n: Option<&str>, last: Option<&str>) -> Op {
    Op::ListRepositories { n: n.map(str::to_owned), last: last.map(str::to_owned) }
}

pub fn referrers(repo: &str, digest: &str, artifact_type: Option<&str>) -> Op {
    Op::Referrers { repo: repo.into(), digest: digest.into(), artifact_type: artifact_type.map(str::to_owned) }
}

pub fn tag_history(repo: &str, tag: &str) -> Op {
    Op::TagHistory { repo: repo.into(), tag: tag.into() }
}

pub fn tags_of(repo: &str, digest: &str) -> Op {
    Op::TagsOf { repo: repo.into(), digest: digest.into() }
}

pub fn remove(repo: &str) -> Op {
    Op::RemoveRepository { repo: repo.into() }
}

pub fn collect(delete_untagged: bool, grace_seconds: u64) -> Op {
    Op::CollectGarbage { delete_untagged, dry_run: false, grace_seconds }
}

// Outcomes.

/// The id that uploads get here: that of the name.
pub fn upload_of(upload: UploadRef, size: u64) -> Outcome {
    Outcome::Upload { id: format!("id-{}", upload.0), size }
}

pub fn blob_stored(digest: &str) -> Outcome {
    Outcome::BlobStored { digest: Some(digest.into()) }
}

/// The answer to HEAD of a blob.
pub fn blob_head(digest: &str, text: &str) -> Outcome {
    Outcome::Blob { digest: Some(digest.into()), size: text.len() as u64, body: None }
}

/// The answer to GET of a whole blob.
pub fn blob(digest: &str, text: &str) -> Outcome {
    let body = Some(BlobBody { bytes: text.into(), range: None });
    Outcome::Blob { digest: Some(digest.into()), size: text.len() as u64, body }
}

/// A part of a blob, and which it is.
pub fn blob_part(digest: &str, size: u64, range: (u64, u64), text: &str) -> Outcome {
    let body = Some(BlobBody { bytes: text.into(), range: Some(range) });
    Outcome::Blob { digest: Some(digest.into()), size, body }
}

pub fn manifest_stored(digest: &str, subject: Option<&str>, tags: &[&str]) -> Outcome {
    Outcome::ManifestStored {
        digest: Some(digest.into()),
        subject: subject.map(str::to_owned),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

/// The answer to GET of a manifest.
pub fn manifest(document: &Document) -> Outcome {
    Outcome::Manifest {
        digest: Some(document.digest()),
        media_type: document.media_type.into(),
        size: document.text().len() as u64,
        bytes: Some(document.text().into()),
    }
}

pub fn names(list: &[&str], more: bool) -> Outcome {
    Outcome::Names { names: list.iter().map(|name| (*name).to_owned()).collect(), more }
}

pub fn digests(list: &[&String]) -> Outcome {
    let mut digests: Vec<String> = list.iter().map(|digest| (*digest).clone()).collect();
    digests.sort();
    Outcome::Digests { digests }
}

/// What a collection took.
pub fn collected(manifests: &[(&str, &String)], blobs: &[&String]) -> Outcome {
    let mut manifests: Vec<_> =
        manifests.iter().map(|(repo, digest)| ((*repo).to_owned(), (*digest).clone())).collect();
    let mut blobs: Vec<_> = blobs.iter().map(|digest| (*digest).clone()).collect();
    manifests.sort();
    blobs.sort();
    Outcome::Collected { manifests, blobs }
}

/// A refusal with one error.
pub fn refused(status: u16, code: Code, detail: Option<&str>) -> Outcome {
    Outcome::Refused { status, errors: vec![ErrorItem { code, detail: detail.map(str::to_owned) }] }
}

/// A refusal without a body.
pub fn bare(status: u16) -> Outcome {
    Outcome::Refused { status, errors: Vec::new() }
}

pub fn blob_unknown(digest: &str) -> Outcome {
    refused(404, Code::BlobUnknown, Some(digest))
}

pub fn upload_unknown() -> Outcome {
    refused(404, Code::BlobUploadUnknown, None)
}

pub fn manifest_unknown(reference: &str) -> Outcome {
    refused(404, Code::ManifestUnknown, Some(reference))
}

pub fn digest_invalid(digest: Option<&str>) -> Outcome {
    refused(400, Code::DigestInvalid, digest)
}

pub fn name_invalid(name: &str) -> Outcome {
    refused(400, Code::NameInvalid, Some(name))
}

pub fn malformed() -> Outcome {
    refused(400, Code::ManifestInvalid, None)
}

pub fn unsupported() -> Outcome {
    refused(405, Code::Unsupported, None)
}

/// One `MANIFEST_BLOB_UNKNOWN` for each digest.
pub fn references_unknown(digests: &[&String]) -> Outcome {
    let error = |digest: &&String| ErrorItem { code: Code::ManifestBlobUnknown, detail: Some((*digest).clone()) };
    Outcome::Refused { status: 400, errors: digests.iter().map(error).collect() }
}
