//! What OCI leaves open when a manifest is pushed.
//!
//! A registry may store what it does not understand, and refuse what names something that is not there. It need not take
//! Docker's types, confirm the subject of an index, or know tag parameters. Where it settles such a thing with one answer, it
//! is held to it. Source: OCI distribution-spec 1.1, "Pushing Manifests".

use crate::Branch;
use crate::manifest::{Descriptor, Kind, Manifest, loosely};
use crate::manifests::{DOCKER_FOREIGN, Push};
use crate::refusal::{Why, refusal};
use crate::state::Choice;

impl Push<'_> {
    /// Everything that the text permits.
    pub(crate) fn oci(&self) -> Vec<Branch> {
        let at = self.at;
        let (manifest, not_understood) = match self.understood() {
            Ok(manifest) => (Some(manifest), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let missing: Vec<&Descriptor> = manifest.iter().flat_map(|it| self.missing(it)).collect();
        // What is missing may be there from elsewhere where blobs are shared: whole, or of another size than is said.
        let unsure = |it: &Manifest| at.may_share() && !it.kind.is_list() && !missing.is_empty();
        let doubtful = manifest.as_ref().is_some_and(|it| unsure(it) || self.is_doubtful(it));
        let refusals = [
            not_understood,
            (!missing.is_empty()).then(|| refusal("manifest.references", Why::References(Vec::new()))),
            doubtful.then(|| refusal("manifest.strict", Why::Document("it is unusual".to_owned()))),
            self.tags.iter().find_map(|tag| at.tag(tag).err()),
            (self.tags.len() > 10).then(|| refusal("manifest.put.tags.many", Why::TooManyTags)),
        ];
        let refused = at.refusals(refusals.into_iter().flatten());
        let not_taken = refusal("manifest.strict", Why::Type);
        if let Err(mismatch) = self.digest_agrees() {
            let docker = self.content_type.and_then(Kind::of).filter(|kind| !kind.is_oci());
            return [at.refusals([mismatch].into_iter().chain(docker.map(|_| not_taken))), refused].concat();
        }
        let accepted = self.accepted(manifest.as_ref());
        let branches = match self.choice(&missing) {
            Some(choice) if refused.len() == 1 => at.settle(&choice, [accepted, refused]),
            _ if manifest.is_none() => [refused, accepted].concat(),
            _ => [accepted, refused].concat(),
        };
        match manifest.map(|it| it.kind) {
            Some(kind @ (Kind::DockerManifest | Kind::DockerList)) => {
                at.settle(&Choice::Takes(kind.media_type()), [branches, vec![at.refuse(&not_taken)]])
            }
            _ => branches,
        }
    }

    /// Whether content that is nowhere may be named is a choice for each type of content and platform: the text ties it to neither,
    /// and registries have entries of some platforms exist and not of others.
    fn choice(&self, missing: &[&Descriptor]) -> Option<Choice> {
        let (first, others) = missing.split_first()?;
        let one_kind = others.iter().all(|it| it.media_type == first.media_type && it.platform == first.platform);
        let nowhere = missing.iter().all(|it| self.at.state.known(&it.digest).is_none());
        (one_kind && nowhere).then(|| Choice::Missing(first.media_type.clone(), first.platform.clone()))
    }

    /// A registry that is stricter than the text may refuse this, though it is well-formed.
    fn is_doubtful(&self, manifest: &Manifest) -> bool {
        let is_type = |text: &String| text.contains('/');
        let odd = |it: &Descriptor| {
            let lies = self.at.state.known(&it.digest).is_some_and(|bytes| bytes.size() != it.size);
            let half = it.platform.as_ref().is_some_and(|it| it.architecture.is_empty() || it.os.is_empty());
            lies || half || !it.urls.is_empty() || it.media_type == DOCKER_FOREIGN || !is_type(&it.media_type)
        };
        let empty = !manifest.kind.is_list() && manifest.layers.is_empty();
        let odd_type = manifest.artifact_type.as_ref().is_some_and(|it| !is_type(it));
        empty || odd_type || manifest.blobs().chain(&manifest.entries).chain(&manifest.subject).any(odd)
    }

    /// Stored: which subject is confirmed, and which tags are set.
    fn accepted(&self, manifest: Option<&Manifest>) -> Vec<Branch> {
        let at = self.at;
        let rule = manifest.map_or("manifest.lenient", |manifest| self.rule(manifest));
        let valid: Vec<String> = self.tags.iter().filter(|tag| crate::is_tag(tag)).cloned().collect();
        let tagged = |subject: &Option<String>| {
            let ignored = |rule| vec![self.stored(rule, subject.clone(), &[])];
            let set = || vec![self.stored(rule, subject.clone(), &valid)];
            match self.reference.contains(':') && valid.len() == self.tags.len() {
                _ if self.tags.is_empty() => ignored(rule),
                true => at.settle(&Choice::TagParameters, [set(), ignored("manifest.put.tags.ignored")]),
                // The text has tag parameters at a push by digest only, and does not say what bad ones lead to.
                false => [set(), ignored("manifest.put.tags.ignored")].concat(),
            }
        };
        let Some(subject) = loosely(self.bytes).1 else { return tagged(&None) };
        let (confirmed, silent) = (tagged(&Some(subject)), tagged(&None));
        match manifest {
            Some(it) if it.kind == Kind::OciManifest => at.settle(&Choice::Referrers, [confirmed, silent]),
            // Only of image manifests does the text ask for the confirmation.
            _ => [confirmed, silent].concat(),
        }
    }
}
