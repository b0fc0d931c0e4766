//! Every way in which one operation may go.
//!
//! [`step`] is the whole specification: it asks the file of the operation's subject. A specification is a relation, not a
//! function: it answers with all the [`Branch`]es that the standard permits, each with its rule, what the client
//! may see, and the state after.

use crate::names::{algorithm, is_sha384};
use crate::refusal::{Refusal, Why, refusal};
use crate::state::Choice;
use crate::{
    Content, Dialect, Expect, Id, Op, Options, Outcome, Release, RuleId, Specification, State, Upload, UploadRef,
    digest_of,
};
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
    let at = At { spec, state, repo: "", head: matches!(op, Op::HeadBlob { .. } | Op::HeadManifest { .. }) };
    let branches = answer(&at, op).unwrap_or_else(|refusal| vec![at.refuse(&refusal)]);
    match op.digest().filter(|digest| at.oci() && at.digest(digest).is_ok()).map(algorithm) {
        None | Some("sha256") => branches,
        // The text asks for no other algorithm.
        Some(other) => {
            let unknown = refusal("digest.algorithm", Why::Digest(None));
            let refused = match op {
                Op::FinishUpload { upload, bytes, .. } => uploads::not_finished(&at, &unknown, *upload, bytes),
                _ => vec![at.refuse(&unknown)],
            };
            // Whoever only starts an upload, or refuses for another reason, need not have looked at the digest.
            let unsaid = |it: &Branch| it.opens.is_some() || matches!(it.expect, Expect::Refused { .. });
            let (unsaid, known) = branches.into_iter().partition(unsaid);
            [at.settle(&Choice::Algorithm(other.to_owned()), [known, refused]), unsaid].concat()
        }
    }
}

fn answer<'a>(at: &At<'a>, op: &'a Op) -> Answer {
    match op {
        Op::HeadBlob { repo, digest } => blobs::read(&at.within(repo)?, digest),
        Op::GetBlob { repo, digest, range } => blobs::get(&at.within(repo)?, digest, *range),
        Op::DeleteBlob { repo, digest } => blobs::delete(&at.within(repo)?, digest),
        Op::MountBlob { repo, digest, from, upload } => {
            blobs::mount(&at.within(repo)?, digest, from.as_deref(), *upload)
        }
        Op::StartUpload { repo, upload } => uploads::start(&at.within(repo)?, *upload),
        Op::PutBlob { repo, digest, bytes, upload } => uploads::put_blob(&at.within(repo)?, digest, bytes, *upload),
        Op::Append { repo, upload, range, bytes } => uploads::append(&at.within(repo)?, *upload, *range, bytes),
        Op::UploadStatus { repo, upload } => uploads::status(&at.within(repo)?, *upload),
        Op::FinishUpload { repo, upload, digest, range, bytes } => {
            uploads::finish(&at.within(repo)?, *upload, digest.as_deref(), *range, bytes)
        }
        Op::CancelUpload { repo, upload } => uploads::cancel(&at.within(repo)?, *upload),
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            let content_type = content_type.as_deref();
            manifests::Push { at: &at.within(repo)?, reference, content_type, tags, bytes }.put()
        }
        Op::HeadManifest { repo, reference } | Op::GetManifest { repo, reference } => {
            manifests::get(&at.within(repo)?, reference)
        }
        Op::DeleteManifest { repo, reference } => manifests::delete(&at.within(repo)?, reference),
        Op::ListTags { repo, n, last } => lists::tags(&at.within(repo)?, n.as_deref(), last.as_deref()),
        Op::ListRepositories { n, last } => lists::repositories(at, n.as_deref(), last.as_deref()),
        Op::WalkRepositories { .. } => lists::walk(at),
        Op::Referrers { repo, digest, artifact_type } => {
            lists::referrers(&at.within(repo)?, digest, artifact_type.as_deref())
        }
        Op::TagsOf { repo, digest } => lists::tags_of(&at.within(repo)?, digest),
        Op::TagHistory { repo, tag } => lists::tag_history(&at.within(repo)?, tag),
        Op::ListBlobs => lists::blobs(at),
        Op::RemoveRepository { repo } => garbage::remove_repository(&at.within(repo)?),
        Op::CollectGarbage { delete_untagged, dry_run, grace_seconds } => {
            garbage::collect(at, *delete_untagged, *dry_run, *grace_seconds)
        }
        Op::PurgeUploads { older_than, dry_run } => uploads::purge(at, *older_than, *dry_run),
        Op::Advance { seconds } => {
            let now = at.state.now.saturating_add(*seconds);
            Ok(vec![at.branch("time.advance", Outcome::Done, State { now, ..at.state.clone() })])
        }
        Op::Restart => uploads::restart(at),
    }
}

