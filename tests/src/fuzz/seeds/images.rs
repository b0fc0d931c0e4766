//! Documents of the shapes that people push.

use proofhouse_model::digest_of;
use proofhouse_registry::manifest::ManifestType;
use serde_json::{Value, json};

use super::Seed;

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// One named by sha256.
fn of(media_type: &str, content: &str) -> Value {
    json!({ "mediaType": media_type, "digest": digest_of("sha256", content.as_bytes()), "size": content.len() })
}

/// The same with further members.
fn with(mut descriptor: Value, more: Value) -> Value {
    if let (Value::Object(descriptor), Value::Object(more)) = (&mut descriptor, more) {
        descriptor.extend(more);
    }
    descriptor
}

fn oci(config: &Value, layers: &[Value], more: Value) -> Value {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": ManifestType::OciManifest.as_str(),
        "config": config,
        "layers": layers,
    });
    with(manifest, more)
}

fn index(manifests: &[Value], more: Value) -> Value {
    let index = json!({ "schemaVersion": 2, "mediaType": ManifestType::OciIndex.as_str(), "manifests": manifests });
    with(index, more)
}

fn for_platform(content: &str, architecture: &str, os: &str) -> Value {
    let platform = json!({ "platform": { "architecture": architecture, "os": os } });
    with(of(ManifestType::OciManifest.as_str(), content), platform)
}

