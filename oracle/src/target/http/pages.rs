//! Answers of several pages.
//!
//! A next page is where the link says. The pages of the catalog begin right before the case's own repositories and end after
//! them, so that a registry with many others is not read through.

use std::collections::BTreeSet;

use proofhouse_model::{Op, Outcome};
use reqwest::Method;
use url::Url;

use super::requests::Asking;
use super::translate::{referrers, strings};
use super::transport::Request;
use super::{HttpTarget, Unread};
use crate::wire::Answer;
use crate::wire::headers::next_link;

/// Pages that are read at most.
const MOST_PAGES: usize = 1_000;

impl HttpTarget {
    /// Every repository of the case, page after page.
    pub(super) async fn walk(&mut self, op: &Op, n: u32) -> Result<Outcome, Unread> {
        let mut names = Vec::new();
        // In every order in use, what stands under the prefix comes before this.
        let end = format!("{}0", self.names.prefix());
        let mut next = Some(self.first_page(op)?);
        let mut seen = BTreeSet::new();
        while let Some(request) = next.take() {
            let at = self.once(&mut seen, &request)?;
            let answer = self.exchange(op, request, "").await?;
            if answer.status != 200 {
                return Ok(self.refusal(op, &answer));
            }
            let page = strings(&answer, "repositories");
            if page.len() as u64 > u64::from(n) {
                let what = format!("a page of {} repositories at {at}, where {n} were asked for", page.len());
                return Err(what.into());
            }
            let past_the_end = page.last().is_some_and(|last| *last > end);
            names.extend(page.iter().filter_map(|name| self.names.here(name)));
            if !past_the_end {
                next = next_page(&at, &answer)?;
            }
        }
        Ok(Outcome::Names { names, more: false })
    }

    /// All referrers, page after page.
    pub(super) async fn all_referrers(&mut self, op: &Op) -> Result<Outcome, Unread> {
        let mut asking = Asking { base: &self.base, names: &self.names, uploads: &self.uploads };
        let (request, repository) = asking.request(op)?;
        let mut rows = Vec::new();
        let mut applied = None;
        let mut next = Some(request);
        let mut seen = BTreeSet::new();
        while let Some(request) = next.take() {
            let at = self.once(&mut seen, &request)?;
            let answer = self.exchange(op, request, &repository).await?;
            match self.refusal(op, &answer) {
                Outcome::Referrers { filtered, .. } => {
                    if applied.is_some_and(|applied| applied != filtered) {
                        return Err("one page of the referrers is filtered and another is not".to_owned().into());
                    }
                    applied = Some(filtered);
                }
                refused => return Ok(refused),
            }
            rows.extend(referrers(&answer));
            next = next_page(&at, &answer)?;
        }
        Ok(Outcome::Referrers { referrers: rows, filtered: applied.unwrap_or_default() })
    }

    fn first_page(&mut self, op: &Op) -> Result<Request, String> {
        let mut asking = Asking { base: &self.base, names: &self.names, uploads: &self.uploads };
        asking.request(op).map(|(request, _)| request)
    }

    fn refusal(&self, op: &Op, answer: &Answer) -> Outcome {
        self.reading(0, None).outcome(op, answer)
    }

    /// Notes that a page is asked for; a page that was asked for before, or one too many, is where pages never end.
    fn once(&self, seen: &mut BTreeSet<Url>, request: &Request) -> Result<Url, String> {
        if !seen.insert(request.url.clone()) {
            return Err(format!("the next page is one that was there before: {}", request.url));
        }
        if seen.len() > MOST_PAGES {
            return Err(format!("no end after {MOST_PAGES} pages"));
        }
        Ok(request.url.clone())
    }
}

/// The request for the page after this one, if there is one.
fn next_page(at: &Url, answer: &Answer) -> Result<Option<Request>, String> {
    let Some(target) = next_link(&answer.headers)? else { return Ok(None) };
    let url = at.join(&target).map_err(|error| format!("a next page that is no URL: {target}: {error}"))?;
    Ok(Some(Request::new(Method::GET, url)))
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Dialect, Referrer, Release};

    use super::super::server::reply;
    use super::super::tests::{JSON, LAYER, broken, perform};
    use super::*;

    #[test]
    fn pages_that_never_end_are_broken() {
        let page =
            || reply(200, &[JSON, ("Link", "</v2/_catalog?n=2>; rel=\"next\"")], r#"{"repositories":["ns/run-1/a"]}"#);
        let dialect = Dialect::Distribution(Release::V3);
        let (outcomes, _) = perform(dialect, &[Op::WalkRepositories { n: 2 }], vec![page(), page(), page()]);
        assert!(broken(&outcomes[0]).starts_with("the next page is one that was there before"), "{}", outcomes[0]);
    }

    #[test]
    fn referrers_are_read_from_all_pages() {
        let row = |digest: &str| {
            format!(r#"{{"mediaType":"m","digest":"{digest}","size":2,"artifactType":"t","annotations":{{"k":"v"}}}}"#)
        };
        let index = |rows: &str| format!(r#"{{"schemaVersion":2,"manifests":[{rows}]}}"#);
        let kind = ("Content-Type", "application/vnd.oci.image.index.v1+json");
        let filtered = ("OCI-Filters-Applied", "artifactType");
        let op = Op::Referrers { repo: "a".into(), digest: LAYER.into(), artifact_type: Some("t".into()) };
        let script = vec![
            reply(200, &[kind, filtered, ("Link", "</more>; rel=\"next\"")], &index(&row("d1"))),
            reply(200, &[kind, filtered], &index(&row("d2"))),
        ];
        let (outcomes, asked) = perform(Dialect::Oci, &[op], script);
        let expected = |digest: &str| Referrer {
            digest: digest.into(),
            media_type: "m".into(),
            size: 2,
            artifact_type: Some("t".into()),
            annotations: Some([("k".to_owned(), "v".to_owned())].into()),
        };
        assert_eq!(outcomes[0], Outcome::Referrers { referrers: vec![expected("d1"), expected("d2")], filtered: true });
        assert_eq!(asked[0].line, format!("GET /v2/ns/run-1/a/referrers/{LAYER}?artifactType=t HTTP/1.1"));
    }
}