/// An operation is asked here: of this specification, in this state, of this repository.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) spec: &'a Specification,
    pub(crate) state: &'a State,
    /// Well-formed; empty where an operation is of no repository.
    pub(crate) repo: &'a str,
    /// The answer has no body.
    pub(crate) head: bool,
}

impl<'a> At<'a> {
    /// The same in that repository, if its name is well-formed, or `NAME_INVALID`.
    pub(crate) fn within(&self, repo: &'a str) -> Result<At<'a>, Refusal> {
        self.name(repo)?;
        Ok(At { repo, ..*self })
    }

    pub(crate) fn options(&self) -> &Options {
        self.spec.options()
    }

    pub(crate) fn ours(&self) -> bool {
        self.spec.dialect() == Dialect::Proofhouse
    }

    pub(crate) fn oci(&self) -> bool {
        self.spec.dialect() == Dialect::Oci
    }

    /// All repositories may share their blobs, with those of other cases and other people.
    pub(crate) fn may_share(&self) -> bool {
        self.oci() && self.state.choices.get(&Choice::SharedBlobs) != Some(&0)
    }

    pub(crate) fn distribution(&self) -> bool {
        matches!(self.spec.dialect(), Dialect::Distribution(_))
    }

    pub(crate) fn v2(&self) -> bool {
        self.spec.dialect() == Dialect::Distribution(Release::V2_8)
    }

    /// The one permitted outcome; nothing changes.
    pub(crate) fn answer(&self, rule: &'static str, outcome: Outcome) -> Answer {
        Ok(vec![self.same(rule, outcome)])
    }

    /// One permitted outcome of several; nothing changes.
    pub(crate) fn same(&self, rule: &'static str, outcome: Outcome) -> Branch {
        self.branch(rule, outcome, self.state.clone())
    }

    /// One permitted outcome of several. OCI only says SHOULD of the digest, and that it is one of the content's.
    pub(crate) fn branch(&self, rule: &'static str, outcome: Outcome, next: State) -> Branch {
        let expect = match &outcome {
            Outcome::Blob { digest: Some(digest), .. } | Outcome::BlobStored { digest: Some(digest) } if self.oci() => {
                let bytes = next.known(digest).map(|bytes| &**bytes).unwrap_or_default();
                let others = ["sha256", "sha384", "sha512"].map(|algorithm| digest_of(algorithm, bytes));
                Expect::DigestFree { others: others.into(), outcome }
            }
            _ if self.oci() => Expect::DigestFree { outcome, others: Vec::new() },
            _ => Expect::Exactly(outcome),
        };
        self.expecting(rule, expect, next)
    }

    pub(crate) fn expecting(&self, rule: &'static str, expect: Expect, next: State) -> Branch {
        Branch { rule: RuleId(rule), expect, next, opens: None }
    }

    /// A refusal leaves everything as it was.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Branch {
        self.expecting(refusal.rule.0, refusal.expect(self.spec.dialect(), self.head), self.state.clone())
    }

