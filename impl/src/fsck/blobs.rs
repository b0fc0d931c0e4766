//! Whether bytes are those of their digests.
//!
//! Without `deep` only what is suspicious is read: a blob that is empty, and one whose size is not the one a manifest claims. (A
//! manifest may lie; then the bytes are sound all the same.)

use super::Check;
use super::finding::{Problem, Remedy};
use super::parts::Parts;
use crate::blob::{hash_stream, linked_digests, read_limited};
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::paths;

impl Check<'_> {
    /// Looks at every blob that is stored.
    pub(super) async fn blobs(&mut self) -> Result<(), DriverError> {
        self.progress.stage(if self.options.deep { "hashing blobs" } else { "looking at blobs" }, None);
        let mut walk = self.registry.blobs().walk();
        while let Some((digest, stat)) = walk.next_with_stat().await? {
            self.progress.step();
            self.report.blobs += 1;
            self.sizes.insert(digest.clone(), stat.size);
            if self.options.deep || stat.size == 0 {
                self.hash(&digest).await?;
            }
        }
        Ok(())
    }

    /// Reads the manifests of every repository, and what they claim about sizes.
    pub(super) async fn manifests(&mut self) -> Result<(), DriverError> {
        self.progress.stage("reading manifests", None);
        let mut walk = self.registry.walk();
        while let Some(name) = walk.next().await? {
            for digest in linked_digests(&*self.shared.driver, &paths::revisions(&name)).await? {
                self.progress.step();
                if self.manifests.contains_key(&digest) || !self.has(&digest) {
                    continue;
                }
                let bytes = read_limited(&*self.shared.driver, &digest).await?;
                match bytes.as_deref().and_then(Parts::read) {
                    Some(parts) => {
                        for (part, claimed) in &parts.named {
                            if self.sizes.get(part).is_some_and(|size| size != claimed) {
                                self.hash(part).await?;
                            }
                        }
                        self.manifests.insert(digest, parts);
                    }
                    // Cut short or overwritten, perhaps; or it was never a manifest.
                    None => self.hash(&digest).await?,
                }
            }
        }
        Ok(())
    }

    /// Reads a blob and notes whether its bytes are its digest's. Once.
    async fn hash(&mut self, digest: &Digest) -> Result<(), DriverError> {
        if self.sound.contains(digest) || self.damaged.contains(digest) {
            return Ok(());
        }
        self.report.hashed += 1;
        let path = paths::blob_data(digest);
        let content = self.shared.driver.reader(&path, 0, None).await?;
        if hash_stream(digest.algorithm(), content).await? == *digest {
            self.sound.insert(digest.clone());
            return Ok(());
        }
        self.damaged.insert(digest.clone());
        let size = self.sizes.get(digest).copied().unwrap_or(0);
        let remedy = Remedy::SetAside(path, paths::damaged(digest));
        self.found(Problem::BlobDamaged { digest: digest.clone(), size }, Some(remedy)).await
    }
}
