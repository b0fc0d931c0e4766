//! What a run wrote, and taking it away again.
//!
//! Whatever an answer does not refuse may have been stored, so that is remembered, and forgotten when it is deleted. What a case wrote
//! goes before the next begins, over several connections: open uploads, tags, then manifests (of a repository the last first: an index
//! before its entries), then blobs. What kind of thing cannot be deleted is seen at the first. Only what is below the run's prefix is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use proofhouse_model::{Op, Outcome, digest_of, is_digest};
use reqwest::Method;
use url::Url;

use super::names::{path, segment};
use super::session::Session;
use super::transport::Request;
use super::{HttpTarget, requests};
use crate::wire::Answer;

/// Requests at the same time, where the registry is known to delete.
const AT_ONCE: usize = 8;

/// In the order in which they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Known by its location.
    Upload,
    Tag,
    Manifest,
    Blob,
}

impl Kind {
    /// Does it stay where it is not deleted?
    fn stays(self) -> bool {
        matches!(self, Kind::Manifest | Kind::Blob)
    }
}

/// What may be there, and what became of the rest.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Kind, repository and reference, with a number that grows.
    known: BTreeMap<(Kind, String, String), u64>,
    next: u64,
    /// Kinds of which one was deleted.
    deletes: BTreeSet<Kind>,
    /// Kinds of which none can be.
    keeps: BTreeSet<Kind>,
    /// Manifests and blobs that cannot be deleted, and what was answered at the first.
    staying: usize,
    why: Option<String>,
    /// Why nothing more is asked until the run ends: a registry that does not answer is not waited for after each case.
    halted: Option<String>,
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

    /// An upload goes on there, and no more where it went on before.
    pub(super) fn goes_on(&mut self, repository: &str, before: Option<&Url>, location: &Url) {
        self.ended(repository, before);
        self.next += 1;
        self.known.insert((Kind::Upload, repository.to_owned(), location.to_string()), self.next);
    }

    /// An upload that went on there is finished, or cancelled.
    pub(super) fn ended(&mut self, repository: &str, before: Option<&Url>) {
        before.into_iter().for_each(|before| self.gone(Kind::Upload, repository, before.as_str()));
    }

    fn gone(&mut self, kind: Kind, repository: &str, reference: &str) {
        self.known.remove(&(kind, repository.to_owned(), reference.to_owned()));
    }

    /// What is left of a kind: each of these may go beside the others, and what is in one of them goes in its order.
    fn rows(&self, kind: Kind) -> Vec<Vec<(String, String)>> {
        let of_kind = self.known.iter().filter(|((of, ..), _)| *of == kind);
        let mut all: Vec<_> =
            of_kind.map(|((_, repository, reference), number)| (number, repository, reference)).collect();
        all.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
        let mut rows: BTreeMap<(&str, usize), Vec<(String, String)>> = BTreeMap::new();
        for (at, (_, repository, reference)) in all.into_iter().enumerate() {
            // Nothing else names a tag, or is named by a blob.
            let row = if kind == Kind::Manifest { 0 } else { at };
            rows.entry((repository, row)).or_default().push((repository.clone(), reference.clone()));
        }
        rows.into_values().collect()
    }

    /// Is anything of this kind still to be asked for?
    fn is_worth_asking(&self, kind: Kind) -> bool {
        self.halted.is_none() && !self.keeps.contains(&kind)
    }

    /// What was answered to its deletion. Without its tag a manifest can go, and the tag goes with it; an upload that nobody goes on
    /// with the registry purges. So only the others stay.
    fn answered(&mut self, kind: Kind, repository: &str, reference: &str, answer: Deletion) {
        match answer {
            Deletion::Done => {
                self.deletes.insert(kind);
            }
            Deletion::Absent => {}
            Deletion::Refused { status, reason } => {
                if matches!(status, 400 | 405 | 501) && !self.deletes.contains(&kind) {
                    self.keeps.insert(kind);
                }
                if kind.stays() {
                    self.staying += 1;
                    self.why.get_or_insert(reason);
                }
            }
            Deletion::Unanswered { reason } => {
                self.halted.get_or_insert(reason);
                return;
            }
        }
        self.gone(kind, repository, reference);
    }

    /// What is left of a kind of which none can be deleted is only counted.
    fn settle(&mut self, kind: Kind) {
        if self.keeps.contains(&kind) {
            let before = self.known.len();
            self.known.retain(|(of, ..), _| *of != kind);
            self.staying += if kind.stays() { before - self.known.len() } else { 0 };
        }
    }
}

