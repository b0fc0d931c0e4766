//! Lists: tags, repositories, referrers.
//!
//! Sources: OCI distribution-spec 1.1, "Content Discovery"; for the catalog, which OCI leaves out, `distribution`.

use crate::manifest::{Manifest, loosely};
use crate::names::catalog_key;
use crate::refusal::{Refusal, Why, refusal};
use crate::state::Choice;
use crate::step::{Answer, At};
use crate::{Branch, Errors, Expect, Outcome, Referrer};

/// A page of tags, sorted by bytes, after `last`.
pub(crate) fn tags(at: &At, n: Option<&str>, last: Option<&str>) -> Answer {
    let repository = at.state.repo(at.repo);
    let unknown = refusal("tags.unknown", Why::NameUnknown(at.repo.into()));
    let tags: Vec<String> = repository.tags.keys().cloned().collect();
    if at.oci() {
        return Ok(oci_tags(at, n, last, &tags, &unknown));
    }
    let limit = if at.v2() { None } else { page_size(n)? };
    if limit == Some(0) {
        return at.answer("tags.none-asked", nothing());
    }
    // Distribution knows the tags of no repository whose manifests were only ever pushed by digest.
    if !(repository.held_manifests && (at.ours() || repository.held_tags)) {
        return Err(unknown);
    }
    if at.v2() {
        // It neither sorts nor pages.
        return Ok(vec![page(at, "tags.list", tags, None, false)]);
    }
    let following: Vec<String> = tags.into_iter().filter(|tag| last.is_none_or(|last| tag.as_str() > last)).collect();
    let (names, more) = first(following, limit);
    // Distribution announces a next page whenever a page is full, even the last.
    let full = at.distribution() && limit == Some(names.len() as u64) && !names.is_empty();
    let rule = if limit.is_some() || last.is_some() { "tags.page" } else { "tags.list" };
    at.answer(rule, Outcome::Names { names, more: more || full })
}

/// OCI: the tags of what is not there are 404 or none; `n=0` is an empty list; a page that announces another may be short.
fn oci_tags(at: &At, n: Option<&str>, last: Option<&str>, tags: &[String], unknown: &Refusal) -> Vec<Branch> {
    let (limit, no_number) = match page_size(n) {
        Ok(limit) => (limit, None),
        Err(refusal) => (None, Some(refusal)),
    };
    let too_many = limit.filter(|n| *n > at.options().catalog_max);
    let too_many = too_many.map(|n| refusal("page-size.invalid", Why::PageSize(n.to_string())));
    let none = tags.is_empty().then(|| unknown.clone());
    let refused = at.refusals([no_number, none, too_many].into_iter().flatten());
    if limit == Some(0) {
        return [refused, vec![at.same("tags.none-asked", nothing())]].concat();
    }
    let rule = if last.is_some() || limit.is_some() { "tags.page" } else { "tags.list" };
    let in_order = |fold: fn(&str) -> String, lower_first: bool| {
        let order = |a: &str, b: &str| fold(a).cmp(&fold(b)).then(if lower_first { b.cmp(a) } else { a.cmp(b) });
        let after = |tag: &&String| last.is_none_or(|last| order(tag, last).is_gt());
        let mut following: Vec<String> = tags.iter().filter(after).cloned().collect();
        following.sort_by(|a, b| order(a, b));
        vec![page(at, rule, following, limit, true)]
    };
    // 1.1.1 sorts without regard to case, which leaves open what comes first of `A` and `a`, and of `_` and letters. The text of
    // today has bytes, too.
    let either_case = |lower_first| {
        let [lower, upper] = [str::to_lowercase, str::to_uppercase].map(|fold| in_order(fold, lower_first));
        if lower == upper { lower } else { at.settle(&Choice::UnderscoreOrder, [lower, upper]) }
    };
    let (bytes, [upper_first, lower_first]) = (in_order(str::to_owned, false), [false, true].map(either_case));
    let same = bytes == upper_first && bytes == lower_first;
    let pages = if same { bytes } else { at.settle(&Choice::TagOrder, [bytes, upper_first, lower_first]) };
    [refused, pages].concat()
}

/// A page of repositories that hold or held manifests, `/` before every other byte, after `last`.
pub(crate) fn repositories(at: &At, n: Option<&str>, last: Option<&str>) -> Answer {
    // 2.8 takes what is no number for none.
    let asked = if at.v2() { page_size(n).unwrap_or(None) } else { page_size(n)? };
    let limit = asked.unwrap_or(at.options().catalog_default);
    if let Some(n) = n.filter(|_| limit > at.options().catalog_max) {
        return Err(refusal("catalog.page-size", Why::PageSize(n.into())));
    }
    if limit == 0 {
        return at.answer("catalog.none-asked", nothing());
    }
    let after = |name: &String| last.is_none_or(|last| catalog_key(name) > catalog_key(last));
    let (names, more) = first(catalog(at).into_iter().filter(after).collect(), Some(limit));
    at.answer("catalog.page", Outcome::Names { names, more })
}

/// Every repository exactly once, page after page.
pub(crate) fn walk(at: &At) -> Answer {
    at.answer("catalog.walk", Outcome::Names { names: catalog(at), more: false })
}

