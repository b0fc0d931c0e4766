//! Which revisions stay, and which digests are needed.
//!
//! A revision that stays keeps what it reaches within its repository: the entries of a list, its subject, and the revisions
//! that are about it. Marked is what the staying revisions of all repositories name, at any depth. A named manifest that some
//! repository is losing and none keeps is not marked by being named: nobody can fetch it any more, so it goes whole.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::GcOptions;
use super::inventory::{Document, Holdings, in_the_way, missing};
use crate::digest::Digest;
use crate::error::{CollectError, InTheWay};
use crate::faults::{Fault, Faults};
use crate::manifests::{Content, Hashing, read_content};
use crate::shared::Shared;

/// What a collection may not touch.
#[derive(Debug)]
pub(super) struct Marked {
    /// For each repository, in the order they were given, the revisions that stay.
    pub(super) stays: Vec<BTreeSet<Digest>>,
    /// Every digest that is needed.
    pub(super) digests: HashSet<Digest>,
    /// What was read: what a repository loses, another may keep.
    pub(super) documents: HashMap<Digest, Document>,
}

pub(super) async fn mark(
    shared: &Shared,
    repositories: &[Holdings],
    mut documents: HashMap<Digest, Document>,
    in_use: Vec<Digest>,
    options: GcOptions,
) -> Result<Marked, CollectError> {
    let faults = shared.faults;
    let stays: Vec<_> = repositories.iter().map(|holdings| staying(holdings, &documents, options, faults)).collect();
    let unknown = repositories.iter().zip(&stays).flat_map(|(holdings, stays)| {
        let unknown = holdings.missing.keys().filter(|digest| stays.contains(digest));
        unknown.map(|digest| missing(&holdings.name, digest))
    });
    CollectError::unless_clear(unknown.collect())?;
    // A tag may point to what is no revision; it is kept all the same.
    let tagged = repositories.iter().flat_map(|holdings| &holdings.tagged);
    let pointed_to = tagged.filter(|digest| documents.contains_key(*digest));
    let kept: HashSet<&Digest> = stays.iter().flatten().chain(pointed_to).collect();
    let lost: HashSet<&Digest> = repositories
        .iter()
        .flat_map(|holdings| holdings.revisions.keys())
        .filter(|digest| !kept.contains(digest))
        .collect();

    let mut digests: HashSet<Digest> = kept.iter().copied().cloned().collect();
    let mut followed = digests.clone();
    let mut pending: Vec<Digest> = followed.iter().cloned().collect();
    while let Some(digest) = pending.pop() {
        if !documents.contains_key(&digest) {
            match read_content(&*shared.driver, &digest, Hashing::Checked).await? {
                Content::Manifest(manifest, _) => documents.insert(digest.clone(), Document::of(*manifest)),
                Content::Damaged => return Err(in_the_way(&digest, InTheWay::Damaged)),
                // A list may name what was never pushed, and what is no manifest. What any repository has as one was read before.
                Content::Missing | Content::TooLarge { .. } | Content::Other { .. } => continue,
            };
        }
        let document = &documents[&digest];
        digests.extend(document.blobs.iter().cloned());
        for entry in document.entries.iter().filter(|entry| !lost.contains(entry)) {
            digests.insert(entry.clone());
            if followed.insert(entry.clone()) && !faults.has(Fault::CollectTakesLayersElsewhere) {
                pending.push(entry.clone());
            }
        }
    }
    digests.extend(in_use);
    // Bytes that distribution keeps under another digest than the one a manifest names.
    let targets: Vec<Digest> = repositories
        .iter()
        .flat_map(|holdings| &holdings.layers)
        .filter(|layer| layer.target != layer.digest && digests.contains(&layer.digest))
        .map(|layer| layer.target.clone())
        .collect();
    digests.extend(targets);
    Ok(Marked { stays, digests, documents })
}

