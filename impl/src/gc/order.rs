//! In which order revisions go: what names another one before it.
//!
//! A collection may be cut short after any removal. A list that is still there must not have lost an entry, nor a signature its
//! subject.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::inventory::Document;
use crate::digest::Digest;

/// These digests, each before what it names of them. No document names itself, at any depth: its digest would have to be known
/// before it is written.
pub(super) fn parents_first(digests: &BTreeSet<Digest>, documents: &HashMap<Digest, Document>) -> Vec<Digest> {
    let mut seen: HashSet<&Digest> = HashSet::new();
    let mut order = Vec::new();
    // What it names was looked at when it comes up the second time.
    let mut pending: Vec<(&Digest, bool)> = digests.iter().map(|digest| (digest, false)).collect();
    while let Some((digest, is_looked_through)) = pending.pop() {
        if is_looked_through {
            order.push(digest.clone());
            continue;
        }
        if !seen.insert(digest) {
            continue;
        }
        pending.push((digest, true));
        let named =
            documents.get(digest).into_iter().flat_map(|document| document.entries.iter().chain(&document.subject));
        pending.extend(named.filter_map(|named| digests.get(named)).map(|named| (named, false)));
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[test]
    fn what_names_another_comes_before_it_at_any_depth() {
        let digest = |name: &str| Digest::of(Algorithm::Sha256, name.as_bytes());
        let names = ["list", "inner", "image", "signature", "about the signature", "other"];
        let document = |entries: &[&str], subject: Option<&str>| Document {
            entries: entries.iter().map(|name| digest(name)).collect(),
            subject: subject.map(digest),
            ..Document::default()
        };
        let documents = HashMap::from([
            (digest("list"), document(&["inner", "image", "elsewhere"], None)),
            (digest("inner"), document(&["image"], None)),
            (digest("image"), document(&[], None)),
            (digest("signature"), document(&[], Some("list"))),
            (digest("about the signature"), document(&[], Some("signature"))),
        ]);
        let all: BTreeSet<Digest> = names.iter().map(|name| digest(name)).collect();
        let order = parents_first(&all, &documents);
        assert_eq!(order.iter().cloned().collect::<BTreeSet<_>>(), all);
        assert_eq!(order.len(), all.len());
        let at = |name: &str| order.iter().position(|found| *found == digest(name)).unwrap();
        for (first, then) in
            [("list", "inner"), ("inner", "image"), ("signature", "list"), ("about the signature", "signature")]
        {
            assert!(at(first) < at(then), "{first} after {then}");
        }
    }
}
