//! Which entries of an index must exist before it may be stored.
//!
//! With validation off, none; on without filters, all; on with filters, those whose platform one of them selects. So a mirror can
//! hold an index (and its signature) without holding the images for every platform.
//!
//! Source: the seed's `EnableValidateImageIndexImagesExist` and `AddValidateImageIndexImagesExistPlatform`.

use super::Descriptor;

/// What of an index must exist. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexValidation {
    /// Whether anything is checked at all. Filters alone switch nothing on.
    pub enabled: bool,
    /// If there are any, only entries that one of them selects are checked.
    pub platforms: Vec<PlatformFilter>,
}

/// Selects entries with exactly this platform. Variants and versions do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlatformFilter {
    /// Compared exactly: `amd64`.
    pub architecture: String,
    /// Compared exactly: `linux`.
    pub os: String,
}

impl IndexValidation {
    /// Whether this entry must be a revision of the repository. An entry without platform is selected by no filter.
    #[must_use]
    pub fn selects(&self, entry: &Descriptor) -> bool {
        self.enabled && (self.platforms.is_empty() || self.platforms.iter().any(|filter| filter.selects(entry)))
    }
}

impl PlatformFilter {
    /// Selects this architecture on this operating system.
    pub fn new(architecture: impl Into<String>, os: impl Into<String>) -> Self {
        Self { architecture: architecture.into(), os: os.into() }
    }

    fn selects(&self, entry: &Descriptor) -> bool {
        entry
            .platform
            .as_ref()
            .is_some_and(|platform| platform.architecture == self.architecture && platform.os == self.os)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, Digest};
    use crate::manifest::Platform;

    fn entry(platform: Option<(&str, &str)>) -> Descriptor {
        Descriptor {
            media_type: String::new(),
            digest: Digest::of(Algorithm::Sha256, b""),
            size: 0,
            urls: vec![],
            platform: platform.map(|(architecture, os)| Platform { architecture: architecture.into(), os: os.into() }),
        }
    }

    fn filters(platforms: &[(&str, &str)]) -> Vec<PlatformFilter> {
        platforms.iter().map(|(architecture, os)| PlatformFilter::new(*architecture, *os)).collect()
    }

    #[test]
    fn validation_that_is_off_selects_nothing_whatever_the_filters() {
        let off = IndexValidation { enabled: false, platforms: filters(&[("amd64", "linux")]) };
        assert!(!off.selects(&entry(Some(("amd64", "linux")))));
        assert!(!IndexValidation::default().selects(&entry(None)));
    }

    #[test]
    fn validation_without_filters_selects_everything() {
        let all = IndexValidation { enabled: true, platforms: vec![] };
        assert!(all.selects(&entry(None)));
        assert!(all.selects(&entry(Some(("", "")))));
    }

    #[test]
    fn a_filter_selects_exactly_its_platform() {
        let some = IndexValidation { enabled: true, platforms: filters(&[("amd64", "linux"), ("arm64", "windows")]) };
        for platform in [("amd64", "linux"), ("arm64", "windows")] {
            assert!(some.selects(&entry(Some(platform))), "{platform:?}");
        }
        for platform in [("amd64", "windows"), ("arm64", "linux"), ("AMD64", "linux"), ("", ""), ("amd64", "")] {
            assert!(!some.selects(&entry(Some(platform))), "{platform:?}");
        }
    }

    #[test]
    fn an_entry_without_platform_is_selected_by_no_filter_not_even_an_empty_one() {
        let empty = IndexValidation { enabled: true, platforms: filters(&[("", "")]) };
        assert!(!empty.selects(&entry(None)));
        assert!(empty.selects(&entry(Some(("", "")))));
    }
}