fn catalog(at: &At) -> Vec<String> {
    // 2.8 looks for the directory of layers, which stays when the last link goes.
    let listed = at.state.repos.iter().filter(|(_, it)| if at.v2() { it.held_layers } else { it.held_manifests });
    let mut names: Vec<String> = listed.map(|(name, _)| name.clone()).collect();
    names.sort_by(|one, other| catalog_key(one).cmp(&catalog_key(other)));
    names
}

/// The manifests whose subject is the digest.
pub(crate) fn referrers(at: &At, digest: &str, artifact_type: Option<&str>) -> Answer {
    let absent = vec![at.refuse(&refusal("referrers.absent", Why::Absent))];
    if at.distribution() {
        return Ok(absent);
    }
    if at.oci() && at.digest(digest).is_err() {
        // A registry that has the endpoint answers 400, and never 404.
        let expect = Expect::Refused { statuses: vec![400], errors: Errors::Any };
        let malformed = at.expecting("digest.invalid", expect, at.state.clone());
        return Ok(at.settle(&Choice::Referrers, [vec![malformed], absent]));
    }
    at.digest(digest)?;
    let rows = referrers_of(at, digest);
    let filter = artifact_type.filter(|filter| !filter.is_empty());
    let kept = |row: &&Referrer| filter.is_none_or(|filter| row.artifact_type.as_deref() == Some(filter));
    let filtered: Vec<Referrer> = rows.iter().filter(kept).cloned().collect();
    let rule = if filter.is_some() { "referrers.filter" } else { "referrers.list" };
    if at.ours() {
        return at.answer(rule, Outcome::Referrers { referrers: filtered, filtered: filter.is_some() });
    }
    // What no standard takes for a manifest may be listed as well, by a registry that did.
    let names = |it: &&String| at.state.bytes(it).is_some_and(|it| loosely(it).1.as_deref() == Some(digest));
    let others = at.state.repo(at.repo).revisions.keys().filter(names);
    let others = others.filter(|it| rows.iter().all(|row| row.digest != **it)).cloned().collect();
    let list = |rule, all: Vec<Referrer>, filtered| {
        let expect = Expect::Referrers { all, others: std::collections::BTreeSet::clone(&others), filtered };
        vec![at.expecting(rule, expect, at.state.clone())]
    };
    let there = match filter {
        None => list(rule, rows, false),
        Some(_) => {
            let ways = [list(rule, filtered, true), list("referrers.unfiltered", rows, false)];
            at.settle(&Choice::ReferrersFilter, ways)
        }
    };
    Ok(at.settle(&Choice::Referrers, [there, absent]))
}

fn referrers_of(at: &At, subject: &str) -> Vec<Referrer> {
    let mut manifests = at.state.manifests(at.repo);
    manifests.retain(|_, manifest| manifest.subject().is_some_and(|it| it == subject));
    let row = |(digest, manifest): (&String, Manifest)| Referrer {
        digest: digest.clone(),
        media_type: manifest.kind.media_type().to_owned(),
        size: at.state.blobs[digest].bytes.size(),
        artifact_type: manifest.listed_artifact_type(),
        annotations: manifest.annotations,
    };
    manifests.into_iter().map(row).collect()
}

/// Library: the tags that point to the digest.
pub(crate) fn tags_of(at: &At, digest: &str) -> Answer {
    at.digest(digest)?;
    let tags = at.state.repo(at.repo).tags.iter();
    let names = tags.filter(|(_, tag)| tag.current == digest).map(|(name, _)| name.clone()).collect();
    at.answer("tags.of", Outcome::Names { names, more: false })
}

/// Library: every digest that the tag ever pointed to.
pub(crate) fn tag_history(at: &At, tag: &str) -> Answer {
    at.tag(tag)?;
    let found = at.state.repo(at.repo).tags.get(tag);
    let found = found.ok_or_else(|| refusal("manifest.unknown", Why::ManifestUnknown(tag.into())))?;
    at.answer("tags.history", Outcome::Digests { digests: found.history.iter().cloned().collect() })
}

/// Library: every blob on disk.
pub(crate) fn blobs(at: &At) -> Answer {
    at.answer("blobs.list", Outcome::Digests { digests: at.state.blobs.keys().cloned().collect() })
}

/// A page size is a non-negative decimal number, of any length.
fn page_size(n: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(n) = n else { return Ok(None) };
    if n.is_empty() || !n.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refusal("page-size.invalid", Why::PageSize(n.into())));
    }
    Ok(Some(n.parse().unwrap_or(u64::MAX)))
}

fn nothing() -> Outcome {
    Outcome::Names { names: Vec::new(), more: false }
}

/// Exactly the first `limit`, and whether any are left.
fn first(mut following: Vec<String>, limit: Option<u64>) -> (Vec<String>, bool) {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let more = following.len() > limit;
    following.truncate(limit);
    (following, more)
}

fn page(at: &At, rule: &'static str, following: Vec<String>, limit: Option<u64>, ordered: bool) -> Branch {
    at.expecting(rule, Expect::Page { following, limit, ordered }, at.state.clone())
}
