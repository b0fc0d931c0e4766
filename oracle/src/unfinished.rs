//! Operations of which nobody saw the end.
//!
//! A registry that is killed while it works may have done what it was asked, or not; and of what takes several steps, only the
//! first. The standard makes no push or deletion of a manifest one step: a manifest may be there without its tags, and of the
//! tags of a manifest that is deleted some may be gone. A manifest is never there in part, and neither is a blob.

use proofhouse_model::{Model, Op, digest_of};

/// The model after an operation of which the end was not seen: it may have been done, in part, or not at all.
pub fn lose_sight(model: &mut Model, op: &Op) {
    for step in steps(model, op) {
        model.lose_sight(&step);
    }
    model.lose_sight(op);
}

/// Those steps of an operation that others may see before it is done.
fn steps(model: &Model, op: &Op) -> Vec<Op> {
    match op {
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            let push = |reference: &str| Op::PutManifest {
                repo: repo.clone(),
                reference: reference.to_owned(),
                content_type: content_type.clone(),
                tags: Vec::new(),
                bytes: bytes.clone(),
            };
            let digest = if reference.contains(':') { reference.clone() } else { digest_of("sha256", bytes) };
            std::iter::once(&digest).chain(tags).map(|reference| push(reference)).collect()
        }
        Op::DeleteManifest { repo, reference } if reference.contains(':') => {
            let states = model.possible().iter().filter_map(|state| state.repos.get(repo));
            let tags = states.flat_map(|repository| &repository.tags).filter(|(_, tag)| tag.current == *reference);
            tags.map(|(tag, _)| Op::DeleteManifest { repo: repo.clone(), reference: tag.clone() }).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Dialect, Options, Outcome, Specification};

    use super::*;

    const TYPE: &str = "application/vnd.oci.image.index.v1+json";
    const TEXT: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

    fn model() -> Model {
        let options = Options { delete: true, ..Options::default() };
        Model::new(Specification::new(Dialect::Proofhouse, options).unwrap())
    }

    fn push(reference: &str) -> Op {
        let (repo, content_type) = ("a".to_owned(), Some(TYPE.to_owned()));
        Op::PutManifest { repo, reference: reference.into(), content_type, tags: Vec::new(), bytes: TEXT.into() }
    }

    /// Is it permitted to see the manifest there (or not) by each reference?
    fn may_see(model: &Model, seen: &[(&str, bool)]) -> bool {
        let mut model = model.clone();
        seen.iter().all(|(reference, there)| {
            let op = Op::HeadManifest { repo: "a".into(), reference: (*reference).to_owned() };
            let digest = Some(digest_of("sha256", TEXT.as_bytes()));
            let outcome = match there {
                true => Outcome::Manifest { digest, media_type: TYPE.to_owned(), size: TEXT.len() as u64, bytes: None },
                false => Outcome::Refused { status: 404, errors: Vec::new() },
            };
            model.observe(&op, &outcome).is_ok()
        })
    }

    #[test]
    fn a_push_that_was_cut_short_may_have_stored_the_manifest_without_its_tag_but_no_tag_without_it() {
        let digest = digest_of("sha256", TEXT.as_bytes());
        let mut model = model();
        lose_sight(&mut model, &push("t"));
        assert!(may_see(&model, &[(&digest, false), ("t", false)]));
        assert!(may_see(&model, &[(&digest, true), ("t", false)]));
        assert!(may_see(&model, &[(&digest, true), ("t", true)]));
        assert!(!may_see(&model, &[(&digest, false), ("t", true)]));
    }

    #[test]
    fn a_deletion_that_was_cut_short_may_have_taken_some_tags_but_leaves_none_without_the_manifest() {
        let digest = digest_of("sha256", TEXT.as_bytes());
        let mut model = model();
        for tag in ["t", "u"] {
            let stored = Outcome::ManifestStored { digest: Some(digest.clone()), subject: None, tags: Vec::new() };
            model.observe(&push(tag), &stored).unwrap();
        }
        lose_sight(&mut model, &Op::DeleteManifest { repo: "a".into(), reference: digest.clone() });
        for (t, u) in [(true, true), (true, false), (false, true), (false, false)] {
            assert!(may_see(&model, &[(&digest, true), ("t", t), ("u", u)]));
            assert_eq!(may_see(&model, &[(&digest, false), ("t", t), ("u", u)]), !t && !u);
        }
    }
}
