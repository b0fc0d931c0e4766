//! Manifests: `/v2/<name>/manifests/<reference>`.

use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::answer::{Answer, SUBJECT, TAG, content, created, empty, identify, instead, value};
use super::intake::{Gathered, NotGathered};
use super::{Call, Front, busy};
use crate::api::{ApiError, Class, Code};

impl Front {
    /// Also for HEAD: the server drops the body.
    pub(super) async fn get_manifest(&self, call: &Call, repository: &str, reference: &str) -> Answer {
        let manifest = self.api.get_manifest(repository, reference).await?;
        let digest = manifest.digest.as_str();
        if let Some(other) = instead(&call.headers, digest) {
            return Ok(other);
        }
        let mut response = content(StatusCode::OK, manifest.media_type, manifest.bytes);
        identify(&mut response, digest);
        Ok(response)
    }

    pub(super) async fn put_manifest(&self, call: &Call, repository: &str, reference: &str) -> Answer {
        let tags = call.params.all("tag");
        if tags.len() > self.options.max_extra_tags {
            let message = format!("at most {} tags are taken at once", self.options.max_extra_tags);
            return Err(ApiError::new(Code::Unsupported, Class::TooLong, message, None));
        }
        let check = |size| self.api.check_put_manifest(repository, reference, &tags, size);
        check(call.intake.length().unwrap_or(0))?;
        let _slot = self.slot()?;
        let gathered = call.intake.gather(self.api.config().max_manifest_bytes, &self.memory).await;
        // The memory is given back when the manifest is stored.
        let Gathered { bytes, _memory } = match gathered {
            Ok(gathered) => gathered,
            Err(NotGathered::TooLong) => {
                return Err(check(u64::MAX).err().unwrap_or_else(|| ApiError::internal("a size without limit")));
            }
            Err(NotGathered::NoMemory) => return Err(busy()),
            Err(NotGathered::Body(error)) => {
                let message = format!("the body could not be read: {error}");
                let error = ApiError::new(Code::ManifestInvalid, Class::Invalid, message, None);
                return Err(call.blame(error));
            }
        };
        let content_type = call.text(CONTENT_TYPE);
        let stored = self.api.put_manifest(repository, reference, content_type.as_deref(), &tags, bytes).await?;
        let digest = stored.digest.as_str();
        let mut response = created(&format!("/v2/{repository}/manifests/{digest}"), digest);
        if let Some(subject) = &stored.subject {
            response.headers_mut().insert(SUBJECT, value(subject.as_str()));
        }
        for tag in &stored.tags {
            append(&mut response, tag.as_str());
        }
        Ok(response)
    }

    pub(super) async fn delete_manifest(&self, repository: &str, reference: &str) -> Answer {
        self.api.delete_manifest(repository, reference).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}

fn append(response: &mut Response, tag: &str) {
    let tag: HeaderValue = value(tag);
    response.headers_mut().append(TAG, tag);
}
