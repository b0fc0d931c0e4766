//! Whether bytes are those of their digests.
//!
//! Without `deep` only what is suspicious is read: a blob that is empty, and one whose size is not the one a manifest claims. (A
//! manifest may lie; then the bytes are sound all the same.)

use super::Check;
use super::finding::{Problem, Remedy};
use super::parts::Parts;
use crate::blob::hash_stream;
use crate::digest::Digest;
use crate::driver::{DriverError, MAX_READ, StoragePath};
use crate::error::Obstacle;
use crate::manifests::{Content, Hashing, read_content, too_large};
use crate::paths;
use crate::survey::Surveyed;

impl Check<'_> {
    /// Looks at every blob that is stored.
    pub(super) async fn blobs(&mut self) {
        self.progress.stage(if self.options.deep { "hashing blobs" } else { "looking at blobs" }, None);
        let mut walk = self.registry.blobs().walk();
        loop {
            let (digest, stat) = match walk.next_with_stat().await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                // It goes on with the next place.
                Err(error) => {
                    self.hides_blobs = true;
                    self.unreadable(paths::blobs(), &error).await;
                    continue;
                }
            };
            self.progress.step();
            self.report.blobs += 1;
            self.sizes.insert(digest.clone(), stat.size);
            if self.options.deep || stat.size == 0 {
                self.hash(&digest).await;
            }
        }
        self.hides_blobs |= !walk.obstacles().is_empty();
        self.obstructed(walk.obstacles().to_vec()).await;
    }

    /// Reads the manifests of every repository, and what they claim about sizes.
    pub(super) async fn manifests(&mut self, repositories: &[Surveyed]) {
        self.progress.stage("reading manifests", None);
        for digest in repositories.iter().flat_map(|surveyed| &surveyed.revisions) {
            self.progress.step();
            let is_known = self.manifests.contains_key(digest) || self.unread.contains_key(digest);
            if is_known || self.unknown.contains(digest) || !self.has(digest) {
                continue;
            }
            let content = match read_content(&*self.shared.driver, digest, Hashing::Checked).await {
                Ok(content) => content,
                Err(error) => {
                    self.unknown.insert(digest.clone());
                    self.unreadable(paths::blob_data(digest), &error).await;
                    continue;
                }
            };
            match content {
                Content::Manifest(manifest, _) => {
                    let parts = Parts::of(*manifest);
                    for (part, claimed) in &parts.named {
                        // What is too large for a manifest is none, whatever its bytes are.
                        let is_none = |size: u64| size > MAX_READ && parts.entries.contains(part);
                        if self.sizes.get(part).is_some_and(|size| size != claimed && !is_none(*size)) {
                            self.hash(part).await;
                        }
                    }
                    self.manifests.insert(digest.clone(), parts);
                }
                // Cut short or overwritten, perhaps; or it was never a manifest.
                Content::Other { reason } => {
                    self.unread.insert(digest.clone(), reason);
                    self.hash(digest).await;
                }
                Content::Damaged => self.hash(digest).await,
                Content::TooLarge { size } => {
                    self.unknown.insert(digest.clone());
                    let obstacle = Obstacle { path: paths::blob_data(digest), what: too_large(size) };
                    self.obstructed(vec![obstacle]).await;
                }
                Content::Missing => {}
            }
        }
    }

    /// Reads a blob and notes whether its bytes are its digest's. Once.
    async fn hash(&mut self, digest: &Digest) {
        if self.sound.contains(digest) || self.damaged.contains(digest) {
            return;
        }
        let path = paths::blob_data(digest);
        match self.is_sound(digest, &path).await {
            Ok(is_sound) => {
                self.report.hashed += 1;
                if is_sound {
                    self.sound.insert(digest.clone());
                    return;
                }
            }
            Err(error) => return self.unreadable(path, &error).await,
        }
        self.damaged.insert(digest.clone());
        let size = self.sizes.get(digest).copied().unwrap_or(0);
        let remedy = Remedy::SetAside(path, paths::damaged(digest));
        self.found(Problem::BlobDamaged { digest: digest.clone(), size }, Some(remedy)).await;
    }

    async fn is_sound(&self, digest: &Digest, path: &StoragePath) -> Result<bool, DriverError> {
        let content = self.shared.driver.reader(path, 0, None).await?;
        Ok(hash_stream(digest.algorithm(), content).await? == *digest)
    }
}
