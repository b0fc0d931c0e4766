//! Every way in which one operation may go.
//!
//! [`step`] is the whole specification: it asks the file of the operation's subject. A specification is a relation, not a
//! function: it answers with all the [`Branch`]es that the standard permits, each with its rule, what the client
//! may see, and the state after.

use crate::expect::{Expect, Id};
use crate::op::{Op, UploadRef};
use crate::options::{Dialect, Options};
use crate::outcome::Outcome;
use crate::refusal::{Refusal, Why};
use crate::rules::RuleId;
use crate::specification::Specification;
use crate::state::{State, Upload};
use crate::{blobs, garbage, lists, manifests, uploads};

/// One way in which an operation may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The rule that permits it.
    pub rule: RuleId,
    /// What the client sees.
    pub expect: Expect,
    /// The state after.
    pub next: State,
    /// The upload whose id is learned from the outcome.
    pub opens: Option<UploadRef>,
}

/// The branches, or the one reason to refuse.
pub(crate) type Answer = Result<Vec<Branch>, Refusal>;

/// Every way the specification permits `op` to go from `state`.
pub fn step(spec: &Specification, state: &State, op: &Op) -> Vec<Branch> {
    let at = At { spec, state, head: matches!(op, Op::HeadBlob { .. } | Op::HeadManifest { .. }) };
    let answer = match op {
        Op::HeadBlob { repo, digest } => blobs::head(&at, repo, digest),
        Op::GetBlob { repo, digest, range } => blobs::get(&at, repo, digest, *range),
        Op::DeleteBlob { repo, digest } => blobs::delete(&at, repo, digest),
        Op::MountBlob { repo, digest, from, upload } => blobs::mount(&at, repo, digest, from.as_deref(), *upload),
        Op::StartUpload { repo, upload } => uploads::start(&at, repo, *upload),
        Op::PutBlob { repo, digest, bytes, upload } => uploads::put_blob(&at, repo, digest, bytes, *upload),
        Op::Append { repo, upload, range, bytes } => uploads::append(&at, repo, *upload, *range, bytes),
        Op::UploadStatus { repo, upload } => uploads::status(&at, repo, *upload),
        Op::FinishUpload { repo, upload, digest, range, bytes } => {
            uploads::finish(&at, repo, *upload, digest.as_deref(), *range, bytes)
        }
        Op::CancelUpload { repo, upload } => uploads::cancel(&at, repo, *upload),
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            manifests::put(&at, repo, reference, content_type.as_deref(), tags, bytes)
        }
        Op::HeadManifest { repo, reference } | Op::GetManifest { repo, reference } => {
            manifests::get(&at, repo, reference)
        }
        Op::DeleteManifest { repo, reference } => manifests::delete(&at, repo, reference),
        Op::ListTags { repo, n, last } => lists::tags(&at, repo, n.as_deref(), last.as_deref()),
        Op::ListRepositories { n, last } => lists::repositories(&at, n.as_deref(), last.as_deref()),
        Op::WalkRepositories { .. } => lists::walk(&at),
        Op::Referrers { repo, digest, artifact_type } => lists::referrers(&at, repo, digest, artifact_type.as_deref()),
        Op::TagsOf { repo, digest } => lists::tags_of(&at, repo, digest),
        Op::TagHistory { repo, tag } => lists::tag_history(&at, repo, tag),
        Op::ListBlobs => lists::blobs(&at),
        Op::RemoveRepository { repo } => garbage::remove_repository(&at, repo),
        Op::CollectGarbage { delete_untagged, dry_run, grace_seconds } => {
            garbage::collect(&at, *delete_untagged, *dry_run, *grace_seconds)
        }
        Op::PurgeUploads { older_than, dry_run } => uploads::purge(&at, *older_than, *dry_run),
        Op::Advance { seconds } => {
            let mut next = state.clone();
            next.now += seconds;
            at.change("time.advance", Outcome::Done, next)
        }
        Op::Restart => at.answer("restart", Outcome::Done),
    };
    answer.unwrap_or_else(|refusal| vec![at.refuse(&refusal)])
}

/// An operation is asked here: of this specification, in this state.
pub(crate) struct At<'a> {
    pub(crate) spec: &'a Specification,
    pub(crate) state: &'a State,
    /// The answer has no body.
    pub(crate) head: bool,
}

