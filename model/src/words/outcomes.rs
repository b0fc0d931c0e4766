//! Outcomes, expectations and violations in words, for reports.

use std::fmt;

use crate::expect::{Errors, Expect, Id};
use crate::model::{MOST_STATES, Violation, ViolationKind};
use crate::op::Op;
use crate::outcome::{BlobBody, Code, ErrorItem, Outcome, Referrer};
use crate::rules::rule;

impl Op {
    /// The kind of operation, as one word for counts and reports.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl Outcome {
    /// The class of outcome as one or two words, for counts: `Blob`, `Refused BLOB_UNKNOWN`, …
    pub fn class_name(&self) -> String {
        let more = match self {
            Outcome::Blob { body: Some(BlobBody { range: Some(_), .. }), .. } => "part".into(),
            Outcome::ManifestStored { subject: Some(_), .. } => "subject".into(),
            Outcome::Names { names, .. } if names.is_empty() => "none".into(),
            Outcome::Names { more: true, .. } => "more".into(),
            Outcome::Referrers { referrers, .. } if referrers.is_empty() => "none".into(),
            Outcome::Collected { manifests, .. } if !manifests.is_empty() => "manifests".into(),
            Outcome::Collected { blobs, .. } => if blobs.is_empty() { "nothing" } else { "blobs" }.into(),
            Outcome::Purged { uploads } if uploads.is_empty() => "none".into(),
            Outcome::Refused { status, errors } => {
                errors.first().map_or_else(|| status.to_string(), |error| error.code.to_string())
            }
            _ => String::new(),
        };
        let name: &'static str = self.into();
        format!("{name} {more}").trim_end().to_owned()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "(no digest)".into());
        match self {
            Outcome::Upload { id, size } => write!(f, "the open upload {id}, {size} bytes"),
            Outcome::BlobStored { digest } => write!(f, "201 blob stored as {}", named(digest)),
            Outcome::Done => f.write_str("done"),
            Outcome::Blob { digest, size, body } => match body {
                None => write!(f, "200 blob {} of {size} bytes", named(digest)),
                Some(body) => match body.range {
                    None => write!(f, "200 blob {} of {size} bytes: {:?}", named(digest), body.bytes),
                    Some((first, last)) => {
                        write!(f, "206 blob {}, bytes {first}-{last} of {size}: {:?}", named(digest), body.bytes)
                    }
                },
            },
            Outcome::Redirect { url } => write!(f, "307 to {url}"),
            Outcome::ManifestStored { digest, subject, tags } => {
                write!(f, "201 manifest stored as {}", named(digest))?;
                subject.iter().try_for_each(|subject| write!(f, ", subject {subject}"))?;
                if tags.is_empty() { Ok(()) } else { write!(f, ", tagged {}", tags.join(", ")) }
            }
            Outcome::Manifest { digest, media_type, size, bytes } => {
                write!(f, "200 manifest {}, {media_type}, {size} bytes", named(digest))?;
                bytes.iter().try_for_each(|bytes| write!(f, ": {bytes:?}"))
            }
            Outcome::Names { names, more } => {
                write!(f, "200 [{}]{}", names.join(", "), if *more { " and a next page" } else { "" })
            }
            Outcome::Digests { digests } => write!(f, "[{}]", digests.join(", ")),
            Outcome::Referrers { referrers, filtered } => {
                let row = |it: &Referrer| {
                    format!("{} {} {:?} {:?}", it.digest, it.media_type, it.artifact_type, it.annotations)
                };
                let rows: Vec<String> = referrers.iter().map(row).collect();
                write!(f, "200 referrers [{}]{}", rows.join(", "), if *filtered { ", filtered" } else { "" })
            }
            Outcome::Collected { manifests, blobs } => {
                let removed: Vec<String> = manifests.iter().map(|(repo, digest)| format!("{repo}@{digest}")).collect();
                write!(f, "removed manifests [{}], swept blobs [{}]", removed.join(", "), blobs.join(", "))
            }
            Outcome::Purged { uploads } => write!(f, "purged uploads [{}]", uploads.join(", ")),
            Outcome::Refused { status, errors } => write!(f, "{status} {}", Errors::Exactly(errors.clone())),
            Outcome::Broken { what } => write!(f, "no answer that can be read: {what}"),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |error: &ErrorItem| match &error.detail {
            Some(detail) => format!("{} (detail {detail})", error.code),
            None => error.code.to_string(),
        };
        match self {
            Errors::Exactly(errors) if errors.is_empty() => f.write_str("without a body"),
            Errors::Exactly(errors) => f.write_str(&errors.iter().map(text).collect::<Vec<_>>().join(", ")),
            Errors::Any => f.write_str("with any code"),
            Errors::AnyOf(codes) => {
                write!(f, "with any of [{}]", codes.iter().map(Code::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Exactly(outcome) => write!(f, "{outcome}"),
            Expect::DigestFree { outcome, .. } => write!(f, "{outcome} (or without a digest)"),
            Expect::Hashing { digest, part, .. } => {
                write!(f, "a blob{} that hashes to {digest}", if *part { ", or a part of one," } else { "" })
            }
            Expect::Upload { id: Id::Fresh(_), size } => write!(f, "an open upload with a fresh id, {size} bytes"),
            Expect::Upload { id: Id::Is(id), size } => write!(f, "the open upload {id}, {size} bytes"),
            Expect::Upload { id: Id::Any, size } => write!(f, "an open upload, {size} bytes"),
            Expect::Page { following, limit, ordered } => {
                let most = limit.map_or_else(String::new, |limit| format!("up to {limit} of "));
                let order = if *ordered { "in this order" } else { "in any order" };
                write!(f, "{most}[{}] {order}, a next page if any are left", following.join(", "))
            }
            Expect::Referrers { all, others, filtered } => {
                let digests: Vec<&str> = all.iter().map(|row| row.digest.as_str()).collect();
                let said = if *filtered { "said" } else { "not said" };
                let (list, more) = (digests.join(", "), others.len());
                write!(f, "the referrers [{list}] and any of {more} more, in any order, {said} to be filtered")
            }
            Expect::Refused { statuses, errors } => {
                let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
                write!(f, "{} {errors}", statuses.join(" or "))
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == ViolationKind::TooManyStates {
            return write!(f, "the registry may be in more than {MOST_STATES} states");
        }
        writeln!(f, "seen: {}", self.seen)?;
        for (id, words) in &self.permitted {
            writeln!(f, "permitted by {id}: {words}")?;
        }
        let Some(rule) = rule(self.rule) else { return Ok(()) };
        write!(f, "{} ({}, {}, {}): {}", rule.id, rule.standard, rule.section, rule.level, rule.sentence)
    }
}
