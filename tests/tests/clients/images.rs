//! Skopeo copies single images in, out and between repositories, lists, inspects and deletes them.

use proofhouse_tests::client::{Skopeo, curl};
use proofhouse_tests::documents::{DOCKER_IMAGE, OCI_IMAGE};
use proofhouse_tests::layout::Layout;
use serde_json::{Value, json};

use super::{Ours, push, skopeo, there};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn tags(skopeo: &Skopeo, repository: &str) -> Value {
    json_of(&skopeo.run(&["list-tags", "--tls-verify=false", repository]).unwrap())["Tags"].clone()
}

fn inspected(skopeo: &Skopeo, image: &str) -> Value {
    json_of(&skopeo.run(&["inspect", "--tls-verify=false", image]).unwrap())
}

#[test]
fn an_image_comes_out_byte_for_byte_as_it_went_in() {
    let Some(skopeo) = skopeo() else { return };
    let ours = Ours::in_memory(|builder| builder);
    let mut layout = Layout::new().unwrap();
    let image = layout.image("amd64", &["one layer", "another"]).unwrap();
    let source = layout.tag(&image, "1").unwrap();
    push(&skopeo, &["--preserve-digests"], &source, &ours.image("team/app:1"));

    let pulled = skopeo.pull(&ours.image("team/app:1")).unwrap();
    let manifest = layout.bytes(&image).unwrap();
    assert_eq!(pulled["manifest.json"], manifest);
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    for part in layers.iter().chain([&manifest["config"]]) {
        let name = part["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        assert_eq!(pulled[name], layout.bytes(part).unwrap(), "{name}");
    }

    let by_digest = ours.image(&format!("team/app@{}", image["digest"].as_str().unwrap()));
    assert_eq!(skopeo.pull(&by_digest).unwrap(), pulled);
}

#[test]
fn an_image_goes_from_repository_to_repository_in_both_formats() {
    let Some(skopeo) = skopeo() else { return };
    let ours = Ours::in_memory(|builder| builder);
    let mut layout = Layout::new().unwrap();
    let image = layout.image("amd64", &["one layer", "another"]).unwrap();
    let source = layout.tag(&image, "1").unwrap();
    for (format, media_type) in [("oci", OCI_IMAGE), ("v2s2", DOCKER_IMAGE)] {
        let (from, to) = (ours.image(&format!("from:{format}")), ours.image(&format!("to/nested:{format}")));
        push(&skopeo, &["--format", format], &source, &from);
        let pulled = skopeo.pull(&from).unwrap();
        let manifest: Value = serde_json::from_slice(&pulled["manifest.json"]).unwrap();
        assert_eq!(manifest["mediaType"], media_type);

        push(&skopeo, &["--src-tls-verify=false"], &from, &to);
        assert_eq!(skopeo.pull(&to).unwrap(), pulled, "{format}");
    }
    assert_eq!(tags(&skopeo, &ours.image("to/nested")), json!(["oci", "v2s2"]));
}

#[test]
fn an_image_is_inspected_listed_and_deleted() {
    let Some(skopeo) = skopeo() else { return };
    let ours = Ours::in_memory(|builder| builder);
    let mut layout = Layout::new().unwrap();
    let stays = layout.image("arm64", &["stays"]).unwrap();
    let goes = layout.image("amd64", &["goes"]).unwrap();
    for (image, names) in [(&stays, ["b", "a"].as_slice()), (&goes, ["c", "d"].as_slice())] {
        for name in names {
            let source = layout.tag(image, name).unwrap();
            push(&skopeo, &["--preserve-digests"], &source, &ours.image(&format!("app:{name}")));
        }
    }
    assert_eq!(tags(&skopeo, &ours.image("app")), json!(["a", "b", "c", "d"]));
    if there("curl") {
        for (query, page) in [("n=1", json!(["a"])), ("n=2&last=a", json!(["b", "c"])), ("n=9&last=c", json!(["d"]))] {
            let answer = curl(&[&ours.url(&format!("/v2/app/tags/list?{query}"))], b"").unwrap();
            let list: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(list["tags"], page, "{query}");
        }
    }
    let told = inspected(&skopeo, &ours.image("app:b"));
    assert_eq!(told["Digest"], stays["digest"]);
    assert_eq!((&told["Architecture"], &told["Os"]), (&json!("arm64"), &json!("linux")));
    assert_eq!(told["RepoTags"], json!(["a", "b", "c", "d"]));

    // It deletes what the tag points to, and so every tag of it.
    skopeo.run(&["delete", "--tls-verify=false", &ours.image("app:c")]).unwrap();
    assert_eq!(tags(&skopeo, &ours.image("app")), json!(["a", "b"]));
    for gone in ["app:c", "app:d", &format!("app@{}", goes["digest"].as_str().unwrap())] {
        let refused = skopeo.pull(&ours.image(gone)).unwrap_err();
        assert!(refused.said.contains("manifest unknown"), "{refused:?}");
    }
    assert_eq!(skopeo.pull(&ours.image("app:a")).unwrap()["manifest.json"], layout.bytes(&stays).unwrap());
}

#[test]
fn what_is_not_there_is_said_to_be_unknown() {
    let Some(skopeo) = skopeo() else { return };
    let ours = Ours::in_memory(|builder| builder);
    let refused = skopeo.pull(&ours.image("nothing:1")).unwrap_err();
    assert!(refused.said.contains("manifest unknown"), "{refused:?}");
    let refused = skopeo.run(&["list-tags", "--tls-verify=false", &ours.image("nothing")]).unwrap_err();
    // This release of it does not read the body, and tells the status.
    assert!(refused.said.contains("404"), "{refused:?}");
}
