//! The media types that a registry must know by name.
//!
//! Four types of manifests, and the types of layers that may live elsewhere. All other types are free text.

use std::fmt;

/// The Docker foreign layer type.
pub(super) const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

const OCI_FOREIGN_LAYERS: [&str; 3] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];

/// The types of manifests that are taken. *Lists* are the two that name manifests, *images* the two that name layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestType {
    /// Docker schema 2 image.
    DockerManifest,
    /// Docker manifest list.
    DockerList,
    /// OCI image.
    OciManifest,
    /// OCI index.
    OciIndex,
}

impl ManifestType {
    /// All four.
    pub const ALL: [Self; 4] = [Self::DockerManifest, Self::DockerList, Self::OciManifest, Self::OciIndex];

    /// The media type, as it is answered in Content-Type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
        }
    }

    /// Whether it names manifests (Docker list, OCI index) and not layers.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::DockerList | Self::OciIndex)
    }

    /// Whether it is one of OCI's, and so may have a subject, an artifact type and annotations.
    #[must_use]
    pub const fn is_oci(self) -> bool {
        matches!(self, Self::OciManifest | Self::OciIndex)
    }

    /// The type of exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type that a Content-Type header names: trimmed, without its parameters (from the first `;`), and without regard to
    /// ASCII case.
    #[must_use]
    pub fn from_content_type(value: &str) -> Option<Self> {
        let name = value.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ManifestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a layer of this type may live elsewhere: Docker's foreign layers and OCI's non-distributable ones.
#[must_use]
pub fn is_foreign_layer(media_type: &str) -> bool {
    media_type == DOCKER_FOREIGN_LAYER || OCI_FOREIGN_LAYERS.contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_without_parameters_white_space_and_case() {
        let oci = Some(ManifestType::OciManifest);
        for value in [
            "application/vnd.oci.image.manifest.v1+json",
            " application/vnd.oci.image.manifest.v1+json\t",
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
            "application/vnd.oci.image.manifest.v1+json ;a;b",
            "Application/VND.oci.image.MANIFEST.v1+JSON",
        ] {
            assert_eq!(ManifestType::from_content_type(value), oci, "{value}");
        }
        for value in [
            "",
            ";",
            "application/json",
            "application/vnd.oci.image.manifest.v1",
            "; application/vnd.oci.image.manifest.v1+json",
        ] {
            assert_eq!(ManifestType::from_content_type(value), None, "{value}");
        }
    }

    #[test]
    fn every_type_is_found_by_its_own_name() {
        for kind in ManifestType::ALL {
            assert_eq!(ManifestType::from_content_type(kind.as_str()), Some(kind));
            assert_eq!(ManifestType::from_name(kind.as_str()), Some(kind));
            assert_eq!(ManifestType::from_name(&kind.as_str().to_uppercase()), None);
            assert_eq!(kind.to_string(), kind.as_str());
        }
    }

    #[test]
    fn foreign_layers_are_these_four_types_and_no_others() {
        assert!(is_foreign_layer(DOCKER_FOREIGN_LAYER));
        assert!(OCI_FOREIGN_LAYERS.into_iter().all(is_foreign_layer));
        for other in [
            "",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+bzip2",
        ] {
            assert!(!is_foreign_layer(other), "{other}");
        }
    }
}
