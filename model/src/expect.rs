//! What an outcome must look like.
//!
//! A pattern has no wildcard: what the registry is free to choose is listed, or is an upload's id, which is
//! remembered and compared from then on.

use std::collections::BTreeSet;
use std::fmt;

use crate::outcome::{Class, Code, ErrorItem, Outcome, Referrer};

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
    /// These codes in this order; details are free.
    Codes(Vec<Code>),
    /// Any number of errors, each with one of these codes.
    AnyOf(Vec<Code>),
}

/// What an outcome must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// This, to the last byte.
    Exactly(Outcome),
    /// This, but the answer may leave the digest out.
    DigestOptional(Outcome),
    /// An open upload of this many bytes.
    Upload {
        /// Its id.
        id: Id,
        /// Bytes that it holds.
        size: u64,
    },
    /// A page: the first of these, as many as the registry likes up to the limit, and a next page if any are left.
    Page {
        /// All that follows, in order.
        following: Vec<String>,
        /// At most so many; none: all of it in one page or more.
        limit: Option<u64>,
        /// The standard fixes the order.
        ordered: bool,
    },
    /// Referrers in any order: all of the first, any of the second.
    Referrers {
        /// These must be there.
        all: Vec<Referrer>,
        /// These may be there.
        any: Vec<Referrer>,
        /// The answer says that the filter was applied.
        filtered: bool,
    },
    /// A refusal.
    Refused {
        /// One of these classes.
        classes: Vec<Class>,
        /// The errors.
        errors: Errors,
    },
}

impl Expect {
    /// Does the outcome look like that?
    pub fn matches(&self, seen: &Outcome) -> bool {
        match (self, seen) {
            (Expect::Exactly(outcome), seen) => outcome == seen,
            (Expect::DigestOptional(outcome), seen) => outcome == seen || without_digest(outcome) == *seen,
            (Expect::Upload { id, size }, Outcome::Upload { id: seen_id, size: seen_size }) => {
                let id = match id {
                    Id::Fresh(used) => !used.contains(seen_id),
                    Id::Is(id) => id == seen_id,
                    Id::Any => true,
                };
                id && size == seen_size
            }
            (Expect::Page { following, limit, ordered }, Outcome::Names { names, more }) => {
                page_matches(following, *limit, *ordered, names, *more)
            }
            (Expect::Referrers { all, any, filtered }, Outcome::Referrers { referrers, filtered: said }) => {
                let seen: BTreeSet<Referrer> = referrers.iter().map(without_empty_annotations).collect();
                let all: BTreeSet<Referrer> = all.iter().map(without_empty_annotations).collect();
                let any: BTreeSet<Referrer> = any.iter().map(without_empty_annotations).collect();
                filtered == said
                    && seen.len() == referrers.len()
                    && seen.is_superset(&all)
                    && seen.iter().all(|one| all.contains(one) || any.contains(one))
            }
            (Expect::Refused { classes, errors }, Outcome::Refused { class, errors: seen }) => {
                classes.contains(class)
                    && match errors {
                        Errors::Exactly(errors) => errors == seen,
                        Errors::Codes(codes) => codes.iter().eq(seen.iter().map(|error| &error.code)),
                        Errors::AnyOf(codes) => seen.iter().all(|error| codes.contains(&error.code)),
                    }
            }
            _ => false,
        }
    }
}

fn without_digest(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    match &mut outcome {
        Outcome::BlobStored { digest }
        | Outcome::Blob { digest, .. }
        | Outcome::ManifestStored { digest, .. }
        | Outcome::Manifest { digest, .. } => *digest = None,
        _ => {}
    }
    outcome
}

fn without_empty_annotations(referrer: &Referrer) -> Referrer {
    let annotations = referrer.annotations.clone().filter(|annotations| !annotations.is_empty());
    Referrer { annotations, ..referrer.clone() }
}

