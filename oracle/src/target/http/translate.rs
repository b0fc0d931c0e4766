//! An answer as an outcome.
//!
//! The rules of the wire hold by now, so what the standard promises is there. Nothing is judged: what a registry says is
//! taken as it is, and only the prefix of names is dropped.

use std::collections::BTreeMap;

use proofhouse_model::{BlobBody, Code, Content, Dialect, ErrorItem, Op, Outcome, Referrer};
use serde_json::Value;

use super::names::Names;
use super::uploads::size;
use crate::wire::headers::{content_range, list, next_link, text};
use crate::wire::{Answer, read_errors};

/// What is needed to read an answer.
pub(super) struct Reading<'a> {
    pub(super) dialect: Dialect,
    pub(super) names: &'a Names,
    /// Bytes that the upload in question holds, if the answer says that it took the chunk.
    pub(super) held: u64,
    /// The upload's id where the answer does not name it: the path of its location.
    pub(super) location_path: Option<String>,
}

impl Reading<'_> {
    /// The outcome of an answer that keeps the rules of the wire.
    pub(super) fn outcome(&self, op: &Op, answer: &Answer) -> Outcome {
        if answer.status >= 400 {
            return self.refused(op, answer);
        }
        let header = |name: &str| text(&answer.headers, name).map(str::to_owned);
        let digest = header("docker-content-digest");
        let length = header("content-length").and_then(|length| length.parse().ok());
        match op {
            Op::HeadBlob { .. } => Outcome::Blob { digest, size: length.unwrap_or_default(), body: None },
            Op::GetBlob { .. } if matches!(answer.status, 301..=308) => {
                Outcome::Redirect { url: header("location").unwrap_or_default() }
            }
            Op::GetBlob { .. } => {
                let bytes = Content::from(answer.body.as_slice());
                let part = header("content-range").filter(|_| answer.status == 206);
                let part = part.and_then(|value| content_range(&value));
                let size = part.and_then(|part| part.size).unwrap_or(bytes.size());
                let range = part.map(|part| (part.first, part.last));
                Outcome::Blob { digest, size, body: Some(BlobBody { bytes, range }) }
            }
            Op::DeleteBlob { .. } | Op::DeleteManifest { .. } | Op::CancelUpload { .. } => Outcome::Done,
            Op::MountBlob { .. } | Op::PutBlob { .. } if answer.status == 201 => Outcome::BlobStored { digest },
            Op::MountBlob { .. }
            | Op::PutBlob { .. }
            | Op::StartUpload { .. }
            | Op::Append { .. }
            | Op::UploadStatus { .. } => Outcome::Upload {
                id: header("docker-upload-uuid").or_else(|| self.location_path.clone()).unwrap_or_default(),
                size: size(text(&answer.headers, "range"), self.held),
            },
            Op::FinishUpload { .. } => Outcome::BlobStored { digest },
            Op::PutManifest { .. } => Outcome::ManifestStored {
                digest,
                subject: header("oci-subject"),
                tags: list(&answer.headers, "oci-tag").into_iter().map(str::to_owned).collect(),
            },
            Op::HeadManifest { .. } | Op::GetManifest { .. } => {
                let pulled = matches!(op, Op::GetManifest { .. });
                let bytes = pulled.then(|| Content::from(answer.body.as_slice()));
                let size = bytes.as_ref().map(Content::size).or(length).unwrap_or_default();
                Outcome::Manifest { digest, media_type: self.media_type(header("content-type")), size, bytes }
            }
            Op::ListTags { .. } => Outcome::Names { names: strings(answer, "tags"), more: announces_more(answer) },
            Op::ListRepositories { .. } => {
                let names = strings(answer, "repositories");
                let names = names.iter().map(|name| self.names.here(name).unwrap_or_else(|| name.clone())).collect();
                Outcome::Names { names, more: announces_more(answer) }
            }
            Op::Referrers { .. } => Outcome::Referrers {
                referrers: referrers(answer),
                filtered: list(&answer.headers, "oci-filters-applied").contains(&"artifactType"),
            },
            _ => Outcome::Broken { what: format!("{} has no answer over HTTP", op.name()) },
        }
    }

    /// The errors of a body that is JSON; none where there is no such body.
    fn refused(&self, op: &Op, answer: &Answer) -> Outcome {
        let head = matches!(op, Op::HeadBlob { .. } | Op::HeadManifest { .. });
        let errors = if head || !answer.is_json() { Vec::new() } else { read_errors(&answer.body).unwrap_or_default() };
        let item = |error: &Value| ErrorItem {
            code: Code::from(error["code"].as_str().unwrap_or_default()),
            detail: self.detail(&error["detail"]),
        };
        Outcome::Refused { status: answer.status, errors: errors.iter().map(item).collect() }
    }

    /// A string is the subject itself; of an object it is the value that names one.
    fn detail(&self, detail: &Value) -> Option<String> {
        const SUBJECTS: &[&str] = &["digest", "Digest", "Revision", "tag", "Tag", "reference", "name", "Name"];
        let subject = match detail {
            Value::String(subject) => Some(subject),
            Value::Object(members) => SUBJECTS.iter().find_map(|key| match members.get(*key) {
                Some(Value::String(subject)) => Some(subject),
                _ => None,
            }),
            _ => None,
        }?;
        Some(self.names.here(subject).unwrap_or_else(|| subject.clone()))
    }

    /// Parameters SHOULD NOT be there; our own registry has none, of others they are dropped.
    fn media_type(&self, content_type: Option<String>) -> String {
        let content_type = content_type.unwrap_or_default();
        if self.dialect == Dialect::Proofhouse {
            return content_type;
        }
        content_type.split(';').next().unwrap_or_default().trim().to_owned()
    }
}

/// The strings of a list in the body; none if it is null.
pub(super) fn strings(answer: &Answer, key: &str) -> Vec<String> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let items = document[key].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn announces_more(answer: &Answer) -> bool {
    matches!(next_link(&answer.headers), Ok(Some(_)))
}

/// The rows of an index.
pub(super) fn referrers(answer: &Answer) -> Vec<Referrer> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let rows = document["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let row = |row: &Value| Referrer {
        digest: string(&row["digest"]).unwrap_or_default(),
        media_type: string(&row["mediaType"]).unwrap_or_default(),
        size: row["size"].as_u64().unwrap_or_default(),
        artifact_type: string(&row["artifactType"]),
        annotations: row["annotations"].as_object().map(|annotations| {
            let pair = |(key, value): (&String, &Value)| (key.clone(), string(value).unwrap_or_default());
            annotations.iter().map(pair).collect::<BTreeMap<_, _>>()
        }),
    };
    rows.iter().map(row).collect()
}