/// What became of one thing that was to go.
#[derive(Debug)]
enum Deletion {
    Done,
    /// It was not there.
    Absent,
    Refused {
        status: u16,
        reason: String,
    },
    /// Nothing that could be judged; the same is to be expected of the next.
    Unanswered {
        reason: String,
    },
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
        let what = if *count == 1 { "manifest or blob" } else { "manifests and blobs" };
        write!(f, "{count} {what} may stay in repositories that begin with {namespace}: {reason}")
    }
}

impl HttpTarget {
    /// Deletes what is left of what was written, for so long at most; to be called when the run has ended, whatever ended it, since
    /// nothing is asked after that time. None: nothing stays of what can be deleted.
    pub async fn clean_up(&mut self, within: Duration) -> Option<Leftovers> {
        self.session.goes_on_until(Instant::now() + within);
        self.written.borrow_mut().halted = None;
        self.take_away().await;
        let written = self.written.borrow();
        let left = written.known.keys().filter(|(kind, ..)| kind.stays()).count();
        let reason = written.why.clone().or_else(|| written.halted.clone().filter(|_| left > 0))?;
        Some(Leftovers { namespace: self.run.clone(), count: written.staying + left, reason })
    }

    /// Deletes what was written so far, unless it is known that this leads nowhere.
    pub(super) async fn take_away(&mut self) {
        for kind in [Kind::Upload, Kind::Tag, Kind::Manifest, Kind::Blob] {
            let rows = self.written.borrow().rows(kind);
            let at_once = if self.written.borrow().deletes.contains(&kind) { AT_ONCE } else { 1 };
            let target = &*self;
            futures::stream::iter(rows).for_each_concurrent(at_once, |row| target.take_row_away(kind, row)).await;
            self.written.borrow_mut().settle(kind);
        }
    }

    async fn take_row_away(&self, kind: Kind, row: Vec<(String, String)>) {
        let mut session = self.session.clone();
        for (repository, reference) in row {
            if !self.written.borrow().is_worth_asking(kind) {
                return;
            }
            let answer = self.delete(&mut session, kind, &repository, &reference).await;
            self.written.borrow_mut().answered(kind, &repository, &reference, answer);
        }
    }

    async fn delete(&self, session: &mut Session, kind: Kind, repository: &str, reference: &str) -> Deletion {
        let url = match kind {
            Kind::Upload => reference.to_owned(),
            Kind::Tag | Kind::Manifest => format!("v2/{}/manifests/{}", path(repository), segment(reference)),
            Kind::Blob => format!("v2/{}/blobs/{}", path(repository), segment(reference)),
        };
        let url = match self.base.join(&url) {
            Ok(url) => url,
            Err(error) => return Deletion::Unanswered { reason: error.to_string() },
        };
        let shown = url.path().to_owned();
        match session.send(Request::new(Method::DELETE, url)).await {
            Err(error) => Deletion::Unanswered { reason: error.to_string() },
            Ok(Answer { failure: Some(reason), .. }) => Deletion::Unanswered { reason },
            Ok(Answer { status: 200..=299, .. }) => Deletion::Done,
            Ok(Answer { status: 404 | 410, .. }) => Deletion::Absent,
            Ok(Answer { status, .. }) => {
                Deletion::Refused { status, reason: format!("DELETE {shown} is answered with {status}") }
            }
        }
    }

