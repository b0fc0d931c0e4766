//! What can be fetched before and after a collection.
//!
//! The promise of a collection is checked from the answers alone, without the model: what a manifest names, and could be fetched,
//! can still be fetched if the manifest can; and what a tag named, the tag still names.

use std::collections::{BTreeMap, BTreeSet};

use proofhouse_model::{Content, Op, Outcome, digest_of};
use serde_json::Value;

use crate::campaign::{Finding, Step};

/// What could be fetched at one time.
#[derive(Debug, Default)]
pub(super) struct Fetchable {
    /// By repository and digest.
    manifests: BTreeMap<(String, String), Content>,
    /// The digest by repository and tag.
    tags: BTreeMap<(String, String), String>,
    blobs: BTreeSet<(String, String)>,
}

impl Fetchable {
    /// What these questions were answered.
    pub(super) fn of<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Fetchable {
        let mut fetchable = Fetchable::default();
        steps.into_iter().for_each(|step| fetchable.note(step));
        fetchable
    }

    fn note(&mut self, step: &Step) {
        match (&step.op, &step.outcome) {
            (Op::GetManifest { repo, reference }, Outcome::Manifest { bytes: Some(bytes), .. })
                if !reference.contains(':') =>
            {
                self.tags.insert((repo.clone(), reference.clone()), digest_of("sha256", bytes));
            }
            (Op::GetManifest { repo, reference }, Outcome::Manifest { bytes: Some(bytes), .. }) => {
                self.manifests.insert((repo.clone(), reference.clone()), bytes.clone());
            }
            (Op::HeadBlob { repo, digest } | Op::GetBlob { repo, digest, .. }, Outcome::Blob { .. }) => {
                self.blobs.insert((repo.clone(), digest.clone()));
            }
            _ => {}
        }
    }

    /// A tag that named something before, and does not name it here.
    pub(super) fn tag_lost_since(&self, before: &Fetchable) -> Option<Finding> {
        let gone = |(at, digest): &(&(String, String), &String)| self.tags.get(at) != Some(digest);
        let ((repo, tag), digest) = before.tags.iter().find(gone)?;
        Some(Finding::LostTag { repo: repo.clone(), tag: tag.clone(), digest: digest.clone() })
    }

    /// Something that a manifest here names, that was there before, and is not here.
    pub(super) fn lost_since(&self, before: &Fetchable) -> Option<Finding> {
        for ((repo, manifest), bytes) in &self.manifests {
            let Ok(document) = serde_json::from_slice::<Value>(bytes) else { continue };
            let digest = |descriptor: &Value| descriptor.get("digest")?.as_str().map(str::to_owned);
            let all = |key: &str| document.get(key).and_then(Value::as_array).into_iter().flatten();
            let blobs: Vec<String> =
                document.get("config").into_iter().chain(all("layers")).filter_map(digest).collect();
            let entries: Vec<String> = all("manifests").filter_map(digest).collect();
            // Docker's types have no subject: the key is not read, and so it names nothing.
            let docker = document.get("mediaType").and_then(Value::as_str).is_some_and(|it| it.contains(".docker."));
            let subject = document.get("subject").filter(|_| !docker).and_then(digest);
            let key = |digest: &String| (repo.clone(), digest.clone());
            let blob_gone =
                |digest: &&String| before.blobs.contains(&key(digest)) && !self.blobs.contains(&key(digest));
            let manifest_gone = |digest: &&String| {
                before.manifests.contains_key(&key(digest)) && !self.manifests.contains_key(&key(digest))
            };
            let missing = blobs.iter().chain(&entries).find(blob_gone);
            let missing = missing.or_else(|| entries.iter().chain(&subject).find(manifest_gone));
            if let Some(missing) = missing {
                return Some(Finding::Lost {
                    repo: repo.clone(),
                    manifest: manifest.clone(),
                    missing: missing.clone(),
                });
            }
        }
        None
    }
}

/// What a collection took that it must not take, from the questions that were asked before it and again after it.
pub(super) fn lost_by((before, after): (&[Step], &[Step])) -> Option<Finding> {
    let again = |step: &&Step| after.iter().any(|later| later.op == step.op);
    let (before, after) = (Fetchable::of(before.iter().filter(again)), Fetchable::of(after));
    after.tag_lost_since(&before).or_else(|| after.lost_since(&before))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::lockstep) fn fetchable(manifests: &[(&str, &str)], blobs: &[&str]) -> Fetchable {
        let key = |digest: &str| ("a".to_owned(), digest.to_owned());
        Fetchable {
            manifests: manifests.iter().map(|(digest, text)| (key(digest), Content::from(*text))).collect(),
            blobs: blobs.iter().map(|digest| key(digest)).collect(),
            tags: BTreeMap::new(),
        }
    }

    pub(in crate::lockstep) const IMAGE: (&str, &str) =
        ("m", r#"{"config":{"digest":"c"},"layers":[{"digest":"l"}],"subject":{"digest":"s"}}"#);
    const INDEX: (&str, &str) = ("i", r#"{"manifests":[{"digest":"m"}]}"#);

    #[test]
    fn a_collection_that_takes_a_layer_of_a_manifest_that_stays_is_found_without_the_model() {
        let before = fetchable(&[IMAGE], &["c", "l"]);
        let after = fetchable(&[IMAGE], &["c"]);
        let Some(Finding::Lost { manifest, missing, .. }) = after.lost_since(&before) else { panic!("nothing lost") };
        assert_eq!((manifest.as_str(), missing.as_str()), ("m", "l"));
    }

    #[test]
    fn a_collection_that_takes_the_child_of_an_index_that_stays_is_found_without_the_model() {
        let before = fetchable(&[IMAGE, INDEX], &["c", "l"]);
        let after = fetchable(&[INDEX], &[]);
        assert!(matches!(after.lost_since(&before), Some(Finding::Lost { missing, .. }) if missing == "m"));
    }

    #[test]
    fn a_collection_may_take_a_manifest_whole_and_what_was_missing_before_is_not_lost() {
        let before = fetchable(&[IMAGE], &["c", "l"]);
        assert!(fetchable(&[], &[]).lost_since(&before).is_none());
        let sparse = fetchable(&[INDEX], &[]);
        assert!(sparse.lost_since(&fetchable(&[INDEX], &[])).is_none());
    }

    #[test]
    fn a_tag_that_names_nothing_or_something_else_after_a_collection_is_lost() {
        let tagged = |digest: &str| Fetchable {
            tags: BTreeMap::from([(("a".to_owned(), "t".to_owned()), digest.to_owned())]),
            ..Fetchable::default()
        };
        for after in [Fetchable::default(), tagged("other")] {
            let lost = after.tag_lost_since(&tagged("m"));
            assert!(
                matches!(&lost, Some(Finding::LostTag { tag, digest, .. }) if tag == "t" && digest == "m"),
                "{lost:?}"
            );
        }
        assert!(tagged("m").tag_lost_since(&tagged("m")).is_none());
        assert!(tagged("m").tag_lost_since(&Fetchable::default()).is_none());
    }
}
