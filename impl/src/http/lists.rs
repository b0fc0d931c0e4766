//! Lists: tags, the catalog, referrers. What follows a page is announced in `Link`, as a path of this server.

use axum::response::Response;
use http::header::LINK;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::answer::{Answer, FILTERS_APPLIED, content, value};
use super::params::query;
use super::{Call, Front};
use crate::api::{Page, Referrer};
use crate::manifest::ManifestType;

/// A page of referrers ends before it is longer than this, in bytes, if it has any row. Clients read no index that is longer
/// than a manifest may be.
const REFERRERS_BYTES: usize = 3 << 20;

#[derive(Serialize)]
struct Tags<'a> {
    name: &'a str,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Catalog<'a> {
    repositories: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
}

impl Front {
    pub(super) async fn tags(&self, call: &Call, repository: &str) -> Answer {
        let (n, last) = (call.params.first("n"), call.params.first("last"));
        let page = self.api.list_tags(repository, n, last).await?;
        let mut response = json(&Tags { name: repository, tags: &page.items });
        link(&mut response, &format!("/v2/{repository}/tags/list"), n, &page);
        Ok(response)
    }

    pub(super) async fn catalog(&self, call: &Call) -> Answer {
        let (n, last) = (call.params.first("n"), call.params.first("last"));
        let page = self.api.catalog(n, last).await?;
        let mut response = json(&Catalog { repositories: &page.items });
        link(&mut response, "/v2/_catalog", n, &page);
        Ok(response)
    }

    /// Pages begin after the digest `last`; the standard leaves to the server how they are told apart.
    pub(super) async fn referrers(&self, call: &Call, repository: &str, digest: &str) -> Answer {
        let filter = call.params.first("artifactType");
        let last = call.params.first("last").unwrap_or_default();
        // Rows as they are sent: of what they were made from only one is in memory at a time.
        let (mut rows, mut next, mut more) = (String::new(), None, false);
        let (mut count, most) = (0, self.options.referrers_page);
        let take = |referrer: Referrer| {
            let row = written(&Row::of(&referrer));
            more = count > 0 && (count >= most || rows.len() + row.len() > REFERRERS_BYTES);
            if more {
                return ControlFlow::Break(());
            }
            if count > 0 {
                rows.push(',');
            }
            rows.push_str(&row);
            count += 1;
            next = Some(referrer.digest);
            ControlFlow::Continue(())
        };
        let filtered = self.api.each_referrer(repository, digest, filter, last, take).await?;
        let media_type = ManifestType::OciIndex.as_str();
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{rows}]}}"#);
        let mut response = content(StatusCode::OK, media_type, index);
        if filtered {
            response.headers_mut().insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        }
        if let Some(next) = next.filter(|_| more) {
            let mut pairs = vec![("last", next.as_str())];
            pairs.extend(filter.map(|filter| ("artifactType", filter)));
            announce(&mut response, &format!("/v2/{repository}/referrers/{digest}?{}", query(&pairs)));
        }
        Ok(response)
    }
}

impl<'a> Row<'a> {
    fn of(referrer: &'a Referrer) -> Self {
        Self {
            media_type: &referrer.media_type,
            digest: referrer.digest.as_str(),
            size: referrer.size,
            artifact_type: referrer.artifact_type.as_deref(),
            annotations: referrer.annotations.as_ref(),
        }
    }
}

fn written(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("strings and numbers can be written as JSON")
}

fn json(document: &impl Serialize) -> Response {
    content(StatusCode::OK, "application/json", written(document))
}

fn link(response: &mut Response, path: &str, n: Option<&str>, page: &Page) {
    if let Some(last) = page.items.last().filter(|_| page.more) {
        let mut pairs: Vec<(&str, &str)> = n.map(|n| ("n", n)).into_iter().collect();
        pairs.push(("last", last));
        announce(response, &format!("{path}?{}", query(&pairs)));
    }
}

fn announce(response: &mut Response, target: &str) {
    response.headers_mut().insert(LINK, value(&format!("<{target}>; rel=\"next\"")));
}
