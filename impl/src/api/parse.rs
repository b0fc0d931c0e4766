//! Parsing what clients write, each failure with its code.

use super::{ApiError, Class, Code};
use crate::digest::Digest;
use crate::name::{InvalidReference, Reference, RepositoryName, Tag};

pub(crate) fn name(text: &str) -> Result<RepositoryName, ApiError> {
    text.parse().map_err(|error| ApiError::new(Code::NameInvalid, Class::Invalid, error, Some(text)))
}

pub(crate) fn digest(text: &str) -> Result<Digest, ApiError> {
    text.parse().map_err(|error| ApiError::new(Code::DigestInvalid, Class::Invalid, error, Some(text)))
}

pub(super) fn tag(text: &str) -> Result<Tag, ApiError> {
    text.parse().map_err(|error| ApiError::new(Code::ManifestInvalid, Class::Invalid, error, Some(text)))
}

pub(super) fn reference(text: &str) -> Result<Reference, ApiError> {
    text.parse().map_err(|error| {
        let code = match error {
            InvalidReference::Tag(_) => Code::ManifestInvalid,
            InvalidReference::Digest(_) => Code::DigestInvalid,
        };
        ApiError::new(code, Class::Invalid, error, Some(text))
    })
}

/// A page size: decimal digits and nothing else. What is larger than this machine can count is as good as the largest.
pub(super) fn page_size(text: &str) -> Result<usize, ApiError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad_page_size(text, "a page size is a number, 0 or more"));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}

pub(super) fn bad_page_size(text: &str, why: &str) -> ApiError {
    ApiError::new(Code::Unsupported, Class::Invalid, why, Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_size_is_a_non_negative_decimal_number() {
        for (text, size) in [("0", 0), ("7", 7), ("007", 7), ("99999999999999999999999", usize::MAX)] {
            assert_eq!(page_size(text), Ok(size));
        }
        for text in ["", "-1", "+1", "1.0", " 1", "x", "٣"] {
            let error = page_size(text).unwrap_err();
            assert_eq!((error.errors[0].code, error.class()), (Code::Unsupported, Class::Invalid));
            assert_eq!(error.errors[0].detail.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_reference_is_refused_by_the_code_of_what_it_looks_like() {
        assert_eq!(reference("sha256:x").unwrap_err().errors[0].code, Code::DigestInvalid);
        assert_eq!(reference("-x").unwrap_err().errors[0].code, Code::ManifestInvalid);
        assert!(reference("latest").is_ok());
    }
}
