//! What a run wrote, and taking it away again.
//!
//! Whatever an answer does not refuse may have been stored, so that is remembered, and forgotten when it is deleted. In the end tags
//! go, then manifests (the last first: an index before its entries), then blobs. What kind of thing cannot be deleted is seen
//! at the first of its kind. Only what is below the prefix of the run is touched.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use proofhouse_model::{Op, Outcome, digest_of, is_digest};
use reqwest::Method;

use super::names::{path, segment};
use super::transport::Request;
use super::{HttpTarget, requests};

/// In the order in which they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Tag,
    Manifest,
    Blob,
}

/// What may be there: kind, repository and reference, with a number that grows.
#[derive(Debug, Default)]
pub(super) struct Written {
    known: BTreeMap<(Kind, String, String), u64>,
    next: u64,
}

impl Written {
    /// An operation was performed in a repository with this name.
    pub(super) fn note(&mut self, op: &Op, outcome: &Outcome, repository: &str) {
        if matches!(outcome, Outcome::Refused { .. }) {
            return;
        }
        let mut stored = |kind, reference: &str| {
            self.next += 1;
            self.known.insert((kind, repository.to_owned(), reference.to_owned()), self.next);
        };
        match op {
            Op::PutManifest { reference, tags, bytes, .. } => {
                match is_digest(reference) {
                    true => stored(Kind::Manifest, reference),
                    false => {
                        stored(Kind::Tag, reference);
                        stored(Kind::Manifest, &digest_of("sha256", bytes));
                    }
                }
                tags.iter().for_each(|tag| stored(Kind::Tag, tag));
            }
            Op::PutBlob { digest, .. } | Op::MountBlob { digest, .. } if is_digest(digest) => {
                stored(Kind::Blob, digest);
            }
            Op::FinishUpload { digest: Some(digest), .. } if is_digest(digest) => stored(Kind::Blob, digest),
            Op::DeleteBlob { digest, .. } => self.gone(Kind::Blob, repository, digest),
            Op::DeleteManifest { reference, .. } => {
                let kind = if is_digest(reference) { Kind::Manifest } else { Kind::Tag };
                self.gone(kind, repository, reference);
            }
            _ => {}
        }
    }

    fn gone(&mut self, kind: Kind, repository: &str, reference: &str) {
        self.known.remove(&(kind, repository.to_owned(), reference.to_owned()));
    }

    /// Everything, in the order in which it is to go.
    fn take(&mut self) -> Vec<(Kind, String, String)> {
        let mut all: Vec<_> = std::mem::take(&mut self.known).into_iter().collect();
        all.sort_by_key(|((kind, ..), number)| (*kind, std::cmp::Reverse(*number)));
        all.into_iter().map(|(one, _)| one).collect()
    }
}

/// What stays, and why. For a person, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// What the name of each repository begins with in which something stays.
    pub namespace: String,
    /// How many manifests and blobs.
    pub count: usize,
    /// What was answered instead of deleting, or why nothing was asked any more.
    pub reason: String,
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leftovers { namespace, count, reason } = self;
        write!(f, "{count} manifests and blobs stay in repositories that begin with {namespace}: {reason}")
    }
}

impl HttpTarget {
    /// Deletes what was written, for so long at most. None: nothing stays of what can be deleted.
    pub async fn clean_up(&mut self, within: Duration) -> Option<Leftovers> {
        let until = Instant::now() + within;
        self.session.deadline = Some(until);
        let all = self.written.borrow_mut().take();
        let (mut count, mut why) = (0, None);
        // Of a kind that cannot be deleted, nothing more is asked.
        let mut kept: Option<Kind> = None;
        let mut over = false;
        for (kind, repository, reference) in all {
            let skipped = over || kept == Some(kind) || !repository.starts_with(&self.run);
            let failed = if skipped { None } else { Some(self.delete(kind, &repository, &reference).await) };
            match failed {
                Some(Ok(None)) => continue,
                Some(Ok(Some((status, reason)))) => {
                    // Without it the manifest can go all the same, and its tags go with it.
                    let whole_kind = matches!(status, 400 | 405 | 501);
                    kept = if whole_kind { Some(kind) } else { kept };
                    if kind != Kind::Tag {
                        why.get_or_insert(reason);
                    }
                }
                Some(Err(reason)) => {
                    over = true;
                    why.get_or_insert(reason);
                }
                None => {}
            }
            count += usize::from(kind != Kind::Tag);
        }
        let reason = why.filter(|_| count > 0)?;
        Some(Leftovers { namespace: self.run.clone(), count, reason })
    }

