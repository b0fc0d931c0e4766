//! Whether every link holds what its place says, and leads to something.

use std::collections::BTreeSet;

use super::Check;
use super::finding::{Problem, Remedy};
use crate::blob::{link_target, linked_digests, not_found_is_none, read_small};
use crate::digest::{Algorithm, Digest};
use crate::driver::{DriverError, StoragePath};
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::purge::upload_start;

/// The links of a repository that are good, or were made so.
#[derive(Default)]
struct Good {
    layers: BTreeSet<Digest>,
    revisions: BTreeSet<Digest>,
}

impl Check<'_> {
    /// Looks at every link of every repository.
    pub(super) async fn links(&mut self) -> Result<(), DriverError> {
        self.progress.stage("following links", None);
        let mut walk = self.registry.walk();
        while let Some(name) = walk.next().await? {
            self.progress.step();
            self.report.repositories += 1;
            let mut good = Good::default();
            self.layers(&name, &mut good).await?;
            self.revisions(&name, &mut good).await?;
            self.tags(&name, &mut good).await?;
            self.referrers(&name, &good).await?;
            self.parts(&name, &good).await?;
            self.uploads(&name).await?;
        }
        Ok(())
    }

    async fn layers(&mut self, name: &RepositoryName, good: &mut Good) -> Result<(), DriverError> {
        for digest in linked_digests(&*self.shared.driver, &paths::layers(name)).await? {
            let path = paths::layer_link(name, &digest);
            // Distribution keeps what was pushed as sha512 under sha256, and links it from the first.
            let target = match self.held(&path).await? {
                Held::Digest(target)
                    if digest.algorithm() == Algorithm::Sha512 && target.algorithm() == Algorithm::Sha256 =>
                {
                    target
                }
                _ => digest.clone(),
            };
            let is_there = self.has(&target);
            if self.link(path, &target, is_there).await? {
                good.layers.insert(digest);
            }
        }
        Ok(())
    }

    async fn revisions(&mut self, name: &RepositoryName, good: &mut Good) -> Result<(), DriverError> {
        for digest in linked_digests(&*self.shared.driver, &paths::revisions(name)).await? {
            let is_there = self.has(&digest);
            if !self.link(paths::revision_link(name, &digest), &digest, is_there).await? {
                continue;
            }
            if !self.manifests.contains_key(&digest) {
                let problem = Problem::ManifestUnreadable { repository: name.clone(), digest: digest.clone() };
                self.found(problem, None).await?;
            }
            good.revisions.insert(digest);
        }
        Ok(())
    }

    async fn tags(&mut self, name: &RepositoryName, good: &mut Good) -> Result<(), DriverError> {
        let tags = not_found_is_none(self.shared.driver.list(&paths::tags(name)).await)?.unwrap_or_default();
        for tag in tags.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
            let mut history = Vec::new();
            for digest in linked_digests(&*self.shared.driver, &paths::tag_index(name, &tag)).await? {
                let is_there = good.revisions.contains(&digest);
                if self.link(paths::tag_entry_link(name, &tag, &digest), &digest, is_there).await? {
                    history.push(digest);
                }
            }
            self.tag(name, &tag, &history, good).await?;
        }
        Ok(())
    }

    /// What a tag points to now.
    async fn tag(
        &mut self,
        name: &RepositoryName,
        tag: &Tag,
        history: &[Digest],
        good: &Good,
    ) -> Result<(), DriverError> {
        let path = paths::tag_current(name, tag);
        let (repository, tag) = (name.clone(), tag.clone());
        let whole = paths::tag(&repository, &tag);
        match self.held(&path).await? {
            Held::Digest(digest) if good.revisions.contains(&digest) => Ok(()),
            Held::Digest(digest) => {
                self.found(Problem::TagDangling { repository, tag, digest }, Some(Remedy::Untag(whole))).await
            }
            Held::Nothing | Held::Torn => {
                // Of several it is not known which was the last.
                let remedy = match history {
                    [one] => Some(Remedy::Link(path, one.clone())),
                    [] => Some(Remedy::Untag(whole)),
                    _ => None,
                };
                self.found(Problem::TagTorn { repository, tag }, remedy).await
            }
        }
    }

    async fn referrers(&mut self, name: &RepositoryName, good: &Good) -> Result<(), DriverError> {
        let mut linked = BTreeSet::new();
        for subject in linked_digests(&*self.shared.driver, &paths::all_referrers(name)).await? {
            for digest in linked_digests(&*self.shared.driver, &paths::referrers(name, &subject)).await? {
                let is_about =
                    self.manifests.get(&digest).is_some_and(|parts| parts.subject.as_ref() == Some(&subject));
                let is_there = is_about && good.revisions.contains(&digest);
                let path = paths::referrer_link(name, &subject, &digest);
                if self.link(path, &digest, is_there).await? {
                    linked.insert(digest);
                }
            }
        }
        for digest in good.revisions.difference(&linked) {
            let Some(subject) = self.manifests.get(digest).and_then(|parts| parts.subject.clone()) else { continue };
            let remedy = Remedy::Link(paths::referrer_link(name, &subject, digest), digest.clone());
            let problem = Problem::ReferrerMissing { repository: name.clone(), digest: digest.clone(), subject };
            self.found(problem, Some(remedy)).await?;
        }
        Ok(())
    }

    /// Whether the images of a repository have all that they consist of. What was deleted by itself is missing too; nobody but
    /// a client can bring it back.
    async fn parts(&mut self, name: &RepositoryName, good: &Good) -> Result<(), DriverError> {
        for digest in &good.revisions {
            let needed = self.manifests.get(digest).map(|parts| parts.needed.clone()).unwrap_or_default();
            for part in needed.into_iter().filter(|part| !good.layers.contains(part)) {
                let problem = Problem::PartMissing { repository: name.clone(), manifest: digest.clone(), part };
                self.found(problem, None).await?;
            }
        }
        Ok(())
    }

    async fn uploads(&mut self, name: &RepositoryName) -> Result<(), DriverError> {
        for id in self.registry.upload_ids(name).await? {
            if upload_start(&*self.shared.driver, name, &id).await?.is_none() {
                let remedy = Remedy::Date(paths::upload_started_at(name, &id));
                self.found(Problem::UploadUndated { repository: name.clone(), id }, Some(remedy)).await?;
            }
        }
        Ok(())
    }

    /// Looks at one link, whose place says `expected`. Whether it is good, or was made so. A directory without a link in it is
    /// none: that is how distribution leaves what it has deleted.
    async fn link(&mut self, path: StoragePath, expected: &Digest, is_there: bool) -> Result<bool, DriverError> {
        match self.held(&path).await? {
            Held::Nothing => Ok(false),
            _ if !is_there => {
                self.found(Problem::LinkDangling { path: path.clone() }, Some(Remedy::Unlink(path))).await?;
                Ok(false)
            }
            Held::Digest(held) if held == *expected => Ok(true),
            Held::Digest(_) | Held::Torn => {
                let remedy = Remedy::Link(path.clone(), expected.clone());
                self.found(Problem::LinkTorn { path, expected: expected.clone() }, Some(remedy)).await?;
                // What hangs on it is looked at as it will be after a repair.
                Ok(true)
            }
        }
    }

    async fn held(&self, path: &StoragePath) -> Result<Held, DriverError> {
        let text = read_small(&*self.shared.driver, path).await?;
        Ok(match text.as_deref().map(link_target) {
            None => Held::Nothing,
            Some(None) => Held::Torn,
            Some(Some(digest)) => Held::Digest(digest),
        })
    }
}

/// What a link file holds.
enum Held {
    /// There is no such file.
    Nothing,
    /// Something that is no digest.
    Torn,
    Digest(Digest),
}
