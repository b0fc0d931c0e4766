//! What clients are told when something is refused.
//!
//! A code of the OCI distribution-spec, a class (over HTTP: the status) and, as detail, the one subject of the error as the
//! client wrote it. Source: `docs/behaviour.md`, "Errors".

use std::fmt;

use serde::Serialize;

use crate::driver::DriverError;

/// A code of the OCI distribution-spec, and one more for what is no client's fault. That one is not in the standard, so no
/// answer shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The repository's name is malformed.
    NameInvalid,
    /// The repository is not known.
    NameUnknown,
    /// A digest is malformed, or content does not hash to it.
    DigestInvalid,
    /// A manifest, or a tag, is malformed.
    ManifestInvalid,
    /// A manifest names something that is missing.
    ManifestBlobUnknown,
    /// The manifest is not known.
    ManifestUnknown,
    /// A length is not what was said, or not allowed.
    SizeInvalid,
    /// The blob is not known.
    BlobUnknown,
    /// The upload is not known.
    BlobUploadUnknown,
    /// A chunk or range does not fit.
    BlobUploadInvalid,
    /// This registry does not do that.
    Unsupported,
    /// The access controller refuses.
    Denied,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// Too many do that at once.
    TooManyRequests,
    /// The registry failed.
    Unknown,
}

impl Code {
    /// As it stands on the wire, and in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::Unsupported => "UNSUPPORTED",
            Self::Denied => "DENIED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The request is wrong.
    Invalid,
    /// The client may not.
    Denied,
    /// 401: only a server says so.
    Unauthorized,
    /// There is no such thing.
    NotFound,
    /// The registry does not do that.
    Unsupported,
    /// The client stopped sending and did not go on in time.
    Timeout,
    /// What is there is not what the request is for. Only a server says so.
    Precondition,
    /// It is too large.
    TooLarge,
    /// The URL says more than is taken.
    TooLong,
    /// A range does not fit.
    Range,
    /// Too many do that at once.
    Busy,
    /// The registry failed.
    Internal,
    /// 503: it may work in a moment. Only a server says so.
    Unavailable,
}

impl Class {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Denied => 403,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::Unsupported => 405,
            Self::Timeout => 408,
            Self::Precondition => 412,
            Self::TooLarge => 413,
            Self::TooLong => 414,
            Self::Range => 416,
            Self::Busy => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiErrorItem {
    /// The code.
    pub code: Code,
    /// The class.
    pub class: Class,
    /// For people.
    pub message: String,
    /// The subject, as the client wrote it.
    pub detail: Option<String>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Everything that is wrong; never empty.
    pub errors: Vec<ApiErrorItem>,
}

impl ApiError {
    pub(crate) fn new(code: Code, class: Class, message: impl fmt::Display, detail: Option<&str>) -> Self {
        let item = ApiErrorItem { code, class, message: message.to_string(), detail: detail.map(ToOwned::to_owned) };
        Self { errors: vec![item] }
    }

    /// The registry failed. The client is not told how; the log is.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Code::Unknown, Class::Internal, "the registry failed; its log says why", None)
    }

    /// The storage failed, or holds what it must not: a symbolic link is followed for nobody. Were that a failure of the registry, a
    /// client would ask again; it is refused instead, and the log has the place.
    pub(crate) fn storage(error: &DriverError) -> Self {
        let DriverError::SymbolicLink { .. } = error else { return Self::internal(error) };
        tracing::error!(%error, "a request was refused");
        let message = "a symbolic link stands where this belongs, and none is followed; the registry's log says where";
        Self::new(Code::Denied, Class::Denied, message, None)
    }

    /// The class of the answer: that of the first error.
    #[must_use]
    pub fn class(&self) -> Class {
        self.errors.first().map_or(Class::Internal, |item| item.class)
    }

    /// `{"errors":[{"code","message","detail"}]}`; the detail is left out where there is none, and so is the code of a failure
    /// of the registry: the standard has none for it.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Item<'e> {
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<&'static str>,
            message: &'e str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'e str>,
        }
        #[derive(Serialize)]
        struct Document<'e> {
            errors: Vec<Item<'e>>,
        }
        let errors = self
            .errors
            .iter()
            .map(|item| Item {
                code: (item.code != Code::Unknown).then_some(item.code.as_str()),
                message: &item.message,
                detail: item.detail.as_deref(),
            })
            .collect();
        serde_json::to_string(&Document { errors }).expect("strings can be written as JSON")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, item) in self.errors.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", item.code, item.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_that_of_the_standard() {
        let mut error = ApiError::new(Code::BlobUnknown, Class::NotFound, "no \"blob\"", Some("sha256:x"));
        error.errors.extend(ApiError::new(Code::Denied, Class::Denied, "no", None).errors);
        assert_eq!(
            error.to_json(),
            r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"no \"blob\"","detail":"sha256:x"},{"code":"DENIED","message":"no"}]}"#
        );
        assert_eq!(error.class().status(), 404);
        assert_eq!(error.to_string(), "BLOB_UNKNOWN: no \"blob\"; DENIED: no");
    }

    #[test]
    fn a_failure_of_the_registry_has_no_code_and_tells_no_client_how_it_failed() {
        let error = ApiError::internal("/srv/registry: disk full");
        assert_eq!(error.class().status(), 500);
        assert_eq!(error.to_json(), r#"{"errors":[{"message":"the registry failed; its log says why"}]}"#);
    }
}
