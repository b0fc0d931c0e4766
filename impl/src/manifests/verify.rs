//! What must exist before a manifest may be stored.
//!
//! An image (Docker schema 2, OCI) needs its config and its layers as blobs of the repository, foreign layers with good URLs
//! excepted. A list (Docker manifest list, OCI index) needs those of its entries that the registry's index validation selects
//! as manifests of the repository. Everything that is wrong is reported, in document order. The subject need not exist.
//!
//! Source: the seed's `ManifestURLs*` and `*ValidateImageIndexImagesExist*` options; `docs/behaviour.md`, "Storing a manifest".

use std::borrow::Cow;

use regex::Regex;

use super::ManifestStore;
use crate::blob::{bytes_stay, not_found_is_none};
use crate::descriptor::{BlobDescriptor, DescriptorError};
use crate::digest::Digest;
use crate::driver::StoragePath;
use crate::error::{BadReference, BlobError, ManifestError};
use crate::faults::{Fault, Faults};
use crate::manifest::{Descriptor, IndexValidation, LayerDuty, Manifest, ManifestType, UrlRules};
use crate::paths;

impl ManifestStore {
    /// Checks everything that the manifest names.
    pub(super) async fn verify(&self, manifest: &Manifest) -> Result<(), ManifestError> {
        let mut bad = match manifest.kind {
            ManifestType::DockerManifest | ManifestType::OciManifest => self.verify_image(manifest).await?,
            ManifestType::DockerList | ManifestType::OciIndex => self.verify_list(manifest).await?,
        };
        if let Some(subject) = manifest.subject.as_ref().filter(|_| self.shared.faults.has(Fault::SubjectRequired))
            && known(self.statter.stat(&subject.digest).await)?.is_none()
        {
            bad.push(BadReference::Missing(subject.digest.clone()));
        }
        if self.shared.faults.has(Fault::FirstMissingOnly) {
            bad.truncate(1);
        }
        if bad.is_empty() { Ok(()) } else { Err(ManifestError::References(bad)) }
    }

    async fn verify_image(&self, manifest: &Manifest) -> Result<Vec<BadReference>, ManifestError> {
        let faults = self.shared.faults;
        let rules = url_rules(&self.shared.options.urls, faults);
        let mut bad = Vec::new();
        let config_is_checked = !faults.has(Fault::OciConfigUnverified) || manifest.kind != ManifestType::OciManifest;
        for config in manifest.config.iter().filter(|_| config_is_checked) {
            self.must_have_blob(&config.digest, &mut bad).await?;
        }
        let checked =
            manifest.layers.len() - usize::from(faults.has(Fault::LastLayerUnverified)).min(manifest.layers.len());
        for layer in &manifest.layers[..checked] {
            match rules.duty(manifest.kind, layer) {
                Ok(LayerDuty::MustExist) => self.must_have_blob(&layer.digest, &mut bad).await?,
                Ok(LayerDuty::MayLiveElsewhere) if faults.has(Fault::ForeignLayerRequired) => {
                    self.must_have_blob(&layer.digest, &mut bad).await?;
                }
                Ok(LayerDuty::MayLiveElsewhere) => {}
                Err(reason) => bad.push(BadReference::RefusedLayer { digest: layer.digest.clone(), reason }),
            }
        }
        Ok(bad)
    }

    async fn verify_list(&self, manifest: &Manifest) -> Result<Vec<BadReference>, ManifestError> {
        let faults = self.shared.faults;
        let mut bad = Vec::new();
        if faults.has(Fault::DockerListUnverified) && manifest.kind == ManifestType::DockerList {
            return Ok(bad);
        }
        for entry in &manifest.entries {
            if selects(&self.shared.options.indexes, entry, faults) {
                let found = self.statter.stat(&entry.digest).await;
                let link = paths::revision_link(&self.name, &entry.digest);
                if !self.stays(&link, known(found)?).await? {
                    bad.push(BadReference::Missing(entry.digest.clone()));
                }
            }
        }
        Ok(bad)
    }

    async fn must_have_blob(&self, digest: &Digest, bad: &mut Vec<BadReference>) -> Result<(), ManifestError> {
        let found = match self.blobs.stat(digest).await {
            Ok(descriptor) => Some(descriptor),
            Err(BlobError::Unknown(_) | BlobError::Denied(_)) => None,
            Err(BlobError::DeleteDisabled) => unreachable!("looking something up deletes nothing"),
            Err(BlobError::Driver(error)) => return Err(error.into()),
            Err(BlobError::Service(error)) => return Err(ManifestError::Service(error)),
        };
        if !self.stays(&paths::layer_link(&self.name, digest), found).await? {
            bad.push(BadReference::Missing(digest.clone()));
        }
        Ok(())
    }

    /// Whether what was found stays, with its link: another request may have made it visible a moment ago, and a crash take it away from
    /// under a manifest that was acknowledged.
    async fn stays(&self, link: &StoragePath, found: Option<BlobDescriptor>) -> Result<bool, ManifestError> {
        let Some(descriptor) = found else { return Ok(false) };
        let driver = &*self.shared.driver;
        if bytes_stay(driver, &descriptor.digest).await?.is_none() {
            return Ok(false);
        }
        let faults = self.shared.faults;
        let ignored = faults.has(Fault::LinkIgnored) || faults.has(Fault::RevisionIgnored);
        Ok(not_found_is_none(driver.confirm(link).await)?.is_some() || ignored)
    }
}

/// What a service knows. What access control hides is not known.
fn known(found: Result<BlobDescriptor, DescriptorError>) -> Result<Option<BlobDescriptor>, ManifestError> {
    match found {
        Ok(descriptor) => Ok(Some(descriptor)),
        Err(DescriptorError::Unknown(_) | DescriptorError::Denied(_)) => Ok(None),
        Err(DescriptorError::Driver(error)) => Err(error.into()),
        Err(DescriptorError::Service(error)) => Err(ManifestError::Service(error)),
    }
}

fn url_rules(rules: &UrlRules, faults: Faults) -> Cow<'_, UrlRules> {
    let mut rules = Cow::Borrowed(rules);
    if faults.has(Fault::UrlAllowIgnored) {
        rules.to_mut().allow = None;
    }
    if faults.has(Fault::UrlDenyIgnored) {
        rules.to_mut().deny = None;
    }
    if faults.has(Fault::UrlAllowAnchored) {
        let anchored = rules.allow.as_ref().and_then(|allow| Regex::new(&format!("^(?:{allow})$")).ok());
        rules.to_mut().allow = anchored;
    }
    rules
}

fn selects(indexes: &IndexValidation, entry: &Descriptor, faults: Faults) -> bool {
    if !indexes.enabled || indexes.platforms.is_empty() {
        return indexes.selects(entry);
    }
    let Some(platform) = &entry.platform else {
        assert!(!faults.has(Fault::FilterPanics), "the entry has no platform");
        return faults.has(Fault::FilterTakesNoPlatform);
    };
    if faults.has(Fault::FilterOnArchitecture) {
        return indexes.platforms.iter().any(|filter| filter.architecture == platform.architecture);
    }
    if faults.has(Fault::FilterOnOs) {
        return indexes.platforms.iter().any(|filter| filter.os == platform.os);
    }
    indexes.selects(entry)
}
