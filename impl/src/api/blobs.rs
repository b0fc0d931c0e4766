//! Requests for blobs.

use super::{Api, ApiError, BlobAnswer, BlobInfo, ByteRange, Class, Code, MountAnswer, parse};
use crate::digest::Digest;
use crate::error::BlobError;
use crate::faults::Fault;

impl Api {
    /// What a repository has under a digest.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID`, `DENIED`, `BLOB_UNKNOWN`.
    pub async fn head_blob(&self, repo: &str, digest: &str) -> Result<BlobInfo, ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let blobs = self.repository(&name)?.blobs();
        let descriptor = blobs.stat(&digest).await.map_err(|error| refusal(error, &digest))?;
        Ok(BlobInfo { digest, size: descriptor.size })
    }

    /// A blob, or a range of it.
    ///
    /// # Errors
    /// As [`head_blob`](Self::head_blob); `BLOB_UPLOAD_INVALID` (Range) if the range cannot be satisfied.
    pub async fn get_blob(&self, repo: &str, digest: &str, range: Option<ByteRange>) -> Result<BlobAnswer, ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let blobs = self.repository(&name)?.blobs();
        let blob = blobs.get(&digest).await.map_err(|error| refusal(error, &digest))?;
        if let Some(url) = blob.redirect {
            return Ok(BlobAnswer::Redirect(url));
        }
        let size = blob.descriptor.size;
        let mut range = match range {
            None => None,
            Some(ByteRange::FromTo(_, last))
                if last >= size && self.registry.shared().faults.has(Fault::RangePastEndRefused) =>
            {
                return Err(unsatisfiable(size));
            }
            Some(range) => Some(satisfy(range, size).ok_or_else(|| unsatisfiable(size))?),
        };
        if let Some((first, last)) = &mut range
            && self.registry.shared().faults.has(Fault::RangeShort)
        {
            *last = (*last).saturating_sub(1).max(*first);
        }
        let (offset, length) = range.map_or((0, None), |(first, last)| (first, Some(last - first + 1)));
        let stream = blob.content(offset, length).await.map_err(|error| refusal(error, &digest))?;
        Ok(BlobAnswer::Content { info: BlobInfo { digest, size }, range, stream })
    }

    /// Removes a repository's link to a blob.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID`, `UNSUPPORTED`, `DENIED`, `BLOB_UNKNOWN`.
    pub async fn delete_blob(&self, repo: &str, digest: &str) -> Result<(), ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let blobs = self.repository(&name)?.blobs();
        blobs.delete(&digest).await.map_err(|error| refusal(error, &digest))
    }

    /// Links a blob of another repository; where that cannot be, starts an upload.
    ///
    /// # Errors
    /// `NAME_INVALID` (the repository's name, then `from`), `DIGEST_INVALID`.
    pub async fn mount_blob(&self, repo: &str, digest: &str, from: Option<&str>) -> Result<MountAnswer, ApiError> {
        let name = parse::name(repo)?;
        let from = from.map(parse::name).transpose()?;
        let digest = parse::digest(digest)?;
        let blobs = self.repository(&name)?.blobs();
        if let Some(from) = from {
            let source = self.repository(&from)?.blobs();
            let mounted = blobs.mount(&digest, &source).await.map_err(|error| refusal(error, &digest))?;
            if mounted.is_some() {
                return Ok(MountAnswer::Mounted(digest));
            }
            if self.registry.shared().faults.has(Fault::MountUnknownRefused) {
                return Err(refusal(BlobError::Unknown(digest.clone()), &digest));
            }
        }
        Ok(MountAnswer::Started(Self::start(&blobs).await?))
    }
}

/// What a failed blob request answers.
fn refusal(error: BlobError, digest: &Digest) -> ApiError {
    let detail = Some(digest.as_str());
    match error {
        BlobError::Unknown(_) => ApiError::new(Code::BlobUnknown, Class::NotFound, error, detail),
        BlobError::Denied(_) => ApiError::new(Code::Denied, Class::Denied, error, detail),
        BlobError::DeleteDisabled => ApiError::new(Code::Unsupported, Class::Unsupported, error, None),
        BlobError::Driver(error) => ApiError::storage(&error),
        BlobError::Service(_) => ApiError::internal(error),
    }
}

/// The first and last byte of a range of a blob of this size, if it has any.
fn satisfy(range: ByteRange, size: u64) -> Option<(u64, u64)> {
    let end = size.checked_sub(1)?;
    let (first, last) = match range {
        ByteRange::FromTo(first, last) => (first, last.min(end)),
        ByteRange::From(first) => (first, end),
        ByteRange::Last(0) => return None,
        ByteRange::Last(count) => (size.saturating_sub(count), end),
    };
    (first <= last).then_some((first, last))
}

fn unsatisfiable(size: u64) -> ApiError {
    let message = format!("the range is not within the blob's {size} bytes");
    ApiError::new(Code::BlobUploadInvalid, Class::Range, message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_at_the_end() {
        for (range, bytes) in [
            (ByteRange::FromTo(0, 0), Some((0, 0))),
            (ByteRange::FromTo(2, 9), Some((2, 9))),
            (ByteRange::FromTo(2, 10), Some((2, 9))),
            (ByteRange::FromTo(9, u64::MAX), Some((9, 9))),
            (ByteRange::FromTo(10, 10), None),
            (ByteRange::FromTo(3, 2), None),
            (ByteRange::From(0), Some((0, 9))),
            (ByteRange::From(9), Some((9, 9))),
            (ByteRange::From(10), None),
            (ByteRange::Last(1), Some((9, 9))),
            (ByteRange::Last(10), Some((0, 9))),
            (ByteRange::Last(u64::MAX), Some((0, 9))),
            (ByteRange::Last(0), None),
        ] {
            assert_eq!(satisfy(range, 10), bytes, "{range:?}");
        }
    }

    #[test]
    fn no_range_of_an_empty_blob_can_be_satisfied() {
        for range in [ByteRange::FromTo(0, 0), ByteRange::From(0), ByteRange::Last(1), ByteRange::Last(0)] {
            assert_eq!(satisfy(range, 0), None);
        }
    }
}