fn page_matches(following: &[String], limit: Option<u64>, ordered: bool, names: &[String], more: bool) -> bool {
    if names.len() as u64 > limit.unwrap_or(u64::MAX) || names.len() > following.len() {
        return false;
    }
    let rest_announced = more || names.len() == following.len();
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    let content = if ordered {
        following.starts_with(names)
    } else {
        set(names).is_subset(&set(following)) && set(names).len() == names.len()
    };
    let progress = !more || !names.is_empty();
    content && rest_announced && progress
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |codes: Vec<String>, between: &str| codes.join(between);
        match self {
            Errors::Exactly(errors) if errors.is_empty() => f.write_str("without a body"),
            Errors::Exactly(errors) => {
                let text = |error: &ErrorItem| match &error.detail {
                    Some(detail) => format!("{} (detail {detail})", error.code.text()),
                    None => error.code.text(),
                };
                f.write_str(&list(errors.iter().map(text).collect(), ", "))
            }
            Errors::Codes(codes) if codes.is_empty() => f.write_str("without errors in the body"),
            Errors::Codes(codes) => f.write_str(&list(codes.iter().map(Code::text).collect(), ", ")),
            Errors::AnyOf(codes) => write!(f, "with any of {}", list(codes.iter().map(Code::text).collect(), ", ")),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Exactly(outcome) => write!(f, "{outcome}"),
            Expect::DigestOptional(outcome) => write!(f, "{outcome} (the digest may be left out)"),
            Expect::Upload { id: Id::Fresh(_), size } => write!(f, "an open upload with a fresh id, {size} bytes"),
            Expect::Upload { id: Id::Is(id), size } => write!(f, "the open upload {id}, {size} bytes"),
            Expect::Upload { id: Id::Any, size } => write!(f, "an open upload, {size} bytes"),
            Expect::Page { following, limit, ordered } => {
                let order = if *ordered { "in this order" } else { "in any order" };
                match limit {
                    Some(limit) => {
                        write!(f, "up to {limit} of [{}] {order}, a next page if any are left", following.join(", "))
                    }
                    None => write!(f, "[{}] {order}", following.join(", ")),
                }
            }
            Expect::Referrers { all, any, filtered } => {
                let filter = if *filtered { "said to be filtered" } else { "not said to be filtered" };
                write!(f, "{} referrers and any of {} more, in any order, {filter}", all.len(), any.len())
            }
            Expect::Refused { classes, errors } => {
                let statuses: Vec<String> = classes.iter().map(|class| class.status().to_string()).collect();
                write!(f, "{} {errors}", statuses.join(" or "))
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "(no digest)".into());
        match self {
            Outcome::Upload { id, size } => write!(f, "the open upload {id}, {size} bytes"),
            Outcome::BlobStored { digest: it } => write!(f, "201 blob stored as {}", digest(it)),
            Outcome::Done => f.write_str("done"),
            Outcome::Blob { digest: it, size, body: None } => write!(f, "200 blob {} of {size} bytes", digest(it)),
            Outcome::Blob { digest: it, size, body: Some(body) } => match body.range {
                Some((first, last)) => {
                    write!(f, "206 blob {}, bytes {first}-{last} of {size}: {:?}", digest(it), body.bytes)
                }
                None => write!(f, "200 blob {} of {size} bytes: {:?}", digest(it), body.bytes),
            },
            Outcome::Redirect { url } => write!(f, "307 to {url}"),
            Outcome::ManifestStored { digest: it, subject, tags } => {
                write!(f, "201 manifest stored as {}", digest(it))?;
                subject.iter().try_for_each(|subject| write!(f, ", subject {subject}"))?;
                if tags.is_empty() { Ok(()) } else { write!(f, ", tagged {}", tags.join(", ")) }
            }
            Outcome::Manifest { digest: it, media_type, size, bytes } => {
                write!(f, "200 manifest {}, {media_type}, {size} bytes", digest(it))?;
                bytes.iter().try_for_each(|bytes| write!(f, ": {bytes:?}"))
            }
            Outcome::Names { names, more } => {
                write!(f, "200 [{}]{}", names.join(", "), if *more { " and a next page" } else { "" })
            }
            Outcome::Digests { digests } => write!(f, "[{}]", digests.join(", ")),
            Outcome::Referrers { referrers, filtered } => {
                let one = |it: &Referrer| {
                    format!("{} {} {:?} {:?}", it.digest, it.media_type, it.artifact_type, it.annotations)
                };
                let list: Vec<String> = referrers.iter().map(one).collect();
                write!(f, "200 referrers [{}]{}", list.join(", "), if *filtered { ", filtered" } else { "" })
            }
            Outcome::Collected { manifests, blobs } => {
                let manifests: Vec<String> =
                    manifests.iter().map(|(repo, digest)| format!("{repo}@{digest}")).collect();
                write!(f, "removed manifests [{}], swept blobs [{}]", manifests.join(", "), blobs.join(", "))
            }
            Outcome::Purged { uploads } => write!(f, "purged uploads [{}]", uploads.join(", ")),
            Outcome::Refused { class, errors } => write!(f, "{} {}", class.status(), Errors::Exactly(errors.clone())),
            Outcome::Broken { what } => write!(f, "no answer that can be read: {what}"),
        }
    }
}
