//! What a registry has or lacks that no option of the model says: mounts, sha512, referrers, a catalog, each kind of deletion, pages.
//!
//! OCI leaves these to a registry, or says nothing of them. A probe finds them out, or they are fixed before anybody asks
//! ([`Facts`]). What is fixed as lacking is believed: no operation needs it ([`Facts::offers`]), and rules that nothing else can reach
//! are told as absent ([`without`]). What is fixed as there is demanded: the probe asks for it, and a refusal is a divergence.

use std::collections::BTreeMap;
use std::fmt;

use proofhouse_model::Op;

/// Whether there is a referrers API. OCI's dialect learns it from the first answer, and holds a target to it.
pub const REFERRERS: &str = "referrers";

/// Whether a mount is made, or an upload started instead.
pub const MOUNTS: &str = "mounts";

/// Whether blobs may be named by their sha512.
pub const SHA512: &str = "sha512";

/// Whether blobs can be deleted. The option `delete` says it of blobs and manifests together.
pub const BLOB_DELETION: &str = "blob_deletion";

/// Whether manifests can be deleted.
pub const MANIFEST_DELETION: &str = "manifest_deletion";

/// Whether a tag can be deleted, and its manifest stays.
pub const TAG_DELETION: &str = "tag_deletion";

/// Whether the repositories are listed.
pub const CATALOG: &str = "catalog";

/// Whether a page of one tag has one, and announces the next.
pub const PAGE_OF_ONE: &str = "page_of_one";

/// What becomes of a page that is far too large: `taken`, `cut` or `refused`.
pub const PAGE_OF_A_MILLION: &str = "page_of_a_million";

/// The largest manifest that is taken, in bytes. A probe tries three sizes.
pub const MANIFEST_BYTES: &str = "manifest_bytes";

/// All of them, by name.
pub const FACTS: [&str; 10] = [
    BLOB_DELETION,
    CATALOG,
    MANIFEST_BYTES,
    MANIFEST_DELETION,
    MOUNTS,
    PAGE_OF_A_MILLION,
    PAGE_OF_ONE,
    REFERRERS,
    SHA512,
    TAG_DELETION,
];

/// Larger pages of tags are not asked for where a page of a million is refused.
const LARGE_PAGE: u64 = 1_000;

/// What is fixed of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// It is there, or it is not.
    Flag(bool),
    /// What becomes of a large page.
    Page(Page),
    /// Bytes.
    Bytes(usize),
}

/// What becomes of a large page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// It is answered whole.
    Taken,
    /// A smaller one is answered.
    Cut,
    /// It is refused.
    Refused,
}

impl Value {
    /// It says that the registry can do something.
    fn is_demand(self) -> bool {
        matches!(self, Value::Flag(true) | Value::Page(Page::Taken) | Value::Bytes(_))
    }
}

/// As `--assume` has it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(there) => there.fmt(f),
            Value::Page(Page::Taken) => f.write_str("taken"),
            Value::Page(Page::Cut) => f.write_str("cut"),
            Value::Page(Page::Refused) => f.write_str("refused"),
            Value::Bytes(bytes) => bytes.fmt(f),
        }
    }
}

/// The facts that are fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<&'static str, Value>);

impl Facts {
    /// Fixes one; what was said of it before is forgotten.
    pub fn fix(&mut self, fact: &'static str, value: Value) {
        self.0.insert(fact, value);
    }

    /// What is fixed of one. None: nothing.
    pub fn fixed(&self, fact: &str) -> Option<Value> {
        self.0.get(fact).copied()
    }

    /// Those that are fixed, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.0.iter().map(|(fact, value)| (*fact, *value))
    }

    /// What a registry must show that it can do.
    pub fn demanded(&self, fact: &str) -> Option<Value> {
        self.fixed(fact).filter(|value| value.is_demand())
    }

    /// It is fixed that the registry cannot do it.
    fn lacks(&self, fact: &str) -> bool {
        self.fixed(fact).is_some_and(|value| !value.is_demand())
    }

    /// Does the operation need nothing that is lacking?
    pub fn offers(&self, op: &Op) -> bool {
        let needs_lacking = match op {
            Op::MountBlob { .. } => self.lacks(MOUNTS),
            Op::Referrers { .. } => self.lacks(REFERRERS),
            Op::DeleteBlob { .. } => self.lacks(BLOB_DELETION),
            Op::DeleteManifest { reference, .. } if reference.contains(':') => self.lacks(MANIFEST_DELETION),
            Op::DeleteManifest { .. } => self.lacks(TAG_DELETION),
            Op::ListRepositories { .. } | Op::WalkRepositories { .. } => self.lacks(CATALOG),
            Op::ListTags { n: Some(n), .. } => {
                let large = n.parse::<u64>().is_ok_and(|n| n > LARGE_PAGE);
                self.lacks(PAGE_OF_ONE) || large && self.lacks(PAGE_OF_A_MILLION)
            }
            Op::PutManifest { bytes, .. } => {
                matches!(self.fixed(MANIFEST_BYTES), Some(Value::Bytes(most)) if bytes.len() > most)
            }
            _ => false,
        };
        !(needs_lacking || self.lacks(SHA512) && names_sha512(op))
    }
}

/// It, or a manifest in it, names something by its sha512.
fn names_sha512(op: &Op) -> bool {
    const PREFIX: &str = "sha512:";
    op.digest().is_some_and(|digest| digest.starts_with(PREFIX))
        || matches!(op, Op::PutManifest { bytes, .. } if bytes.windows(PREFIX.len()).any(|part| part == PREFIX.as_bytes()))
}