/// The revisions of one repository that stay.
fn staying(
    holdings: &Holdings,
    documents: &HashMap<Digest, Document>,
    options: GcOptions,
    faults: Faults,
) -> BTreeSet<Digest> {
    if !options.delete_untagged || holdings.has_torn_tag {
        return holdings.revisions.keys().cloned().collect();
    }
    let mut referrers: BTreeMap<&Digest, Vec<&Digest>> = BTreeMap::new();
    for digest in holdings.revisions.keys() {
        let subject = match holdings.missing.get(digest) {
            Some(subject) => subject.as_ref(),
            None => documents.get(digest).and_then(|document| document.subject.as_ref()),
        };
        if let Some(subject) = subject {
            referrers.entry(subject).or_default().push(digest);
        }
    }
    let is_unread = |digest| documents.get(digest).is_some_and(|document| document.unread.is_some());
    let is_seed = |digest, is_young| is_young || holdings.tagged.contains(digest) || is_unread(digest);
    let seeds = holdings.revisions.iter().filter(|(digest, is_young)| is_seed(*digest, **is_young));
    let mut stays: BTreeSet<&Digest> = seeds.map(|(digest, _)| digest).collect();
    let mut pending: Vec<&Digest> = stays.iter().copied().collect();
    while let Some(digest) = pending.pop() {
        let Some(document) = documents.get(digest) else { continue };
        let entries = document.entries.iter().filter(|_| !faults.has(Fault::CollectTakesChildren));
        let about = referrers.get(digest).into_iter().flatten().copied();
        let about = about.filter(|_| !faults.has(Fault::CollectTakesReferrers));
        let subject = document.subject.as_ref().filter(|_| !faults.has(Fault::CollectTakesSubjects));
        for reached in entries.chain(subject).chain(about) {
            if let Some((reached, _)) = holdings.revisions.get_key_value(reached)
                && stays.insert(reached)
            {
                pending.push(reached);
            }
        }
    }
    stays.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use std::iter;

    fn digest(name: &str) -> Digest {
        Digest::of(Algorithm::Sha256, name.as_bytes())
    }

    fn digests(names: &[&str]) -> Vec<Digest> {
        names.iter().map(|name| digest(name)).collect()
    }

    fn repository(revisions: &[(&str, bool)], tagged: &[&str]) -> Holdings {
        Holdings {
            name: "a".parse().unwrap(),
            revisions: revisions.iter().map(|(name, is_young)| (digest(name), *is_young)).collect(),
            missing: BTreeMap::new(),
            tagged: digests(tagged).into_iter().collect(),
            tags: vec![],
            has_torn_tag: false,
            layers: vec![],
        }
    }

    fn documents(list: &[(&str, &[&str], Option<&str>)]) -> HashMap<Digest, Document> {
        let document = |(name, entries, subject): &(&str, &[&str], Option<&str>)| {
            let document = Document { entries: digests(entries), subject: subject.map(digest), ..Document::default() };
            (digest(name), document)
        };
        list.iter().map(document).collect()
    }

    fn stays(holdings: &Holdings, list: &[(&str, &[&str], Option<&str>)]) -> BTreeSet<Digest> {
        let options = GcOptions { delete_untagged: true, ..GcOptions::default() };
        staying(holdings, &documents(list), options, Faults::default())
    }

    #[test]
    fn entries_subjects_and_referrers_of_what_is_tagged_stay_at_any_depth() {
        let names = ["list", "inner", "image", "signature", "subject", "about-subject", "other"];
        let holdings = repository(&names.map(|name| (name, false)), &["list"]);
        let list: [(&str, &[&str], Option<&str>); 7] = [
            ("list", &["inner", "elsewhere"], Some("subject")),
            ("inner", &["image"], None),
            ("image", &[], None),
            ("signature", &[], Some("image")),
            ("subject", &[], None),
            ("about-subject", &[], Some("subject")),
            ("other", &["image"], Some("elsewhere")),
        ];
        let expected: BTreeSet<_> = digests(&names[..6]).into_iter().collect();
        assert_eq!(stays(&holdings, &list), expected);
    }

    #[test]
    fn a_young_revision_stays_with_what_it_reaches() {
        let holdings = repository(&[("list", true), ("image", false), ("other", false)], &[]);
        let list: [(&str, &[&str], Option<&str>); 3] =
            [("list", &["image"], None), ("image", &[], None), ("other", &[], None)];
        assert_eq!(stays(&holdings, &list), digests(&["list", "image"]).into_iter().collect());
    }

    #[test]
    fn cycles_end() {
        let holdings = repository(&[("a", false), ("b", false)], &["a"]);
        let list: [(&str, &[&str], Option<&str>); 2] = [("a", &["b"], Some("b")), ("b", &["a"], Some("a"))];
        assert_eq!(stays(&holdings, &list).len(), 2);
    }

    #[test]
    fn without_delete_untagged_everything_stays() {
        let holdings = repository(&[("a", false)], &[]);
        let all = staying(&holdings, &HashMap::new(), GcOptions::default(), Faults::default());
        assert!(all.iter().eq(iter::once(&digest("a"))));
    }
}
