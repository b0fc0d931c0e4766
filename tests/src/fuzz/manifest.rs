//! One byte for the type, then a document.
//!
//! The readers share no code, so what one takes and the other refuses is a mistake in one of them, or a hole in
//! `docs/behaviour.md`. Where both take it, they must also read the same: what is missing, the type that the stored bytes
//! are served with, the subject, and the row in its list of referrers. A third reader ([`third`](super::third)) must say the same,
//! but for exceptions that are rules.

use std::collections::BTreeSet;

use proofhouse_model::{Dialect, Expect, Op, Options, Specification, State, digest_of, step};
use proofhouse_registry::manifest::{Manifest, ManifestType, read};

use super::pair::Pair;
use super::{Taken, third};

/// The type is `ManifestType::ALL[first byte % 4]`; the rest is the document.
///
/// One document in sixteen, drawn by its bytes, is pushed as well: that takes far longer than reading it.
///
/// # Panics
/// Where they disagree.
pub fn manifest_parse(data: &[u8]) -> Taken {
    let Some((kind, document)) = split(data) else { return Taken::No };
    let Some(manifest) = all_read(kind, document, &mut BTreeSet::new()) else { return Taken::No };
    let sum = document.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    if sum % 16 == 0 {
        all_store(kind, document, &manifest);
    }
    Taken::Yes
}

/// As [`manifest_parse`], and pushes every document that is one. Which exceptions were met goes to `met`.
///
/// # Panics
/// Where they disagree.
pub fn manifest_parse_and_push(data: &[u8], met: &mut BTreeSet<&'static str>) -> Taken {
    let Some((kind, document)) = split(data) else { return Taken::No };
    let Some(manifest) = all_read(kind, document, met) else { return Taken::No };
    all_store(kind, document, &manifest);
    Taken::Yes
}

fn split(data: &[u8]) -> Option<(ManifestType, &[u8])> {
    let (selector, document) = data.split_first()?;
    Some((ManifestType::ALL[usize::from(*selector) % ManifestType::ALL.len()], document))
}

/// What all readers read. None: they refuse it.
fn all_read(kind: ManifestType, document: &[u8], met: &mut BTreeSet<&'static str>) -> Option<Manifest> {
    let taken = read(kind, document);
    let refused = model_refuses(kind, document);
    assert_eq!(
        refused.is_none(),
        taken.is_ok(),
        "{kind}: the model says {}, the registry says {taken:?}, of: {}",
        refused.unwrap_or("yes"),
        document.escape_ascii(),
    );
    match (&taken, third::read(kind, document)) {
        (Ok(manifest), Ok(third)) => third::must_agree(manifest, &third, document),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => match third::stricter(kind, document) {
            Some(excuses) => met.extend(excuses),
            None => panic!("{kind}: only the third reader refuses, by {error}: {}", document.escape_ascii()),
        },
        (Err(error), Ok(third)) => {
            match third::laxer(kind, document, refused.unwrap_or_default(), &third) {
                Some(excuse) => met.insert(excuse),
                None => panic!(
                    "{kind}: only the third reader takes what others refuse by {error:?}, {refused:?}: {}",
                    document.escape_ascii()
                ),
            };
        }
    }
    taken.ok()
}

/// Pushes it to model and registry, where what it names is missing and where that does not matter, and reads it back.
fn all_store(kind: ManifestType, document: &[u8], manifest: &Manifest) {
    // Nothing is there, so whatever must be there is missing: both list it.
    let strict = Options { validate_index: true, ..Options::default() };
    Pair::new(strict).put("a", "t", kind.as_str(), document);

    let mut lax = Pair::new(Options { skip_layer_verification: true, ..Options::default() });
    assert!(lax.put("a", "t", kind.as_str(), document));
    lax.get("a", "t", document);
    lax.get("a", &digest_of("sha256", document), document);
    if let Some(subject) = &manifest.subject {
        lax.referrers("a", subject.digest.as_str(), None, document);
    }
}

/// The rule by which the model refuses the document, if it does.
fn model_refuses(kind: ManifestType, document: &[u8]) -> Option<&'static str> {
    thread_local! {
        static SPECIFICATION: Specification = {
            let options = Options { skip_layer_verification: true, ..Options::default() };
            Specification::new(Dialect::Proofhouse, options).expect("there is no pattern")
        };
    }
    let op = Op::PutManifest {
        repo: "a".into(),
        reference: "t".into(),
        content_type: Some(kind.as_str().into()),
        tags: Vec::new(),
        bytes: document.into(),
    };
    let branches = SPECIFICATION.with(|specification| step(specification, &State::default(), &op));
    match &branches[..] {
        [only] => matches!(only.expect, Expect::Refused { .. }).then_some(only.rule.0),
        _ => panic!("our own dialect permits one outcome, and here {}", branches.len()),
    }
}
