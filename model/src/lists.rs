//! Lists: tags, repositories, referrers.
//!
//! Sources: OCI distribution-spec 1.1, "Content Discovery"; for the catalog, which OCI leaves out, `distribution`.

use crate::blobs::settle;
use crate::expect::Expect;
use crate::manifest::{Kind, read_stored};
use crate::names::catalog_key;
use crate::options::{Dialect, Release};
use crate::outcome::{Outcome, Referrer};
use crate::refusal::{Refusal, Why};
use crate::rules::RuleId;
use crate::state::Choice;
use crate::step::{Answer, At, Branch};

/// A page of tags, sorted by bytes, after `last`.
pub(crate) fn tags(at: &At, repo: &str, n: Option<&str>, last: Option<&str>) -> Answer {
    at.name(repo)?;
    let old = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let limit = if old { Ok(None) } else { page_size(n) };
    let repository = at.state.repos.get(repo);
    let unknown = Refusal::new("tags.unknown", Why::NameUnknown(repo.into()));
    if at.oci() {
        return oci_tags(at, limit, last, repository.map(|it| it.tags.keys().cloned().collect()), &unknown);
    }
    let limit = limit?;
    if limit == Some(0) {
        return at.answer("tags.none-asked", Outcome::Names { names: Vec::new(), more: false });
    }
    let pushed_by_digest_only = |it: &&crate::state::Repository| at.ours() || it.held_tags;
    let Some(repository) = repository.filter(|it| it.held_manifests).filter(pushed_by_digest_only) else {
        return Err(unknown);
    };
    let all: Vec<String> = repository.tags.keys().cloned().collect();
    if old {
        // It neither sorts nor pages.
        return Ok(vec![page(at, "tags.list", all, None, false)]);
    }
    let following = all.into_iter().filter(|tag| last.is_none_or(|last| tag.as_str() > last)).collect();
    let rule = if limit.is_some() || last.is_some() { "tags.page" } else { "tags.list" };
    at.answer(rule, exact_page(following, limit))
}

/// OCI: an unknown repository is 404, one without tags may be; `n=0` is an empty list; a page may be shorter than `n`.
fn oci_tags(
    at: &At,
    limit: Result<Option<u64>, Refusal>,
    last: Option<&str>,
    tags: Option<Vec<String>>,
    unknown: &Refusal,
) -> Answer {
    let all = tags.unwrap_or_default();
    let mut branches = Vec::new();
    let limit = match limit {
        Ok(limit) => limit,
        // The text does not say what a page size that is no number leads to.
        Err(refusal) => {
            branches.push(at.refuse(&refusal));
            None
        }
    };
    let rule = if last.is_some() || limit.is_some() { "tags.page" } else { "tags.list" };
    let letters = |tag: &str| (tag.to_lowercase(), tag.to_owned());
    let mut by_letters = all.clone();
    by_letters.sort_by_key(|tag| letters(tag));
    let after = |tag: &&String| limit != Some(0) && last.is_none_or(|last| tag.as_str() > last);
    let after_letters = |tag: &&String| limit != Some(0) && last.is_none_or(|last| letters(tag) > letters(last));
    let in_bytes = page(at, rule, all.iter().filter(after).cloned().collect(), limit, true);
    let in_letters = page(at, rule, by_letters.iter().filter(after_letters).cloned().collect(), limit, true);
    // 1.1.1 sorts without regard to case; the text of today allows bytes as well.
    let same = in_bytes == in_letters;
    branches.extend(if same { vec![in_bytes] } else { settle(at, Choice::TagOrder, vec![in_bytes], vec![in_letters]) });
    if all.is_empty() {
        branches.insert(0, at.refuse(unknown));
    }
    Ok(branches)
}

/// A page of repositories that hold or held manifests, `/` before every other byte, after `last`.
pub(crate) fn repositories(at: &At, n: Option<&str>, last: Option<&str>) -> Answer {
    let old = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let asked = if old { Ok(page_size(n).unwrap_or(None)) } else { page_size(n) };
    let limit = asked?.unwrap_or(at.options().catalog_default);
    if limit > at.options().catalog_max && n.is_some() {
        return Err(Refusal::new("catalog.page-size", Why::PageSize(n.unwrap_or_default().into())));
    }
    if limit == 0 {
        return at.answer("catalog.none-asked", Outcome::Names { names: Vec::new(), more: false });
    }
    let after = |name: &String| last.is_none_or(|last| catalog_key(name) > catalog_key(last));
    at.answer("catalog.page", exact_page(catalog(at).into_iter().filter(after).collect(), Some(limit)))
}

/// Every repository exactly once, page after page.
pub(crate) fn walk(at: &At) -> Answer {
    at.answer("catalog.walk", Outcome::Names { names: catalog(at), more: false })
}