/// What each rule takes to be reached: one of these.
const NEEDS: &[(&str, &[&str])] = &[
    ("blob.delete", &[BLOB_DELETION]),
    ("blob.delete.missing", &[BLOB_DELETION]),
    ("manifest.delete", &[MANIFEST_DELETION]),
    ("manifest.delete.tag", &[TAG_DELETION]),
    ("manifest.delete.unknown", &[MANIFEST_DELETION, TAG_DELETION]),
    ("delete.off", &[BLOB_DELETION, MANIFEST_DELETION, TAG_DELETION]),
    ("delete.again", &[BLOB_DELETION, MANIFEST_DELETION, TAG_DELETION]),
    ("mount.linked", &[MOUNTS]),
    ("mount.anywhere", &[MOUNTS]),
    ("mount.fallback", &[MOUNTS]),
    ("digest.algorithm", &[SHA512]),
    ("digest.alias", &[SHA512]),
    ("referrers.list", &[REFERRERS]),
    ("referrers.filter", &[REFERRERS]),
    ("referrers.unfiltered", &[REFERRERS]),
    ("referrers.absent", &[REFERRERS]),
    ("wire.referrers.type", &[REFERRERS]),
    ("wire.referrers.body", &[REFERRERS]),
    ("catalog.page", &[CATALOG]),
    ("catalog.page-size", &[CATALOG]),
    ("catalog.none-asked", &[CATALOG]),
    ("catalog.walk", &[CATALOG]),
    ("wire.catalog.body", &[CATALOG]),
    ("tags.page", &[PAGE_OF_ONE]),
    ("tags.none-asked", &[PAGE_OF_ONE]),
];

/// Can the rule be reached only by what is `absent`?
pub fn without(rule: &str, absent: impl Fn(&str) -> bool) -> bool {
    NEEDS.iter().any(|(needing, facts)| *needing == rule && facts.iter().all(|fact| absent(fact)))
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Content, UploadRef, digest_of};

    use super::*;
    use crate::report::row;

    fn without_it(fact: &'static str, value: Value) -> Facts {
        let mut facts = Facts::default();
        facts.fix(fact, value);
        facts
    }

    #[test]
    fn what_needs_something_that_is_lacking_is_not_offered_and_all_else_is() {
        let repo = || "a".to_owned();
        let digest = || digest_of("sha256", b"x");
        let put = |bytes: &str| Op::PutManifest {
            repo: repo(),
            reference: "v1".into(),
            content_type: None,
            tags: Vec::new(),
            bytes: Content::from(bytes),
        };
        let pages = |n: &str| Op::ListTags { repo: repo(), n: Some(n.into()), last: None };
        let no = Value::Flag(false);
        let lacking = [
            (MOUNTS, no, Op::MountBlob { repo: repo(), digest: digest(), from: None, upload: UploadRef(1) }),
            (REFERRERS, no, Op::Referrers { repo: repo(), digest: digest(), artifact_type: None }),
            (BLOB_DELETION, no, Op::DeleteBlob { repo: repo(), digest: digest() }),
            (MANIFEST_DELETION, no, Op::DeleteManifest { repo: repo(), reference: digest() }),
            (TAG_DELETION, no, Op::DeleteManifest { repo: repo(), reference: "v1".into() }),
            (CATALOG, no, Op::WalkRepositories { n: 1 }),
            (PAGE_OF_ONE, no, pages("1")),
            (PAGE_OF_A_MILLION, Value::Page(Page::Refused), pages("1000000")),
            (SHA512, no, Op::HeadBlob { repo: repo(), digest: digest_of("sha512", b"x") }),
            (SHA512, no, put(&format!(r#"{{"digest":"{}"}}"#, digest_of("sha512", b"x")))),
            (MANIFEST_BYTES, Value::Bytes(3), put("four")),
        ];
        for (fact, value, op) in &lacking {
            let facts = without_it(fact, *value);
            assert!(Facts::default().offers(op) && !facts.offers(op), "{fact}: {op:?}");
            let others = lacking
                .iter()
                .filter(|(other, ..)| other != fact && !(*fact == PAGE_OF_ONE && *other == PAGE_OF_A_MILLION));
            let others = others.filter(|(other, ..)| *fact != MANIFEST_BYTES || *other != SHA512);
            others.for_each(|(other, _, op)| assert!(facts.offers(op), "{other} without {fact}"));
            assert!(
                without_it(fact, if *fact == MANIFEST_BYTES { Value::Bytes(1_000) } else { Value::Flag(true) })
                    .offers(op)
            );
        }
        assert!(without_it(PAGE_OF_A_MILLION, Value::Page(Page::Refused)).offers(&pages("10")));
    }

    #[test]
    fn a_rule_that_can_be_reached_by_something_else_is_not_absent() {
        assert!(without("blob.delete", |fact| fact == BLOB_DELETION));
        assert!(!without("manifest.delete.unknown", |fact| fact == MANIFEST_DELETION));
        assert!(without("manifest.delete.unknown", |fact| [MANIFEST_DELETION, TAG_DELETION].contains(&fact)));
        assert!(!without("blob.get", |_| true));
        assert!(NEEDS.iter().all(|(rule, facts)| row(rule).is_some() && facts.iter().all(|it| FACTS.contains(it))));
    }
}
