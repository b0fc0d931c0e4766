//! Whether every link holds what its place says, and leads to something.

use std::collections::BTreeSet;

use super::Check;
use super::finding::{Problem, Remedy};
use crate::blob::{UploadId, link_target, read_small};
use crate::digest::{Algorithm, Digest};
use crate::driver::{Driver, DriverError, Kind, StoragePath};
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::purge::upload_start;
use crate::survey::{Standing, Surveyed, digests, standing};

/// The links of a repository that are good, or were made so.
#[derive(Default)]
struct Good {
    layers: BTreeSet<Digest>,
    revisions: BTreeSet<Digest>,
    /// Whether all that stands in the repository could be read. Else what seems to lead nowhere may lead to what could not.
    is_whole: bool,
}

impl Check<'_> {
    /// Looks at every link of every repository.
    pub(super) async fn links(&mut self, repositories: Vec<Surveyed>) {
        self.progress.stage("following links", None);
        for surveyed in repositories {
            let name = &surveyed.name;
            self.progress.step();
            self.report.repositories += 1;
            let mut good = Good { is_whole: surveyed.is_whole, ..Good::default() };
            self.layers(name, &surveyed.layers, &mut good).await;
            self.revisions(name, &surveyed.revisions, &mut good).await;
            self.tags(name, &surveyed.tags, &good).await;
            self.referrers(name, &good).await;
            self.parts(name, &good).await;
            self.uploads(&surveyed).await;
        }
    }

    async fn layers(&mut self, name: &RepositoryName, digests: &[Digest], good: &mut Good) {
        for digest in digests {
            let path = paths::layer_link(name, digest);
            // Distribution keeps what was pushed as sha512 under sha256, and links it from the first.
            let target = match digest.algorithm() {
                Algorithm::Sha256 => digest.clone(),
                Algorithm::Sha512 => match self.held(&path).await {
                    Held::Digest(target) if target.algorithm() == Algorithm::Sha256 => target,
                    // Then only the link knew which bytes it gives.
                    Held::Torn if !self.has(digest) => {
                        self.found(Problem::LinkTorn { path, expected: digest.clone() }, None).await;
                        continue;
                    }
                    Held::Unreadable => continue,
                    Held::Digest(_) | Held::Torn | Held::Nothing | Held::Foreign(_) => digest.clone(),
                },
            };
            let is_there = self.has(&target);
            if self.link(path, &target, is_there, good.is_whole).await {
                good.layers.insert(digest.clone());
            }
        }
    }

    async fn revisions(&mut self, name: &RepositoryName, digests: &[Digest], good: &mut Good) {
        for digest in digests {
            let is_there = self.has(digest);
            if !self.link(paths::revision_link(name, digest), digest, is_there, good.is_whole).await {
                continue;
            }
            if let Some(reason) = self.unread.get(digest).cloned() {
                let (repository, digest) = (name.clone(), digest.clone());
                self.found(Problem::ManifestUnreadable { repository, digest, reason }, None).await;
            }
            good.revisions.insert(digest.clone());
        }
    }

    async fn tags(&mut self, name: &RepositoryName, tags: &[Tag], good: &Good) {
        for tag in tags {
            let mut history = Vec::new();
            for digest in self.digests(&paths::tag_index(name, tag)).await {
                let is_there = good.revisions.contains(&digest);
                let path = paths::tag_entry_link(name, tag, &digest);
                if self.link(path, &digest, is_there, good.is_whole).await {
                    history.push(digest);
                }
            }
            self.tag(name, tag, &history, good).await;
        }
    }

    /// What a tag points to now.
    async fn tag(&mut self, name: &RepositoryName, tag: &Tag, history: &[Digest], good: &Good) {
        let path = paths::tag_current(name, tag);
        let (repository, tag) = (name.clone(), tag.clone());
        let whole = paths::tag(&repository, &tag);
        match self.held(&path).await {
            Held::Digest(digest) if good.revisions.contains(&digest) => {}
            Held::Unreadable => {}
            Held::Digest(digest) => {
                // While the bytes are there, it is not known whether the tag or the revision should have gone.
                let may_go = good.is_whole && !self.is_blind && !self.has(&digest) && self.is_lost(&digest).await;
                let remedy = may_go.then_some(Remedy::Untag(whole));
                self.found(Problem::TagDangling { repository, tag, digest }, remedy).await;
            }
            Held::Foreign(found) => {
                let remedy = match history {
                    [one] => self.replacement(&path, found, one).await,
                    _ => None,
                };
                self.found(Problem::LinkForeign { path, found }, remedy).await;
            }
            Held::Nothing | Held::Torn => {
                // Of several it is not known which was the last.
                let remedy = match history {
                    [one] => Some(Remedy::Link(path, one.clone())),
                    [] => {
                        (good.is_whole && !self.is_blind && self.report.bare.is_empty()).then_some(Remedy::Untag(whole))
                    }
                    _ => None,
                };
                self.found(Problem::TagTorn { repository, tag }, remedy).await;
            }
        }
    }

    async fn referrers(&mut self, name: &RepositoryName, good: &Good) {
        let mut linked = BTreeSet::new();
        for subject in self.digests(&paths::all_referrers(name)).await {
            for digest in self.digests(&paths::referrers(name, &subject)).await {
                let is_about = self.unknown.contains(&digest)
                    || self.manifests.get(&digest).is_some_and(|parts| parts.subject.as_ref() == Some(&subject));
                let is_there = is_about && good.revisions.contains(&digest);
                let path = paths::referrer_link(name, &subject, &digest);
                if self.link(path, &digest, is_there, good.is_whole).await {
                    linked.insert(digest);
                }
            }
        }
        for digest in good.revisions.difference(&linked) {
            let Some(subject) = self.manifests.get(digest).and_then(|parts| parts.subject.clone()) else { continue };
            let remedy = Remedy::Link(paths::referrer_link(name, &subject, digest), digest.clone());
            let problem = Problem::ReferrerMissing { repository: name.clone(), digest: digest.clone(), subject };
            self.found(problem, Some(remedy)).await;
        }
    }

    /// Whether the images of a repository have all that they consist of. What was deleted by itself is missing too; nobody but
    /// a client can bring it back.
    async fn parts(&mut self, name: &RepositoryName, good: &Good) {
        for digest in &good.revisions {
            let needed = self.manifests.get(digest).map(|parts| parts.needed.clone()).unwrap_or_default();
            for part in needed.into_iter().filter(|part| !good.layers.contains(part)) {
                let problem = Problem::PartMissing { repository: name.clone(), manifest: digest.clone(), part };
                self.found(problem, None).await;
            }
        }
    }

    async fn uploads(&mut self, surveyed: &Surveyed) {
        let (driver, name) = (&*self.shared.driver, &surveyed.name);
        for id in &surveyed.uploads {
            let path = paths::upload_started_at(name, id);
            let remedy = match dated(driver, name, id, &path).await {
                Ok(Dated::Yes) => continue,
                Ok(Dated::No) => Some(Remedy::Date(path)),
                Ok(Dated::Foreign) => None,
                Err(error) => {
                    self.unreadable(path, &error).await;
                    continue;
                }
            };
            self.found(Problem::UploadUndated { repository: name.clone(), id: id.clone() }, remedy).await;
        }
    }

    /// The digests below a directory; what is in the way is found.
    async fn digests(&mut self, directory: &StoragePath) -> Vec<Digest> {
        let mut obstacles = Vec::new();
        let found = digests(&*self.shared.driver, directory, &mut obstacles).await;
        self.obstructed(obstacles).await;
        match found {
            Ok(found) => found,
            Err(error) => {
                self.unreadable(directory.clone(), &error).await;
                Vec::new()
            }
        }
    }

    /// Looks at one link, whose place says `expected`. Whether it is good, or was made so, or would be if somebody put a file there.
    /// A directory without a link in it is none: that is how distribution leaves what it has deleted.
    async fn link(&mut self, path: StoragePath, expected: &Digest, is_there: bool, is_whole: bool) -> bool {
        match self.held(&path).await {
            Held::Nothing => return false,
            Held::Unreadable => {}
            Held::Foreign(found) => {
                let remedy = if is_there { self.replacement(&path, found, expected).await } else { None };
                self.found(Problem::LinkForeign { path, found }, remedy).await;
            }
            _ if !is_there => {
                let may_go = is_whole && !self.is_blind && (self.has(expected) || self.is_lost(expected).await);
                let remedy = may_go.then(|| Remedy::Unlink(path.clone()));
                self.found(Problem::LinkDangling { path }, remedy).await;
            }
            Held::Digest(held) if held == *expected => {}
            Held::Digest(_) | Held::Torn => {
                let remedy = Remedy::Link(path.clone(), expected.clone());
                self.found(Problem::LinkTorn { path, expected: expected.clone() }, Some(remedy)).await;
            }
        }
        // What hangs on it is looked at as it will be after a repair.
        is_there
    }

    /// A directory with nothing in it may give way to a link. All else may be somebody's.
    async fn replacement(&self, path: &StoragePath, found: Kind, digest: &Digest) -> Option<Remedy> {
        let driver = &*self.shared.driver;
        let is_here = matches!(standing(driver, path).await, Ok(Standing::Foreign(Kind::Directory)));
        let is_empty =
            is_here && found == Kind::Directory && driver.entries(path).await.is_ok_and(|all| all.is_empty());
        is_empty.then(|| Remedy::Replace(path.clone(), digest.clone()))
    }

    async fn held(&mut self, path: &StoragePath) -> Held {
        match held(&*self.shared.driver, path).await {
            Ok(held) => held,
            Err(error) => {
                self.unreadable(path.clone(), &error).await;
                Held::Unreadable
            }
        }
    }
}

