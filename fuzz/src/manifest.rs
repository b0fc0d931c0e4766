//! One byte for the type, then a document.
//!
//! The readers share no code, so what one takes and the other refuses is a mistake in one of them, or a hole in
//! `docs/behaviour.md`. Where both take it, they must also read the same: what is missing, the type that the stored bytes
//! are served with, the subject, and the row in its list of referrers.

use proofhouse_model::{Dialect, Expect, Op, Options, Specification, State, digest_of, step};
use proofhouse_registry::manifest::{ManifestType, read};

use super::pair::Pair;

/// The type is `ManifestType::ALL[first byte % 4]`; the rest is the document. Whether both take it.
///
/// # Panics
/// Where they disagree.
pub fn manifest_parse(data: &[u8]) -> bool {
    let Some((selector, document)) = data.split_first() else { return false };
    let kind = ManifestType::ALL[usize::from(*selector) % ManifestType::ALL.len()];

    let taken = read(kind, document);
    let permitted = model_takes(kind, document);
    assert_eq!(
        permitted.is_none(),
        taken.is_ok(),
        "{kind}: the model says {}, the registry says {taken:?}, of: {}",
        permitted.unwrap_or("yes"),
        document.escape_ascii(),
    );
    let Ok(manifest) = taken else { return false };

    // Nothing is there, so whatever must be there is missing: both list it.
    let strict = Options { validate_index: true, ..Options::default() };
    Pair::new(strict).put("a", "t", kind.as_str(), document);

    let mut lax = Pair::new(Options { skip_layer_verification: true, ..Options::default() });
    assert!(lax.put("a", "t", kind.as_str(), document));
    lax.get("a", "t", document);
    lax.get("a", &digest_of("sha256", document), document);
    if let Some(subject) = manifest.subject {
        lax.referrers("a", subject.digest.as_str(), document);
    }
    true
}

/// The rule by which the model refuses the document, if it does.
fn model_takes(kind: ManifestType, document: &[u8]) -> Option<&'static str> {
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
