//! Documents that the suites push, as text.
//!
//! Content is named by what it is: `image("config", &["layer"], "")` is the image whose config is the six bytes `config`. Where a
//! function takes `more`, these are further members, each after a comma.

use proofhouse_model::digest_of;

/// A Docker image manifest.
pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// An OCI image manifest.
pub const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The sha256 digest of content.
pub fn sha256(content: &str) -> String {
    digest_of("sha256", content.as_bytes())
}

/// A descriptor of content.
pub fn descriptor(media_type: &str, content: &str, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}{more}}}"#, sha256(content), content.len())
}

/// An OCI image of a config and layers.
pub fn image(config: &str, layers: &[&str], more: &str) -> String {
    let layer = |layer: &&str| descriptor("application/vnd.oci.image.layer.v1.tar", layer, "");
    let layers: Vec<String> = layers.iter().map(layer).collect();
    let config = descriptor("application/vnd.oci.image.config.v1+json", config, "");
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]{more}}}"#, layers.join(","))
}