fn catalog(at: &At) -> Vec<String> {
    let old = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let listed = at.state.repos.iter().filter(|(_, it)| it.held_manifests || (old && !it.layers.is_empty()));
    let mut names: Vec<String> = listed.map(|(name, _)| name.clone()).collect();
    names.sort_by(|one, other| catalog_key(one).cmp(&catalog_key(other)));
    names
}

/// The manifests whose subject is the digest.
pub(crate) fn referrers(at: &At, repo: &str, digest: &str, artifact_type: Option<&str>) -> Answer {
    at.name(repo)?;
    let absent = at.refuse(&Refusal::new("referrers.absent", Why::Absent));
    if let Dialect::Distribution(_) = at.spec.dialect() {
        return Ok(vec![absent]);
    }
    at.digest(digest)?;
    let rows = referrers_of(at, repo, digest);
    let filter = artifact_type.filter(|filter| !filter.is_empty());
    let kept = |row: &&Referrer| filter.is_none_or(|filter| row.artifact_type.as_deref() == Some(filter));
    let filtered: Vec<Referrer> = rows.iter().filter(kept).cloned().collect();
    if !at.oci() {
        let rule = if filter.is_some() { "referrers.filter" } else { "referrers.list" };
        return at.answer(rule, Outcome::Referrers { referrers: filtered, filtered: filter.is_some() });
    }
    let list = |rule: &'static str, all: Vec<Referrer>, filtered| {
        let expect = Expect::Referrers { all, any: Vec::new(), filtered };
        Branch { rule: RuleId(rule), expect, next: at.state.clone(), opens: None }
    };
    let there = match filter {
        None => vec![list("referrers.list", rows, false)],
        Some(_) => settle(
            at,
            Choice::ReferrersFilter,
            vec![list("referrers.filter", filtered, true)],
            vec![list("referrers.unfiltered", rows, false)],
        ),
    };
    Ok(settle(at, Choice::Referrers, there, vec![absent]))
}

fn referrers_of(at: &At, repo: &str, digest: &str) -> Vec<Referrer> {
    let revisions = at.state.repos.get(repo).into_iter().flat_map(|it| it.revisions.keys());
    let row = |revision: &String| {
        let bytes = at.state.revision(repo, revision)?;
        let manifest =
            read_stored(bytes).filter(|it| it.subject.as_ref().is_some_and(|subject| subject.digest == digest))?;
        Some(Referrer {
            digest: revision.clone(),
            media_type: manifest.kind.media_type().to_owned(),
            size: bytes.size(),
            artifact_type: if manifest.kind == Kind::OciIndex {
                manifest.artifact_type.clone().filter(|it| !it.is_empty())
            } else {
                manifest.listed_artifact_type()
            },
            annotations: manifest.annotations,
        })
    };
    revisions.filter_map(row).collect()
}

/// Library: the tags that point to the digest.
pub(crate) fn tags_of(at: &At, repo: &str, digest: &str) -> Answer {
    at.name(repo)?;
    at.digest(digest)?;
    let tags = at.state.repos.get(repo).into_iter().flat_map(|it| &it.tags);
    let names = tags.filter(|(_, tag)| tag.current == digest).map(|(name, _)| name.clone()).collect();
    at.answer("tags.of", Outcome::Names { names, more: false })
}

/// Library: every digest that the tag ever pointed to.
pub(crate) fn tag_history(at: &At, repo: &str, tag: &str) -> Answer {
    at.name(repo)?;
    at.tag(tag)?;
    match at.state.repos.get(repo).and_then(|it| it.tags.get(tag)) {
        Some(found) => at.answer("tags.history", Outcome::Digests { digests: found.history.iter().cloned().collect() }),
        None => Err(Refusal::new("manifest.unknown", Why::ManifestUnknown(tag.into()))),
    }
}

/// Library: every blob on disk.
pub(crate) fn blobs(at: &At) -> Answer {
    at.answer("blobs.list", Outcome::Digests { digests: at.state.blobs.keys().cloned().collect() })
}

/// A page size is a non-negative decimal number, of any length.
fn page_size(n: Option<&str>) -> Result<Option<u64>, Refusal> {
    match n {
        None => Ok(None),
        Some(n) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(n.parse().unwrap_or(u64::MAX)))
        }
        Some(n) => Err(Refusal::new("page-size.invalid", Why::PageSize(n.into()))),
    }
}

/// Exactly the first `limit`, and a next page if any are left.
fn exact_page(following: Vec<String>, limit: Option<u64>) -> Outcome {
    let limit = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let more = following.len() > limit;
    Outcome::Names { names: following.into_iter().take(limit).collect(), more }
}

fn page(at: &At, rule: &'static str, following: Vec<String>, limit: Option<u64>, ordered: bool) -> Branch {
    Branch {
        rule: RuleId(rule),
        expect: Expect::Page { following, limit, ordered },
        next: at.state.clone(),
        opens: None,
    }
}
