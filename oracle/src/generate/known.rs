//! What is there, in terms of the pool: what a generator chooses its subjects from.

use std::collections::HashMap;

use proofhouse_model::{State, UploadRef};

use crate::pool::{Algorithm, ManifestId, Named, Payload, Pool, RepoId, TagId};

/// What one repository holds.
#[derive(Debug, Default)]
pub(super) struct KnownRepo {
    /// Blobs that are linked and whose bytes are there.
    pub(super) layers: Vec<Named>,
    /// Manifests.
    pub(super) revisions: Vec<Named>,
    /// Tags, and where they point.
    pub(super) tags: Vec<(TagId, Option<Named>)>,
}

/// An open upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenUpload {
    pub(super) repo: RepoId,
    pub(super) upload: UploadRef,
    pub(super) size: u16,
}

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) repos: Vec<KnownRepo>,
    pub(super) uploads: Vec<OpenUpload>,
    digests: HashMap<String, Named>,
}

impl Known {
    pub(super) fn new(pool: &Pool) -> Known {
        let both = [Algorithm::Sha512, Algorithm::Sha256];
        // The first of two equal payloads is found.
        let mut all: Vec<Payload> = pool.payloads().collect();
        all.reverse();
        let names = all.iter().flat_map(|payload| both.map(|algorithm| Named::Of(*payload, algorithm)));
        Known {
            repos: pool.repository_ids().map(|_| KnownRepo::default()).collect(),
            uploads: Vec::new(),
            digests: names.map(|named| (pool.digest(named), named)).collect(),
        }
    }

    pub(super) fn update(&mut self, pool: &Pool, state: &State) {
        for (repo, known) in pool.repository_ids().zip(&mut self.repos) {
            *known = KnownRepo::default();
            let Some(there) = state.repos.get(pool.repository(repo)) else { continue };
            let named = |digest: &String| self.digests.get(digest).copied();
            known.layers =
                there.layers.keys().filter(|digest| state.blobs.contains_key(*digest)).filter_map(named).collect();
            known.revisions = there.revisions.keys().filter_map(named).collect();
            let tag = |tag: TagId| there.tags.get(pool.tag(tag)).map(|it| (tag, named(&it.current)));
            known.tags = pool.tag_ids().filter_map(tag).collect();
        }
        let repo_of = |name: &str| pool.repository_ids().find(|repo| pool.repository(*repo) == name);
        self.uploads = state
            .uploads
            .iter()
            .filter_map(|(upload, it)| {
                let size = u16::try_from(it.bytes.size()).unwrap_or(u16::MAX);
                Some(OpenUpload { repo: repo_of(&it.repo)?, upload: *upload, size })
            })
            .collect();
    }

    pub(super) fn repo(&self, repo: RepoId) -> &KnownRepo {
        &self.repos[usize::from(repo.0) % self.repos.len()]
    }

    /// Is all there that the manifest names, so that it will probably be taken?
    pub(super) fn complete(&self, pool: &Pool, repo: RepoId, manifest: ManifestId) -> bool {
        let spec = pool.manifest(manifest);
        let here = self.repo(repo);
        let is_list = matches!(spec.body, crate::pool::Body::List(_));
        let subject = usize::from(spec.subject.is_some());
        let names = spec.names();
        let there = if is_list { &here.revisions } else { &here.layers };
        spec.oddity.is_none() && names[..names.len() - subject].iter().all(|named| there.contains(named))
    }
}
