//! Serving a blob: by the driver's URL if redirects are on and there is one, else by its bytes.
//!
//! Source: the seed's `EnableRedirect`.

use super::store::not_found_is_none;
use crate::descriptor::BlobDescriptor;
use crate::digest::Digest;
use crate::driver::ContentStream;
use crate::error::BlobError;
use crate::paths;
use crate::shared::Shared;
use crate::sync::Arc;

/// A blob that a repository links and its access controller lets out.
#[derive(Debug)]
pub struct ServedBlob {
    /// What is known of it.
    pub descriptor: BlobDescriptor,
    /// Where the client is to fetch it by itself, if it is.
    pub redirect: Option<String>,
    asked: Digest,
    shared: Arc<Shared>,
}

impl ServedBlob {
    pub(super) async fn new(shared: Arc<Shared>, asked: Digest, descriptor: BlobDescriptor) -> Result<Self, BlobError> {
        let redirect = if shared.options.redirect {
            shared.driver.redirect_url(&paths::blob_data(&descriptor.digest)).await?
        } else {
            None
        };
        Ok(Self { descriptor, redirect, asked, shared })
    }

    /// Its bytes from `offset` on, at most `length` of them.
    ///
    /// # Errors
    /// [`BlobError::Unknown`] if they are gone by now.
    pub async fn content(&self, offset: u64, length: Option<u64>) -> Result<ContentStream, BlobError> {
        let reader = self.shared.driver.reader(&paths::blob_data(&self.descriptor.digest), offset, length).await;
        not_found_is_none(reader)?.ok_or_else(|| BlobError::Unknown(self.asked.clone()))
    }
}