/// Each with its type.
pub(super) fn documents() -> Vec<(&'static str, ManifestType, Value)> {
    use ManifestType::{DockerList, DockerManifest, OciIndex, OciManifest};
    let docker = |layers: &[Value]| {
        json!({
            "schemaVersion": 2,
            "mediaType": DockerManifest.as_str(),
            "config": of("application/vnd.docker.container.image.v1+json", "config"),
            "layers": layers,
        })
    };
    let docker_layer = of("application/vnd.docker.image.rootfs.diff.tar.gzip", "layer");
    let foreign = with(
        of("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "windows"),
        json!({ "urls": ["https://mcr.microsoft.com/v2/windows/blobs/layer"] }),
    );
    let subject = of(OciManifest.as_str(), "the image");
    let attestation = with(
        for_platform("attestation", "unknown", "unknown"),
        json!({ "annotations": {
            "vnd.docker.reference.digest": digest_of("sha256", b"amd64"),
            "vnd.docker.reference.type": "attestation-manifest",
        } }),
    );
    let variant = with(
        of(OciManifest.as_str(), "arm"),
        json!({ "platform": { "architecture": "arm", "os": "linux", "variant": "v7" } }),
    );
    let windows = with(
        of(OciManifest.as_str(), "windows"),
        json!({ "platform": { "architecture": "amd64", "os": "windows", "os.version": "10.0.17763.6414", "os.features": ["win32k"] } }),
    );
    let by_sha512 = json!({ "mediaType": OCI_LAYER, "digest": digest_of("sha512", b"layer"), "size": 5 });
    vec![
        ("docker", DockerManifest, docker(&[docker_layer.clone(), docker_layer.clone()])),
        ("docker-windows", DockerManifest, docker(&[foreign, docker_layer])),
        (
            "docker-list",
            DockerList,
            json!({
                "schemaVersion": 2,
                "mediaType": DockerList.as_str(),
                "manifests": [
                    with(of(DockerManifest.as_str(), "amd64"), json!({ "platform": { "architecture": "amd64", "os": "linux" } })),
                    with(of(DockerManifest.as_str(), "arm64"), json!({ "platform": { "architecture": "arm64", "os": "linux", "variant": "v8", "features": ["sse"] } })),
                ],
            }),
        ),
        (
            "buildx-index",
            OciIndex,
            index(&[for_platform("amd64", "amd64", "linux"), variant.clone(), attestation], json!({})),
        ),
        (
            "buildx-attestation",
            OciManifest,
            oci(
                &of(OCI_CONFIG, "attestation config"),
                &[
                    with(
                        of(IN_TOTO, "sbom"),
                        json!({ "annotations": { "in-toto.io/predicate-type": "https://spdx.dev/Document" } }),
                    ),
                    with(
                        of(IN_TOTO, "provenance"),
                        json!({ "annotations": { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1" } }),
                    ),
                ],
                json!({}),
            ),
        ),
        (
            "cosign-signature",
            OciManifest,
            oci(
                &of(OCI_CONFIG, "{}"),
                &[with(
                    of("application/vnd.dev.cosign.simplesigning.v1+json", "payload"),
                    json!({ "annotations": { "dev.cosignproject.cosign/signature": "MEUCIQ==" } }),
                )],
                json!({}),
            ),
        ),
        (
            "cosign-bundle",
            OciManifest,
            oci(
                &of(EMPTY, "{}"),
                &[of("application/vnd.dev.sigstore.bundle.v0.3+json", "bundle")],
                json!({
                    "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                    "subject": subject.clone(),
                    "annotations": { "org.opencontainers.image.created": "2026-01-02T03:04:05Z" },
                }),
            ),
        ),
        (
            "helm-chart",
            OciManifest,
            oci(
                &of("application/vnd.cncf.helm.config.v1+json", "chart"),
                &[
                    of("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "content"),
                    of("application/vnd.cncf.helm.chart.provenance.v1.prov", "provenance"),
                ],
                json!({ "annotations": { "org.opencontainers.image.title": "chart", "org.opencontainers.image.version": "1.2.3" } }),
            ),
        ),
        (
            "flux-artifact",
            OciManifest,
            oci(
                &of("application/vnd.cncf.flux.config.v1+json", "{}"),
                &[of("application/vnd.cncf.flux.content.v1.tar+gzip", "manifests")],
                json!({ "annotations": { "org.opencontainers.image.revision": "main@sha1:b1946ac9", "org.opencontainers.image.source": "https://example.com/fleet" } }),
            ),
        ),
        (
            "oras-artifact",
            OciManifest,
            oci(
                &with(of(EMPTY, "{}"), json!({ "data": "e30=" })),
                &[with(
                    of("text/plain", "hello"),
                    json!({ "annotations": { "org.opencontainers.image.title": "hello.txt" } }),
                )],
                json!({ "artifactType": "application/vnd.example.text", "subject": subject.clone() }),
            ),
        ),
        (
            "sparse-index",
            OciIndex,
            index(
                &[for_platform("amd64", "amd64", "linux"), windows, of(OciManifest.as_str(), "no platform")],
                json!({}),
            ),
        ),
        (
            "nested-index",
            OciIndex,
            index(
                &[
                    of(OciIndex.as_str(), "an index"),
                    with(of(OciIndex.as_str(), "another"), json!({ "artifactType": "a/b" })),
                ],
                json!({ "artifactType": "application/vnd.example.set", "subject": subject, "annotations": {} }),
            ),
        ),
        (
            "nondistributable",
            OciManifest,
            oci(
                &of(OCI_CONFIG, "config"),
                &[with(
                    of("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "elsewhere"),
                    json!({ "urls": ["http://example.com/layer", "https://example.com/layer"] }),
                )],
                json!({}),
            ),
        ),
        ("sha512", OciManifest, oci(&of(OCI_CONFIG, "config"), &[by_sha512], json!({}))),
    ]
}

pub(super) fn seeds() -> Vec<Seed> {
    let seed = |(name, kind, document): (&str, ManifestType, Value)| {
        let number = ManifestType::ALL.iter().position(|it| *it == kind).and_then(|at| u8::try_from(at).ok());
        let bytes = [&[number.expect("it is one of four")], document.to_string().as_bytes()].concat();
        Seed::new("manifest_parse", name, bytes)
    };
    documents().into_iter().map(seed).collect()
}