    /// The operation may have stored something, or taken it away.
    pub(super) fn written(&self, op: &Op, outcome: &Outcome) {
        let Some(repository) = requests::repository(op) else { return };
        let repository = self.names.clone().there(repository);
        if repository.starts_with(&self.run) {
            self.written.borrow_mut().note(op, outcome, &repository);
        }
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Dialect, Options, UploadRef};

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
            "3 manifests and blobs may stay in repositories that begin with ns/run: DELETE /v2/ns/run-1/a/manifests/{index} \
             is answered with 405"
        );
        assert_eq!(left.unwrap().to_string(), why);
        // Tags that cannot be deleted go with their manifests.
        let gone = || reply(202, &[], "");
        assert_eq!(cleaned(&[no(), gone(), gone(), gone()]).1, None);
    }

    /// What is asked when the next case begins.
    fn asked_between(keep: bool, answers: &[Reply]) -> Vec<String> {
        let mut script = vec![reply(201, &[("Location", "/x")], "")];
        script.extend_from_slice(answers);
        let options = HttpOptions { namespace: Some("ns".into()), keep, ..HttpOptions::new(Dialect::Oci) };
        with_target(options, script, async |target, server| {
            target.perform(&blob("b")).await;
            target.fresh(&Options::default()).await.unwrap();
            target.perform(&blob("c")).await;
            target.fresh(&Options::default()).await.unwrap();
            server.asked().into_iter().map(|asked| asked.line).collect()
        })
    }

    #[test]
    fn what_a_case_wrote_goes_before_the_next_begins_unless_it_is_kept() {
        let stored = || reply(201, &[("Location", "/x")], "");
        let [b, c] = ["b", "c"].map(|text| digest_of("sha256", text.as_bytes()));
        let put = |case: u64, digest: &str| {
            let digest = digest.replace(':', "%3A");
            format!("POST /v2/ns/run-{case}/a/blobs/uploads/?digest={digest} HTTP/1.1")
        };
        let asked = asked_between(false, &[reply(202, &[], ""), stored(), reply(202, &[], "")]);
        let second = line("blobs", &c).replace("run-1", "run-2");
        assert_eq!(asked, [put(1, &b), line("blobs", &b), put(2, &c), second]);
        assert_eq!(asked_between(true, &[stored()]), [put(1, &b), put(2, &c)]);
        // What cannot be deleted is asked for once, whatever else is written.
        assert_eq!(asked_between(false, &[reply(405, &[], ""), stored()]).len(), 3);
    }

    #[test]
    fn an_upload_that_was_left_open_is_cancelled_where_it_last_went_on_and_one_that_ended_is_not() {
        let at = |id: &str| reply(202, &[("Location", id), ("Range", "0-0")], "");
        let opened = |id: &str| reply(202, &[("Location", &format!("/v2/ns/run-1/a/blobs/uploads/{id}"))], "");
        let script = vec![opened("x"), at("/y?_state=2"), opened("z"), reply(204, &[], ""), reply(204, &[], "")];
        let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) };
        let (asked, left) = with_target(options, script, async |target, server| {
            let (repo, upload, other) = ("a".to_owned(), UploadRef(1), UploadRef(2));
            target.perform(&Op::StartUpload { repo: repo.clone(), upload }).await;
            let bytes = "b".into();
            target.perform(&Op::Append { repo: repo.clone(), upload, range: None, bytes }).await;
            target.perform(&Op::StartUpload { repo: repo.clone(), upload: other }).await;
            target.perform(&Op::CancelUpload { repo, upload: other }).await;
            server.asked();
            let left = target.clean_up(Duration::from_secs(5)).await;
            (server.asked().into_iter().map(|asked| asked.line).collect::<Vec<_>>(), left)
        });
        assert_eq!((asked, left), (vec!["DELETE /y?_state=2 HTTP/1.1".to_owned()], None));
    }

    #[test]
    fn where_one_thing_stays_the_others_of_its_kind_are_not_given_up() {
        let (gone, named) = (|| reply(202, &[], ""), reply(405, &[], ""));
        let (asked, left) = cleaned(&[gone(), gone(), named, gone()]);
        assert_eq!(asked.len(), 4, "{asked:?}");
        assert_eq!(left.unwrap().count, 1);
    }

    #[test]
    fn it_ends_where_nobody_answers() {
        let (asked, left) = cleaned(&[Reply::Cut(Vec::new())]);
        assert_eq!((asked.len(), left.unwrap().count), (1, 3));
    }
}
