//! Garbage collection, and what else an operator does.
//!
//! The promise: a manifest that can be fetched after a collection can be fetched with everything of it that could be
//! fetched before. Source: `docs/behaviour.md`, "Garbage collection"; how `distribution` does it, and where that
//! loses content, is in its issues.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::read_stored;
use crate::refusal::{Why, refusal};
use crate::step::{Answer, At};
use crate::{Digest, Outcome, Repository, State};

/// Which revisions stay, by repository.
type Staying = BTreeMap<String, BTreeSet<Digest>>;

/// Collects.
pub(crate) fn collect(at: &At, delete_untagged: bool, dry_run: bool, grace: u64) -> Answer {
    let state = at.state;
    let young = |since: u64| state.now - since < grace;
    let (mut staying, mut removed) = (Staying::new(), Vec::new());
    for (name, repo) in &state.repos {
        let all = || repo.revisions.keys().cloned().collect();
        let stay = if delete_untagged { reached(state, name, repo, young) } else { all() };
        let go = repo.revisions.keys().filter(|digest| !stay.contains(*digest));
        removed.extend(go.map(|digest| (name.clone(), digest.clone())));
        staying.insert(name.clone(), stay);
    }
    let marked = mark(state, &staying, &removed);
    let linked_lately =
        |digest: &Digest| state.repos.values().any(|repo| repo.layers.get(digest).is_some_and(|at| young(*at)));
    let unmarked = state.blobs.iter().filter(|(digest, _)| !marked.contains(*digest));
    let old = unmarked.filter(|(digest, blob)| !young(blob.stored_at) && !linked_lately(digest));
    let swept: Vec<Digest> = old.map(|(digest, _)| digest.clone()).collect();

    let mut next = state.clone();
    if !dry_run {
        sweep(&mut next, &removed, &swept);
    }
    let rule = match (dry_run, delete_untagged, removed.is_empty() && swept.is_empty()) {
        (true, _, _) => "gc.dry-run",
        (false, _, true) => "gc.nothing",
        (false, true, false) => "gc.untagged",
        (false, false, false) => "gc.blobs",
    };
    Ok(vec![at.branch(rule, Outcome::Collected { manifests: removed, blobs: swept }, next)])
}

/// What a tag, or a young revision, reaches within its repository: through entries, to subjects, and from subjects back to their
/// referrers.
fn reached(state: &State, name: &str, repo: &Repository, young: impl Fn(u64) -> bool) -> BTreeSet<Digest> {
    let manifests = state.manifests(name);
    let tagged = repo.tags.values().map(|tag| &tag.current).filter(|digest| repo.revisions.contains_key(*digest));
    let recent = repo.revisions.iter().filter(|(_, revision)| young(revision.linked_at)).map(|(digest, _)| digest);
    let mut stays: BTreeSet<Digest> = tagged.chain(recent).cloned().collect();
    loop {
        let mut more = BTreeSet::new();
        for (digest, manifest) in &manifests {
            if stays.contains(*digest) {
                more.extend(manifest.entries.iter().map(|entry| &entry.digest).chain(manifest.subject()).cloned());
            }
            if manifest.subject().is_some_and(|subject| stays.contains(subject)) {
                more.insert((*digest).clone());
            }
        }
        more.retain(|digest| repo.revisions.contains_key(digest) && !stays.contains(digest));
        if more.is_empty() {
            return stays;
        }
        stays.extend(more);
    }
}

/// Everything that a staying revision names, to any depth, whichever repository links it; but nothing of a revision that
/// goes and stays nowhere.
fn mark(state: &State, staying: &Staying, removed: &[(String, Digest)]) -> BTreeSet<Digest> {
    let mut open: Vec<Digest> = staying.values().flatten().cloned().collect();
    let stays = |digest: &Digest| staying.values().any(|stay| stay.contains(digest));
    let gone: BTreeSet<&Digest> = removed.iter().map(|(_, digest)| digest).filter(|digest| !stays(digest)).collect();
    let mut marked = BTreeSet::new();
    let mut followed = BTreeSet::new();
    while let Some(digest) = open.pop() {
        marked.insert(digest.clone());
        if !followed.insert(digest.clone()) {
            continue;
        }
        let Some(manifest) = state.blobs.get(&digest).and_then(|blob| read_stored(&blob.bytes)) else { continue };
        marked.extend(manifest.blobs().map(|blob| blob.digest.clone()));
        open.extend(manifest.entries.iter().map(|entry| entry.digest.clone()).filter(|digest| !gone.contains(digest)));
    }
    marked
}

fn sweep(next: &mut State, removed: &[(String, Digest)], swept: &[Digest]) {
    for (name, digest) in removed {
        let repository = next.repo_mut(name);
        repository.revisions.remove(digest);
        for tag in repository.tags.values_mut() {
            tag.history.remove(digest);
        }
    }
    for digest in swept {
        next.blobs.remove(digest);
        for repository in next.repos.values_mut() {
            repository.layers.remove(digest);
        }
    }
}

/// Library: the repository goes, with its uploads; repositories nested below it stay.
pub(crate) fn remove_repository(at: &At) -> Answer {
    let mut next = at.state.clone();
    if next.repos.remove(at.repo).is_none() {
        return Err(refusal("repository.unknown", Why::NameUnknown(at.repo.into())));
    }
    next.uploads.retain(|_, upload| upload.repo != at.repo);
    Ok(vec![at.branch("repository.remove", Outcome::Done, next)])
}
