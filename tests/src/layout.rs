//! Images as files: an OCI image layout in a temporary directory, as clients read it.
//!
//! Layers are uncompressed tar archives of one small file. Times and owners are fixed, so that the same call makes the same
//! bytes, and a test knows every digest before anything is copied.

use std::fs;
use std::io;

use proofhouse_model::digest_of;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::documents::{OCI_IMAGE, OCI_INDEX};

/// A layout. The directory goes when this is dropped.
#[derive(Debug)]
pub struct Layout {
    directory: TempDir,
    tagged: Vec<Value>,
}

impl Layout {
    /// An empty layout.
    ///
    /// # Errors
    /// If there can be no temporary directory, or it cannot be written to.
    pub fn new() -> io::Result<Layout> {
        let layout = Layout { directory: tempfile::tempdir()?, tagged: Vec::new() };
        fs::create_dir_all(layout.directory.path().join("blobs/sha256"))?;
        fs::write(layout.directory.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(layout)
    }

    /// Adds an image for Linux with one layer for each of `files`, which holds that text. Gives its descriptor, with platform.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn image(&self, architecture: &str, files: &[&str]) -> io::Result<Value> {
        let mut layers = Vec::new();
        for file in files {
            layers.push(self.blob("application/vnd.oci.image.layer.v1.tar", &archive(file)?)?);
        }
        // Uncompressed, a layer's digest is what the config has to say of it.
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| &layer["digest"]).collect::<Vec<_>>() },
        });
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
        let image = json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE, "config": config, "layers": layers });
        let mut image = self.blob(OCI_IMAGE, image.to_string().as_bytes())?;
        image["platform"] = json!({ "architecture": architecture, "os": "linux" });
        Ok(image)
    }

    /// Adds an index of these images. Gives its descriptor.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn index(&self, images: &[Value]) -> io::Result<Value> {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images });
        self.blob(OCI_INDEX, index.to_string().as_bytes())
    }

    /// Names what a descriptor describes, and gives the name as clients want it. A name is of one thing, the last.
    ///
    /// # Errors
    /// If the layout's own index cannot be written, or its directory's name is not UTF-8.
    pub fn tag(&mut self, described: &Value, tag: &str) -> io::Result<String> {
        let mut described = described.clone();
        let named = json!({ "org.opencontainers.image.ref.name": tag });
        self.tagged.retain(|tagged| tagged["annotations"] != named);
        described["annotations"] = named;
        self.tagged.push(described);
        let index = json!({ "schemaVersion": 2, "manifests": self.tagged });
        fs::write(self.directory.path().join("index.json"), index.to_string())?;
        let directory = self.directory.path().to_str().ok_or_else(|| io::Error::other("a directory is not UTF-8"))?;
        Ok(format!("oci:{directory}:{tag}"))
    }

    /// The bytes of what a descriptor describes.
    ///
    /// # Errors
    /// If it is no descriptor of something in this layout.
    pub fn bytes(&self, described: &Value) -> io::Result<Vec<u8>> {
        let digest = described["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
        let digest = digest.ok_or_else(|| io::Error::other("a descriptor has a sha256 digest"))?;
        fs::read(self.directory.path().join("blobs/sha256").join(digest))
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> io::Result<Value> {
        let digest = digest_of("sha256", bytes);
        fs::write(self.directory.path().join("blobs").join(digest.replace(':', "/")), bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
    }
}

/// A tar archive of one file with this text.
fn archive(text: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "file", text.as_bytes())?;
    archive.into_inner()
}
