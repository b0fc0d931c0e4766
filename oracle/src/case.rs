//! One case: how the registry is set up, the things there are, and what is done with them.

use std::hash::{BuildHasher as _, RandomState};

use proofhouse_model::{Deny, Op, Options, UploadRef};

use crate::action::{Action, Repo};
use crate::pool::{Algorithm, BlobSpec, Named, Pool, RepoId};

/// Options in terms of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOptions {
    /// All of them but [`Options::deny`], unless that names something that is in no pool.
    pub base: Options,
    /// What the access controller hides where.
    pub deny: Option<(RepoId, Named)>,
    /// They say what the target has, and cannot be chosen: shrinking leaves them as they are.
    pub fixed: bool,
}

impl CaseOptions {
    /// The options as the target gets them.
    pub fn resolve(&self, pool: &Pool) -> Options {
        let mut options = self.base.clone();
        if let Some((repo, named)) = self.deny {
            options.deny = Some(Deny { repo: pool.repository(repo).to_owned(), digest: pool.digest(named) });
        }
        options
    }
}

/// What is checked besides the answers to the actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Around a watched collection, look what can be fetched.
    pub probe: bool,
    /// Afterwards, read everything back.
    pub sweep: bool,
    /// Afterwards, look at the storage.
    pub inspect: bool,
}

impl Checks {
    /// All of them.
    pub const ALL: Checks = Checks { probe: true, sweep: true, inspect: true };
    /// None of them: only the answers to the actions.
    pub const NONE: Checks = Checks { probe: false, sweep: false, inspect: false };
}

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// How the registry is set up.
    pub options: CaseOptions,
    /// The things there are.
    pub pool: Pool,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// What else is checked.
    pub checks: Checks,
}

impl Case {
    /// The same case with other bytes in its blobs and manifests, if it had bytes of its own.
    #[must_use]
    pub(crate) fn afresh(&self) -> Case {
        if self.pool.spec().salt == 0 { self.clone() } else { self.salted() }
    }

    /// The same case with bytes that nobody has pushed yet. Which they are is a matter of chance, also in the next run of a seed.
    #[must_use]
    pub(crate) fn salted(&self) -> Case {
        let salt = RandomState::new().hash_one(()) | 1;
        Case { pool: self.pool.salted(salt), ..self.clone() }
    }

    /// For a case that has bytes of its own and is about the empty blob, but does not push it: the same after a push of that, one for
    /// each repository.
    pub(crate) fn after_the_empty_blob(&self) -> Vec<Case> {
        let payload = self.pool.payloads().find(|payload| self.pool.bytes(*payload).is_empty());
        let Some(payload) = payload.filter(|_| self.pool.spec().salt != 0) else { return Vec::new() };
        let claimed = Named::Of(payload, Algorithm::Sha256);
        let (digest, ops) = (self.pool.digest(claimed), self.ops());
        let pushes = |op: &Op| matches!(op, Op::PutBlob { .. } | Op::FinishUpload { .. });
        let about: Vec<&Op> = ops.iter().filter(|op| op.digest() == Some(&digest)).collect();
        if about.is_empty() || about.into_iter().any(pushes) {
            return Vec::new();
        }
        let after = |repo: RepoId| {
            let push = Action::PutBlob { repo: Repo::Of(repo), payload, claimed, upload: UploadRef(u32::MAX) };
            Case { actions: std::iter::once(push).chain(self.actions.iter().cloned()).collect(), ..self.clone() }
        };
        // The last is the one that is used least.
        self.pool.repository_ids().collect::<Vec<_>>().into_iter().rev().map(after).collect()
    }

    /// A case that has bytes of its own, with such in place of the empty blob as well. None: it has none of its own, or no empty blob.
    pub(crate) fn without_the_empty_blob(&self) -> Option<Case> {
        let mut spec = self.pool.spec().clone();
        let before = spec.clone();
        spec.blobs.iter_mut().filter(|_| before.salt != 0).for_each(BlobSpec::fill);
        (spec != before).then(|| Case { pool: Pool::new(spec), ..self.clone() })
    }

    /// The operations, in order.
    pub fn ops(&self) -> Vec<Op> {
        self.actions.iter().map(|action| action.resolve(&self.pool)).collect()
    }
}