    /// What was answered, if it is not gone.
    async fn delete(&mut self, kind: Kind, repository: &str, reference: &str) -> Result<Option<(u16, String)>, String> {
        let place = if kind == Kind::Blob { "blobs" } else { "manifests" };
        let url = format!("v2/{}/{place}/{}", path(repository), segment(reference));
        let url = self.base.join(&url).map_err(|error| error.to_string())?;
        let shown = url.path().to_owned();
        let answer = self.session.send(Request::new(Method::DELETE, url)).await.map_err(|error| error.to_string())?;
        match (answer.status, answer.failure) {
            (_, Some(failure)) => Err(failure),
            (200..=299 | 404 | 410, None) => Ok(None),
            (status, None) => Ok(Some((status, format!("DELETE {shown} is answered with {status}")))),
        }
    }

    /// The operation may have stored something, or taken it away.
    pub(super) fn written(&self, op: &Op, outcome: &Outcome) {
        let Some(repository) = requests::repository(op) else { return };
        let repository = self.names.clone().there(repository);
        self.written.borrow_mut().note(op, outcome, &repository);
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Dialect, UploadRef};

    use super::super::HttpOptions;
    use super::super::server::{Reply, reply};
    use super::super::tests::with_target;
    use super::*;
    use crate::target::Target as _;

    fn blob(text: &str) -> Op {
        let digest = digest_of("sha256", text.as_bytes());
        Op::PutBlob { repo: "a".into(), digest, bytes: text.into(), upload: UploadRef(1) }
    }

    fn manifest(reference: &str, text: &str) -> Op {
        let (repo, reference) = ("a".into(), reference.into());
        Op::PutManifest { repo, reference, tags: vec![], content_type: None, bytes: text.into() }
    }

    /// What is asked, and what stays, of a registry that has a blob, a manifest, an index with a tag, and a blob that it refused.
    fn cleaned(answers: &[Reply]) -> (Vec<String>, Option<Leftovers>) {
        let stored = reply(201, &[("Location", "/x")], "");
        let mut script = vec![stored.clone(), stored.clone(), stored, reply(400, &[], "")];
        script.extend_from_slice(answers);
        let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) };
        with_target(options, script, async |target, server| {
            for op in [blob("b"), manifest(&digest_of("sha256", b"m"), "m"), manifest("t", "i"), blob("refused")] {
                target.perform(&op).await;
            }
            server.asked();
            let left = target.clean_up(Duration::from_secs(5)).await;
            (server.asked().into_iter().map(|asked| asked.line).collect(), left)
        })
    }

    fn line(kind: &str, reference: &str) -> String {
        format!("DELETE /v2/ns/run-1/a/{kind}/{reference} HTTP/1.1")
    }

    #[test]
    fn what_was_stored_goes_in_the_order_in_which_nothing_is_needed_any_more() {
        let gone = || reply(202, &[], "");
        let (asked, left) = cleaned(&[gone(), gone(), reply(404, &[], ""), gone()]);
        let [index, image, layer] = ["i", "m", "b"].map(|text| digest_of("sha256", text.as_bytes()));
        let expected =
            [line("manifests", "t"), line("manifests", &index), line("manifests", &image), line("blobs", &layer)];
        assert_eq!((asked, left), (expected.to_vec(), None));
    }

    #[test]
    fn where_nothing_can_be_deleted_the_prefix_is_told_and_it_is_not_tried_on_and_on() {
        let no = || reply(405, &[], "");
        let (asked, left) = cleaned(&[no(), no(), no()]);
        assert_eq!(asked.len(), 3, "{asked:?}");
        let index = digest_of("sha256", b"i");
        let why = format!(
            "3 manifests and blobs stay in repositories that begin with ns/run: DELETE /v2/ns/run-1/a/manifests/{index} \
             is answered with 405"
        );
        assert_eq!(left.unwrap().to_string(), why);
        // Tags that cannot be deleted go with their manifests.
        let gone = || reply(202, &[], "");
        assert_eq!(cleaned(&[no(), gone(), gone(), gone()]).1, None);
    }

    #[test]
    fn it_ends_where_nobody_answers() {
        let (asked, left) = cleaned(&[Reply::Cut(Vec::new())]);
        assert_eq!((asked.len(), left.unwrap().count), (1, 3));
    }
}