async fn held(driver: &dyn Driver, path: &StoragePath) -> Result<Held, DriverError> {
    Ok(match standing(driver, path).await? {
        Standing::Nothing => Held::Nothing,
        Standing::Foreign(found) => Held::Foreign(found),
        Standing::File(_) => {
            let text = read_small(driver, path).await?;
            text.as_deref().and_then(link_target).map_or(Held::Torn, Held::Digest)
        }
    })
}

/// Whether an upload has a start.
enum Dated {
    Yes,
    No,
    /// Something else stands in place of the file.
    Foreign,
}

async fn dated(
    driver: &dyn Driver,
    name: &RepositoryName,
    id: &UploadId,
    path: &StoragePath,
) -> Result<Dated, DriverError> {
    Ok(match standing(driver, path).await? {
        Standing::File(_) if upload_start(driver, name, id).await?.is_some() => Dated::Yes,
        Standing::File(_) | Standing::Nothing => Dated::No,
        Standing::Foreign(_) => Dated::Foreign,
    })
}

/// What a link file holds.
enum Held {
    /// There is no such file.
    Nothing,
    /// Something else stands in its place.
    Foreign(Kind),
    /// It could not be read, which has been told.
    Unreadable,
    /// Something that is no digest.
    Torn,
    Digest(Digest),
}
