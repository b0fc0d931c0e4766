//! Skopeo copies images of several platforms, and curl pushes indexes of which something is missing.

use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_tests::client::{Answer, Skopeo, curl};
use proofhouse_tests::documents::{DOCKER_IMAGE, DOCKER_LIST, OCI_INDEX};
use proofhouse_tests::layout::Layout;
use serde_json::{Value, json};

use super::{Ours, push, skopeo, there};

/// What the option does without which nothing is validated, and with which everything is.
fn validating(builder: RegistryBuilder) -> RegistryBuilder {
    builder.enable_validate_image_index_images_exist()
}

fn for_amd64(builder: RegistryBuilder) -> RegistryBuilder {
    validating(builder).add_validate_image_index_images_exist_platform("amd64", "linux")
}

#[test]
fn an_image_of_two_platforms_is_copied_whole_under_every_validation() {
    let Some(skopeo) = skopeo() else { return };
    let mut layout = Layout::new().unwrap();
    let images = [layout.image("amd64", &["for amd64"]).unwrap(), layout.image("arm64", &["for arm64"]).unwrap()];
    let index = layout.index(&images).unwrap();
    let source = layout.tag(&index, "all").unwrap();
    for options in [|builder| builder, validating, for_amd64] {
        let ours = Ours::in_memory(options);
        push(&skopeo, &["--all", "--preserve-digests"], &source, &ours.image("app:all"));
        let pulled = skopeo.pull(&ours.image("app:all")).unwrap();
        assert_eq!(pulled["manifest.json"], layout.bytes(&index).unwrap());
        for image in &images {
            let name = image["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            assert_eq!(pulled[&format!("{name}.manifest.json")], layout.bytes(image).unwrap());
        }

        let nested = ours.image("nested/app:all");
        push(&skopeo, &["--all", "--src-tls-verify=false"], &ours.image("app:all"), &nested);
        assert_eq!(skopeo.pull(&nested).unwrap(), pulled);
    }
}

#[test]
fn an_image_of_two_platforms_becomes_a_docker_list() {
    let Some(skopeo) = skopeo() else { return };
    let ours = Ours::in_memory(validating);
    let mut layout = Layout::new().unwrap();
    let images = [layout.image("amd64", &["for amd64"]).unwrap(), layout.image("arm64", &["for arm64"]).unwrap()];
    let index = layout.index(&images).unwrap();
    let source = layout.tag(&index, "all").unwrap();
    push(&skopeo, &["--all", "--format", "v2s2"], &source, &ours.image("app:list"));
    let pulled = skopeo.pull(&ours.image("app:list")).unwrap();
    let list: Value = serde_json::from_slice(&pulled["manifest.json"]).unwrap();
    assert_eq!(list["mediaType"], DOCKER_LIST);
    let entries = list["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["mediaType"] == DOCKER_IMAGE), "{list}");
}

fn put_list(ours: &Ours, media_type: &str, bytes: &[u8]) -> Answer {
    let (url, content_type) = (ours.url("/v2/app/manifests/all"), format!("Content-Type: {media_type}"));
    curl(&["--request", "PUT", "--header", &content_type, "--data-binary", "@-", &url], bytes).unwrap()
}

/// An index of two images of which Skopeo pushed some, by curl.
struct Sparse {
    skopeo: Skopeo,
    layout: Layout,
    amd64: Value,
    arm64: Value,
}

impl Sparse {
    fn new() -> Option<Sparse> {
        let skopeo = skopeo().filter(|_| there("curl"))?;
        let layout = Layout::new().unwrap();
        let amd64 = layout.image("amd64", &["for amd64"]).unwrap();
        let arm64 = layout.image("arm64", &["for arm64"]).unwrap();
        Some(Sparse { skopeo, layout, amd64, arm64 })
    }

    fn push_image(&mut self, ours: &Ours, image: &Value) {
        let source = self.layout.tag(image, "image").unwrap();
        push(&self.skopeo, &["--preserve-digests"], &source, &ours.image("app:image"));
    }

    fn push_index(&self, ours: &Ours) -> Answer {
        let index = self.layout.index(&[self.amd64.clone(), self.arm64.clone()]).unwrap();
        put_list(ours, OCI_INDEX, &self.layout.bytes(&index).unwrap())
    }

    /// Those that the answer says are missing.
    fn refused(&self, ours: &Ours, missing: &[&Value]) {
        let answer = self.push_index(ours);
        assert_eq!(answer.status, 400);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let errors = body["errors"].as_array().unwrap();
        assert!(errors.iter().all(|error| error["code"] == "MANIFEST_BLOB_UNKNOWN"), "{body}");
        let details: Vec<&Value> = errors.iter().map(|error| &error["detail"]).collect();
        let missing: Vec<&Value> = missing.iter().map(|image| &image["digest"]).collect();
        assert_eq!(details, missing);
        let tag = ours.image("app:all");
        let unknown = self.skopeo.run(&["inspect", "--raw", "--tls-verify=false", &tag]).unwrap_err();
        assert!(unknown.said.contains("manifest unknown"), "{unknown:?}");
    }

    fn taken(&self, ours: &Ours) {
        let answer = self.push_index(ours);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        let raw = self.skopeo.run(&["inspect", "--raw", "--tls-verify=false", &ours.image("app:all")]).unwrap();
        let raw: Value = serde_json::from_str(&raw).unwrap();
        assert_eq!(raw["manifests"], json!([self.amd64, self.arm64]));
    }
}

#[test]
fn without_validation_an_index_may_miss_everything() {
    let Some(sparse) = Sparse::new() else { return };
    sparse.taken(&Ours::in_memory(|builder| builder));
}

#[test]
fn with_validation_an_index_may_miss_nothing() {
    let Some(mut sparse) = Sparse::new() else { return };
    let ours = Ours::in_memory(validating);
    let (amd64, arm64) = (sparse.amd64.clone(), sparse.arm64.clone());
    sparse.refused(&ours, &[&amd64, &arm64]);
    sparse.push_image(&ours, &amd64);
    sparse.refused(&ours, &[&arm64]);
    sparse.push_image(&ours, &arm64);
    sparse.taken(&ours);
}

#[test]
fn with_validation_of_a_platform_an_index_may_miss_the_others() {
    let Some(mut sparse) = Sparse::new() else { return };
    let ours = Ours::in_memory(for_amd64);
    let (amd64, arm64) = (sparse.amd64.clone(), sparse.arm64.clone());
    sparse.refused(&ours, &[&amd64]);
    sparse.push_image(&ours, &arm64);
    sparse.refused(&ours, &[&amd64]);

    // The selected one alone is enough, and can be pulled.
    let ours = Ours::in_memory(for_amd64);
    sparse.push_image(&ours, &amd64);
    sparse.taken(&ours);
    let by_digest = |image: &Value| ours.image(&format!("app@{}", image["digest"].as_str().unwrap()));
    assert_eq!(sparse.skopeo.pull(&by_digest(&amd64)).unwrap()["manifest.json"], sparse.layout.bytes(&amd64).unwrap());
    sparse.skopeo.pull(&by_digest(&arm64)).unwrap_err();
}

#[test]
fn a_docker_list_is_validated_as_an_index_is() {
    let Some(mut sparse) = Sparse::new() else { return };
    let mut entry = sparse.amd64.clone();
    entry["mediaType"] = DOCKER_IMAGE.into();
    let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry] }).to_string();
    let put = |ours: &Ours| put_list(ours, DOCKER_LIST, list.as_bytes()).status;
    assert_eq!(put(&Ours::in_memory(|builder| builder)), 201);
    for options in [validating, for_amd64] {
        let ours = Ours::in_memory(options);
        assert_eq!(put(&ours), 400);
        let amd64 = sparse.amd64.clone();
        sparse.push_image(&ours, &amd64);
        assert_eq!(put(&ours), 201);
    }
}

#[test]
fn of_an_index_only_the_entries_of_exactly_the_platform_must_be_there() {
    let Some(sparse) = Sparse::new() else { return };
    let of = |architecture: &str, os: &str| {
        let mut entry = sparse.arm64.clone();
        entry["platform"] = json!({ "architecture": architecture, "os": os });
        entry
    };
    let mut anywhere = sparse.arm64.clone();
    anywhere.as_object_mut().unwrap().remove("platform");
    let ours = Ours::in_memory(for_amd64);
    for (entry, status) in [
        (of("amd64", "linux"), 400),
        (of("amd64", "windows"), 201),
        (of("arm64", "linux"), 201),
        (of("AMD64", "linux"), 201),
        (anywhere, 201),
    ] {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
        let answer = put_list(&ours, OCI_INDEX, index.to_string().as_bytes());
        assert_eq!(answer.status, status, "{entry}");
    }
}