    /// Any of these refusals.
    pub(crate) fn refusals(&self, all: impl IntoIterator<Item = Refusal>) -> Vec<Branch> {
        all.into_iter().map(|refusal| self.refuse(&refusal)).collect()
    }

    /// The ways that a choice may go; the one that was taken first is the only one from then on.
    pub(crate) fn settle<const N: usize>(&self, choice: &Choice, ways: [Vec<Branch>; N]) -> Vec<Branch> {
        let settled = self.state.choices.get(choice).copied();
        let mut permitted = Vec::new();
        for (way, mut branches) in ways.into_iter().enumerate() {
            if settled.is_none_or(|settled| settled == way) {
                for branch in &mut branches {
                    branch.next.choices.insert(choice.clone(), way);
                }
                permitted.extend(branches);
            }
        }
        permitted
    }

    /// One way; OCI lets a registry take the other, which it then always does.
    pub(crate) fn either(&self, choice: &Choice, one: Vec<Branch>, other: Vec<Branch>) -> Vec<Branch> {
        if self.oci() { self.settle(choice, [one, other]) } else { one }
    }

    /// A new upload in `next`, which already has all else that changes.
    pub(crate) fn open(&self, rule: &'static str, upload: UploadRef, mut next: State) -> Branch {
        let id = if self.oci() { Id::Any } else { Id::Fresh(self.state.used_ids.clone()) };
        next.repo_mut(self.repo);
        let (repo, bytes) = (self.repo.to_owned(), Content::default());
        next.uploads.insert(upload, Upload { repo, id: None, bytes, started_at: next.now });
        Branch { opens: Some(upload), ..self.expecting(rule, Expect::Upload { id, size: 0 }, next) }
    }

    /// An upload that goes on.
    pub(crate) fn still_open(&self, rule: &'static str, upload: UploadRef, next: State) -> Branch {
        let upload = next.uploads.get(&upload);
        let size = upload.map_or(0, |upload| upload.bytes.size());
        let id = upload.and_then(|upload| upload.id.clone()).filter(|_| !self.oci()).map_or(Id::Any, Id::Is);
        self.expecting(rule, Expect::Upload { id, size }, next)
    }

    /// The name is well-formed, or `NAME_INVALID`.
    pub(crate) fn name(&self, repo: &str) -> Result<(), Refusal> {
        if crate::is_repository(repo) { Ok(()) } else { Err(refusal("name.invalid", Why::Name(repo.into()))) }
    }

    /// The digest is well-formed, or `DIGEST_INVALID`.
    pub(crate) fn digest(&self, digest: &str) -> Result<(), Refusal> {
        let known = crate::is_digest(digest) || !self.ours() && is_sha384(digest);
        if known { Ok(()) } else { Err(refusal("digest.invalid", Why::Digest(Some(digest.into())))) }
    }

    /// The tag is well-formed, or it is refused.
    pub(crate) fn tag(&self, tag: &str) -> Result<(), Refusal> {
        if crate::is_tag(tag) { Ok(()) } else { Err(refusal("tag.invalid", Why::Tag(tag.into()))) }
    }

    /// A reference with a colon is a digest, else a tag; it is well-formed, or refused.
    pub(crate) fn reference(&self, reference: &str) -> Result<(), Refusal> {
        if reference.contains(':') { self.digest(reference) } else { self.tag(reference) }
    }

    /// Access control lets the digest be seen, or DENIED.
    pub(crate) fn visible(&self, digest: &str) -> Result<(), Refusal> {
        let hidden = self.spec.hides(self.repo, digest);
        if hidden { Err(refusal("access.denied", Why::Denied(digest.into()))) } else { Ok(()) }
    }

    /// Deletion is on, or UNSUPPORTED. (OCI fixes this only once the target has been seen to delete.)
    pub(crate) fn deletion(&self) -> Result<(), Refusal> {
        if self.options().delete || self.oci() { Ok(()) } else { Err(refusal("delete.off", Why::DeleteOff)) }
    }
}
