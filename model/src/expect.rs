//! What an outcome must look like.
//!
//! A pattern has no wildcard: what the registry is free to choose is listed, or is an upload's id, which is
//! remembered and compared from then on.

use std::collections::BTreeSet;

use crate::names::{algorithm, matches_digest};
use crate::{BlobBody, Code, ErrorItem, Outcome, Referrer, Span};

/// Which id an upload may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// A new one: none of these.
    Fresh(BTreeSet<String>),
    /// This one.
    Is(String),
    /// The standard lets a location change with every answer.
    Any,
}

/// What the errors of a refusal must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errors {
    /// These, in this order, with these details.
    Exactly(Vec<ErrorItem>),
    /// Any number of errors, each with a code of the standard or of its ancestor; details are free.
    Any,
    /// Any number of errors, each with one of these codes; details are free.
    AnyOf(Vec<Code>),
}

/// What an outcome must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are told with each variant")]
pub enum Expect {
    /// This, to the last byte.
    Exactly(Outcome),
    /// This, but the answer may leave the digest out, or name the content by another of its digests.
    DigestFree { outcome: Outcome, others: Vec<String> },
    /// Any blob that hashes to the digest, or part of one: its bytes came from elsewhere.
    Hashing { digest: String, body: bool, part: bool },
    /// An open upload of this many bytes.
    Upload { id: Id, size: u64 },
    /// A page: the first of what follows, as many as the registry likes up to the limit, and a next page if any are left.
    Page { following: Vec<String>, limit: Option<u64>, ordered: bool },
    /// Referrers in any order: all of the first, and perhaps rows for the other digests, of what the standard does not take for
    /// a manifest, but the registry did.
    Referrers { all: Vec<Referrer>, others: BTreeSet<String>, filtered: bool },
    /// A refusal with one of these HTTP statuses.
    Refused { statuses: Vec<u16>, errors: Errors },
}

impl Expect {
    /// Does the outcome look like that?
    pub fn matches(&self, seen: &Outcome) -> bool {
        match (self, seen) {
            (Expect::Exactly(outcome), seen) => outcome == seen,
            (Expect::DigestFree { outcome, others }, seen) => {
                let free = others.iter().cloned().map(Some).chain([None]);
                outcome == seen || free.into_iter().any(|digest| outcome.with_digest(digest) == *seen)
            }
            (Expect::Hashing { digest, body, part }, Outcome::Blob { digest: named, size, body: seen }) => {
                let whole = |it: &BlobBody| it.bytes.size() == *size && matches_digest(digest, &it.bytes);
                let cut = |it: &BlobBody, (first, last): Span| last < *size && first + it.bytes.size() == last + 1;
                let sound = |it: &BlobBody| it.range.map_or_else(|| whole(it), |range| *part && cut(it, range));
                let same = |named: &String| algorithm(named) != algorithm(digest) || named == digest;
                named.as_ref().is_none_or(same) && seen.is_some() == *body && seen.as_ref().is_none_or(sound)
            }
            (Expect::Upload { id, size }, Outcome::Upload { id: seen_id, size: seen_size }) => {
                let id = match id {
                    Id::Fresh(used) => !used.contains(seen_id),
                    Id::Is(id) => id == seen_id,
                    Id::Any => true,
                };
                id && size == seen_size
            }
            (Expect::Page { following, limit, ordered }, Outcome::Names { names, more }) => {
                let all = names.len() == following.len();
                let progress = !more || !names.is_empty();
                let known = if *ordered { following.starts_with(names) } else { is_part(names, following) };
                known && names.len() as u64 <= limit.unwrap_or(u64::MAX) && (all || *more) && progress
            }
            (Expect::Referrers { all, others, filtered }, Outcome::Referrers { referrers, filtered: said }) => {
                let (other, known): (Vec<_>, Vec<_>) = referrers.iter().partition(|row| others.contains(&row.digest));
                let once = |rows: &[&Referrer]| rows.iter().map(|row| &row.digest).collect::<BTreeSet<_>>().len();
                let rows = |rows: Vec<&Referrer>| rows.into_iter().map(plain).collect::<BTreeSet<_>>();
                let distinct = once(&known) == known.len() && once(&other) == other.len();
                filtered == said && distinct && rows(known) == rows(all.iter().collect())
            }
            (Expect::Refused { statuses, errors }, Outcome::Refused { status, errors: seen }) => {
                let errors = match errors {
                    Errors::Exactly(errors) => errors == seen,
                    Errors::Any => seen.iter().all(|error| !matches!(error.code, Code::Other(_))),
                    Errors::AnyOf(codes) => seen.iter().all(|error| codes.contains(&error.code)),
                };
                errors && statuses.contains(status)
            }
            _ => false,
        }
    }
}

/// Each of the names is one of `all`, and stands once.
fn is_part(names: &[String], all: &[String]) -> bool {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    set(names).len() == names.len() && set(names).is_subset(&set(all))
}

/// No annotations and none at all are the same.
fn plain(referrer: &Referrer) -> Referrer {
    let annotations = referrer.annotations.clone().filter(|annotations| !annotations.is_empty());
    Referrer { annotations, ..referrer.clone() }
}