impl At<'_> {
    pub(crate) fn options(&self) -> &Options {
        self.spec.options()
    }

    pub(crate) fn oci(&self) -> bool {
        self.spec.dialect() == Dialect::Oci
    }

    pub(crate) fn ours(&self) -> bool {
        self.spec.dialect() == Dialect::Proofhouse
    }

    /// The one permitted outcome; nothing changes.
    pub(crate) fn answer(&self, rule: &'static str, outcome: Outcome) -> Answer {
        self.change(rule, outcome, self.state.clone())
    }

    /// The one permitted outcome, and the state after.
    pub(crate) fn change(&self, rule: &'static str, outcome: Outcome, next: State) -> Answer {
        Ok(vec![self.branch(rule, outcome, next)])
    }

    /// One permitted outcome of several. Where the standard only says SHOULD, the digest may be left out.
    pub(crate) fn branch(&self, rule: &'static str, outcome: Outcome, next: State) -> Branch {
        let expect = if self.oci() { Expect::DigestOptional(outcome) } else { Expect::Exactly(outcome) };
        Branch { rule: RuleId(rule), expect, next, opens: None }
    }

    /// A refusal leaves everything as it was.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Branch {
        let expect = refusal.expect(self.spec.dialect(), self.head);
        Branch { rule: refusal.rule, expect, next: self.state.clone(), opens: None }
    }

    /// A new upload in `next`, which already has all else that changes.
    pub(crate) fn open(&self, rule: &'static str, repo: &str, upload: UploadRef, mut next: State) -> Branch {
        let used = self.state.uploads.values().filter_map(|upload| upload.id.clone()).collect();
        let id = if self.oci() { Id::Any } else { Id::Fresh(used) };
        next.repo_mut(repo);
        let started =
            Upload { repo: repo.to_owned(), id: None, bytes: Default::default(), started_at: next.now, open: true };
        next.uploads.insert(upload, started);
        Branch { rule: RuleId(rule), expect: Expect::Upload { id, size: 0 }, next, opens: Some(upload) }
    }

    /// An upload that goes on.
    pub(crate) fn still_open(&self, rule: &'static str, upload: UploadRef, next: State) -> Branch {
        let (id, size) = match next.uploads.get(&upload) {
            Some(Upload { id: Some(id), bytes, .. }) if !self.oci() => (Id::Is(id.clone()), bytes.size()),
            Some(upload) => (Id::Any, upload.bytes.size()),
            None => (Id::Any, 0),
        };
        Branch { rule: RuleId(rule), expect: Expect::Upload { id, size }, next, opens: None }
    }

    /// The name is well-formed, or `NAME_INVALID`.
    pub(crate) fn name(&self, repo: &str) -> Result<(), Refusal> {
        if crate::is_repository(repo) { Ok(()) } else { Err(Refusal::new("name.invalid", Why::Name(repo.into()))) }
    }

    /// The digest is well-formed, or `DIGEST_INVALID`.
    pub(crate) fn digest(&self, digest: &str) -> Result<(), Refusal> {
        if crate::is_digest(digest) {
            Ok(())
        } else {
            Err(Refusal::new("digest.invalid", Why::Digest(Some(digest.into()))))
        }
    }

    /// The tag is well-formed, or it is refused.
    pub(crate) fn tag(&self, tag: &str) -> Result<(), Refusal> {
        if crate::is_tag(tag) { Ok(()) } else { Err(Refusal::new("tag.invalid", Why::Tag(tag.into()))) }
    }

    /// A reference with a colon is a digest, else a tag; it is well-formed, or refused.
    pub(crate) fn reference(&self, reference: &str) -> Result<(), Refusal> {
        if reference.contains(':') { self.digest(reference) } else { self.tag(reference) }
    }

    /// Access control lets the digest be seen, or DENIED.
    pub(crate) fn visible(&self, repo: &str, digest: &str) -> Result<(), Refusal> {
        if self.spec.hides(repo, digest) {
            Err(Refusal::new("access.denied", Why::Denied(digest.into())))
        } else {
            Ok(())
        }
    }

    /// Deletion is on, or UNSUPPORTED. (OCI fixes this only once the target has been seen to delete.)
    pub(crate) fn deletion(&self) -> Result<(), Refusal> {
        if self.options().delete || self.oci() { Ok(()) } else { Err(Refusal::new("delete.off", Why::DeleteOff)) }
    }
}
