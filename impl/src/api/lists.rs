//! Requests for lists: tags, the catalog, referrers.

use std::ops::ControlFlow;

use super::{Api, ApiError, Class, Code, Page, Referrer, parse};
use crate::error::TagError;
use crate::faults::Fault;

impl Api {
    /// The tags of a repository, sorted by bytes: at most `n` of them, strictly after `last`. The operator may have a bound for
    /// `n`, to which it is cut.
    ///
    /// # Errors
    /// `NAME_INVALID`; `UNSUPPORTED` (Invalid) for the page size; `NAME_UNKNOWN`.
    pub async fn list_tags(&self, repo: &str, n: Option<&str>, last: Option<&str>) -> Result<Page, ApiError> {
        let name = parse::name(repo)?;
        let limit = n.map(parse::page_size).transpose();
        assert!(
            limit.is_ok() || !self.registry.shared().faults.has(Fault::PageSizePanics),
            "the page size is a number"
        );
        let limit = limit?;
        let limit = limit.map(|limit| self.config.tags_max.map_or(limit, |max| limit.min(max)));
        if limit == Some(0) {
            return Ok(Page::default());
        }
        let (tags, more) = self.repository(&name)?.tags().list(limit, last).await.map_err(|error| match error {
            TagError::RepositoryUnknown(_) => ApiError::new(Code::NameUnknown, Class::NotFound, error, Some(repo)),
            error => ApiError::internal(error),
        })?;
        Ok(Page { items: tags.iter().map(ToString::to_string).collect(), more })
    }

    /// The repositories that ever held a manifest, by path components: at most `n` of them, strictly after `last`.
    ///
    /// # Errors
    /// `UNSUPPORTED` (Invalid) for the page size.
    pub async fn catalog(&self, n: Option<&str>, last: Option<&str>) -> Result<Page, ApiError> {
        let limit = match n {
            None => self.config.catalog_default,
            Some(text) => match parse::page_size(text)? {
                limit if limit > self.config.catalog_max => {
                    let why = format!("a page of the catalog has at most {} repositories", self.config.catalog_max);
                    return Err(parse::bad_page_size(text, &why));
                }
                limit => limit,
            },
        };
        if limit == 0 {
            return Ok(Page::default());
        }
        let (names, more) = self.registry.repositories(limit, last).await.map_err(ApiError::internal)?;
        Ok(Page { items: names.iter().map(ToString::to_string).collect(), more })
    }

    /// The manifests of a repository whose subject is this digest, in the order of their digests; and whether they were filtered
    /// by artifact type. An empty filter is none.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID`.
    pub async fn referrers(
        &self,
        repo: &str,
        digest: &str,
        artifact_type: Option<&str>,
    ) -> Result<(Vec<Referrer>, bool), ApiError> {
        let mut referrers = Vec::new();
        let filtered = self
            .each_referrer(repo, digest, artifact_type, "", |referrer| {
                referrers.push(referrer);
                ControlFlow::Continue(())
            })
            .await?;
        Ok((referrers, filtered))
    }

    /// As [`referrers`](Self::referrers), one after the other of those after the digest `last`, until `take` has enough. Whether they
    /// were filtered.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID`.
    pub async fn each_referrer(
        &self,
        repo: &str,
        digest: &str,
        artifact_type: Option<&str>,
        last: &str,
        mut take: impl FnMut(Referrer) -> ControlFlow<()> + Send,
    ) -> Result<bool, ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let wanted = artifact_type.filter(|wanted| !wanted.is_empty());
        let filter = wanted.filter(|_| !self.registry.shared().faults.has(Fault::ReferrersUnfiltered));
        let referrers = self.repository(&name)?.referrers();
        let each = referrers.each(&digest, last, |referrer| match filter {
            Some(_) if referrer.artifact_type.as_deref() != filter => ControlFlow::Continue(()),
            _ => take(referrer),
        });
        each.await.map_err(ApiError::internal)?;
        Ok(wanted.is_some())
    }
}
