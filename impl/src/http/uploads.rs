//! Uploads: `/v2/<name>/blobs/uploads/` and what hangs below it.
//!
//! An upload goes on at its Location, which carries a [token](super::token). Whether there is such an upload is asked before the
//! token is looked at, so an upload that has ended is unknown whatever the token. As long as an upload is open, a refusal
//! tells where and from which byte it goes on.

use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_RANGE, LOCATION, RANGE};

use super::answer::{Answer, CHUNK_MIN_LENGTH, UPLOAD_UUID, created, empty, refusal, value};
use super::params::query;
use super::{Call, Front, range};
use crate::api::{ApiError, Class, Code, MountAnswer, UploadInfo, parse};
use crate::digest::Algorithm;

/// The parameter that holds the token.
const STATE: &str = "_state";

impl Front {
    /// POST: mounts, takes a blob whole, or starts an upload.
    pub(super) async fn start_upload(&self, call: &Call, repository: &str) -> Answer {
        if let Some(digest) = call.params.first("mount") {
            return match self.api.mount_blob(repository, digest, call.params.first("from")).await? {
                MountAnswer::Mounted(digest) => Ok(stored(repository, digest.as_str())),
                MountAnswer::Started(info) => Ok(self.started(repository, &info)),
            };
        }
        if let Some(digest) = call.params.first("digest") {
            parse::name(repository)?;
            parse::digest(digest)?;
            let _slot = self.slot()?;
            let digest = self.api.put_blob(repository, digest, call.intake.read()).await;
            return Ok(stored(repository, digest.map_err(|error| call.blame(error))?.as_str()));
        }
        parse::name(repository)?;
        if let Some(algorithm) = call.params.first("digest-algorithm")
            && Algorithm::from_name(algorithm).is_none()
        {
            let message = "the algorithm of a digest is sha256 or sha512";
            return Err(ApiError::new(Code::DigestInvalid, Class::Invalid, message, Some(algorithm)));
        }
        Ok(self.started(repository, &self.api.start_upload(repository).await?))
    }

    /// GET: how far it is. Needs no token, so that a client can ask whose token is another process's.
    pub(super) async fn upload_status(&self, repository: &str, id: &str) -> Answer {
        let info = self.api.upload_status(repository, id).await?;
        Ok(self.goes_on(StatusCode::NO_CONTENT, repository, &info))
    }

    /// PATCH: a chunk.
    pub(super) async fn append(&self, call: &Call, repository: &str, id: &str) -> Answer {
        self.check_token(call, repository, id).await?;
        let _slot = self.slot()?;
        let taken = match range::chunk(call.text(CONTENT_RANGE).as_deref()) {
            Ok(range) => self.api.append(repository, id, range, call.intake.read()).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(info) => Ok(self.goes_on(StatusCode::ACCEPTED, repository, &info)),
            Err(error) => Ok(self.refuse(call.blame(error), repository, id).await),
        }
    }

    /// PUT: the end, perhaps with a last chunk.
    pub(super) async fn finish(&self, call: &Call, repository: &str, id: &str) -> Answer {
        self.check_token(call, repository, id).await?;
        let digest = call.params.first("digest");
        let _slot = self.slot()?;
        let finished = match range::chunk(call.text(CONTENT_RANGE).as_deref()) {
            Ok(range) => self.api.finish(repository, id, digest, range, call.intake.read()).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(digest) => Ok(stored(repository, digest.as_str())),
            Err(error) => Ok(self.refuse(call.blame(error), repository, id).await),
        }
    }

    /// DELETE: the end without a blob.
    pub(super) async fn cancel(&self, call: &Call, repository: &str, id: &str) -> Answer {
        self.check_token(call, repository, id).await?;
        self.api.cancel(repository, id).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// The upload must be open, and the token must be for it. A token from before the last chunk will do: whether a chunk is in
    /// order is for its Content-Range to say. A token that promises more than is there belongs to an upload that lost bytes.
    async fn check_token(&self, call: &Call, repository: &str, id: &str) -> Result<(), ApiError> {
        let info = self.api.upload_status(repository, id).await?;
        let token = call.params.first(STATE);
        let promised = token.and_then(|token| self.options.secret.verify(repository, &info.id, token));
        if promised.is_some_and(|promised| promised <= info.size) {
            return Ok(());
        }
        let message = "this is not the Location of the upload; ask for it with GET";
        Err(ApiError::new(Code::BlobUploadInvalid, Class::NotFound, message, None))
    }

    fn location(&self, repository: &str, info: &UploadInfo) -> String {
        let token = self.options.secret.issue(repository, &info.id, info.size);
        format!("/v2/{repository}/blobs/uploads/{}?{}", info.id, query(&[(STATE, &token)]))
    }

    fn started(&self, repository: &str, info: &UploadInfo) -> Response {
        let mut response = self.goes_on(StatusCode::ACCEPTED, repository, info);
        if self.options.chunk_min_bytes > 0 {
            response.headers_mut().insert(CHUNK_MIN_LENGTH, self.options.chunk_min_bytes.into());
        }
        response
    }

    fn goes_on(&self, status: StatusCode, repository: &str, info: &UploadInfo) -> Response {
        let mut response = empty(status);
        self.tell(&mut response, repository, info);
        response
    }

    fn tell(&self, response: &mut Response, repository: &str, info: &UploadInfo) {
        let headers = response.headers_mut();
        headers.insert(LOCATION, value(&self.location(repository, info)));
        headers.insert(RANGE, value(&range::held(info.size)));
        headers.insert(UPLOAD_UUID, value(&info.id));
    }

    async fn refuse(&self, error: ApiError, repository: &str, id: &str) -> Response {
        let mut response = refusal(&error);
        if error.class() != Class::Internal
            && let Ok(info) = self.api.upload_status(repository, id).await
        {
            self.tell(&mut response, repository, &info);
        }
        response
    }
}

fn stored(repository: &str, digest: &str) -> Response {
    created(&format!("/v2/{repository}/blobs/{digest}"), digest)
}
