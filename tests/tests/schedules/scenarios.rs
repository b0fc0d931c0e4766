//! What requests can do to one another.

use proofhouse_model::{Cache, Op, Options, UploadRef, digest_of};

use crate::explore::Scenario;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn sha(text: &str) -> String {
    digest_of("sha256", text.as_bytes())
}

fn put_blob(repo: &str, text: &str, upload: u32) -> Op {
    Op::PutBlob { repo: repo.into(), digest: sha(text), bytes: text.into(), upload: UploadRef(upload) }
}

fn get_blob(repo: &str, text: &str) -> Op {
    Op::GetBlob { repo: repo.into(), digest: sha(text), range: None }
}

fn head_blob(repo: &str, text: &str) -> Op {
    Op::HeadBlob { repo: repo.into(), digest: sha(text) }
}

fn delete_blob(repo: &str, text: &str) -> Op {
    Op::DeleteBlob { repo: repo.into(), digest: sha(text) }
}

fn mount(repo: &str, text: &str, from: &str, upload: u32) -> Op {
    Op::MountBlob { repo: repo.into(), digest: sha(text), from: Some(from.into()), upload: UploadRef(upload) }
}

fn image(layer: &str) -> String {
    let blob = |text: &str| {
        format!(r#"{{"mediaType":"application/octet-stream","digest":"{}","size":{}}}"#, sha(text), text.len())
    };
    format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{},"layers":[{}]}}"#, blob("{}"), blob(layer))
}

fn put(repo: &str, reference: &str, kind: &str, text: &str) -> Op {
    let (repo, reference, content_type) = (repo.into(), reference.into(), Some(kind.into()));
    Op::PutManifest { repo, reference, content_type, tags: Vec::new(), bytes: text.into() }
}

fn put_image(repo: &str, reference: &str, layer: &str) -> Op {
    put(repo, reference, IMAGE, &image(layer))
}

fn get_manifest(repo: &str, reference: &str) -> Op {
    Op::GetManifest { repo: repo.into(), reference: reference.into() }
}

fn delete_manifest(repo: &str, reference: &str) -> Op {
    Op::DeleteManifest { repo: repo.into(), reference: reference.into() }
}

fn append(upload: u32, text: &str) -> Op {
    Op::Append { repo: "a".into(), upload: UploadRef(upload), range: None, bytes: text.into() }
}

fn finish(upload: u32, text: &str) -> Op {
    let (repo, digest) = ("a".into(), Some(sha(text)));
    Op::FinishUpload { repo, upload: UploadRef(upload), digest, range: None, bytes: "".into() }
}

fn start(upload: u32) -> Op {
    Op::StartUpload { repo: "a".into(), upload: UploadRef(upload) }
}

fn status(upload: u32) -> Op {
    Op::UploadStatus { repo: "a".into(), upload: UploadRef(upload) }
}

fn collect(delete_untagged: bool) -> Op {
    Op::CollectGarbage { delete_untagged, dry_run: false, grace_seconds: 0 }
}

fn options(cache: Cache) -> Options {
    Options { delete: true, cache, ..Options::default() }
}

fn scenario(name: &'static str, before: Vec<Op>, clients: Vec<Vec<Op>>, after: Vec<Op>) -> Scenario {
    Scenario { name, options: options(Cache::Off), before, clients, after }
}

/// Every pair of paths of which one could undo the other.
pub(crate) fn all() -> Vec<Scenario> {
    let referrer = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[],"subject":{{"mediaType":"{IMAGE}","digest":"{}","size":1}}}}"#,
        sha(&image("one"))
    );
    let referrers = || Op::Referrers { repo: "a".into(), digest: sha(&image("one")), artifact_type: None };
    let one = sha(&image("one"));
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{IMAGE}","digest":"{one}","size":1}}]}}"#
    );
    vec![
        scenario(
            "a blob is pushed again while it is deleted",
            vec![put_blob("a", "x", 1)],
            vec![vec![put_blob("a", "x", 2), get_blob("a", "x")], vec![delete_blob("a", "x"), head_blob("a", "x")]],
            vec![get_blob("a", "x")],
        ),
        scenario(
            "an upload is finished while its blob is deleted, and another pushes it too",
            vec![put_blob("a", "xy", 1), start(2), append(2, "xy")],
            vec![vec![finish(2, "xy")], vec![delete_blob("a", "xy")], vec![put_blob("a", "xy", 3)]],
            vec![get_blob("a", "xy"), status(2)],
        ),
        scenario(
            "a push while garbage is collected",
            vec![put_blob("a", "{}", 1)],
            vec![vec![put_blob("a", "one", 2), put_image("a", "t", "one"), get_blob("a", "one")], vec![collect(false)]],
            vec![get_manifest("a", "t"), get_blob("a", "{}"), get_blob("a", "one")],
        ),
        scenario(
            "a tag is set while untagged manifests are collected",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_image("a", &one, "one")],
            vec![vec![put_image("a", "t", "one")], vec![collect(true)]],
            vec![get_manifest("a", "t"), get_blob("a", "one")],
        ),
        scenario(
            "an upload goes on while garbage is collected",
            vec![start(1), append(1, "ab")],
            vec![vec![append(1, "c"), finish(1, "abc")], vec![collect(false)]],
            vec![get_blob("a", "abc")],
        ),
        scenario(
            "a tag moves while its manifest is deleted",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_blob("a", "two", 3), put_image("a", "t", "one")],
            vec![vec![put_image("a", "t", "two")], vec![delete_manifest("a", &one)], vec![get_manifest("a", "t")]],
            vec![get_manifest("a", "t"), get_manifest("a", &one)],
        ),
        scenario(
            "a manifest is pushed again while it is deleted",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_image("a", "t", "one")],
            vec![vec![put_image("a", "u", "one")], vec![delete_manifest("a", &one)]],
            vec![get_manifest("a", "u"), get_manifest("a", "t"), get_manifest("a", &one)],
        ),
        scenario(
            "two push a new tag",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_blob("a", "two", 3)],
            vec![vec![put_image("a", "t", "one"), get_manifest("a", "t")], vec![put_image("a", "t", "two")]],
            vec![get_manifest("a", "t"), Op::TagHistory { repo: "a".into(), tag: "t".into() }],
        ),
        scenario(
            "two push one tag while it is deleted",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_blob("a", "two", 3)],
            vec![
                vec![put_image("a", "t", "one")],
                vec![put_image("a", "t", "two")],
                vec![delete_manifest("a", "t"), get_manifest("a", "t")],
            ],
            vec![get_manifest("a", "t")],
        ),
        scenario(
            "a blob is mounted while its source is deleted",
            vec![put_blob("a", "x", 1)],
            vec![vec![mount("b", "x", "a", 2), get_blob("b", "x")], vec![delete_blob("a", "x")]],
            vec![get_blob("b", "x"), head_blob("a", "x")],
        ),
        scenario(
            "a blob is mounted while its source is deleted, by who looks for it then",
            vec![put_blob("a", "x", 1)],
            vec![vec![mount("b", "x", "a", 2)], vec![delete_blob("a", "x"), head_blob("b", "x")]],
            vec![get_blob("b", "x")],
        ),
        scenario(
            "a blob is mounted while it goes from both sides",
            vec![put_blob("a", "x", 1), put_blob("b", "x", 2)],
            vec![vec![mount("b", "x", "a", 3)], vec![delete_blob("b", "x")], vec![delete_blob("a", "x")]],
            vec![get_blob("b", "x"), head_blob("a", "x")],
        ),
        scenario(
            "a layer goes while its manifest is pushed",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2)],
            vec![vec![put_image("a", "t", "one")], vec![delete_blob("a", "one")]],
            vec![get_manifest("a", "t"), head_blob("a", "one")],
        ),
        scenario(
            "a layer goes while its manifest is pushed, and somebody looks for that then",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2)],
            vec![vec![put_image("a", "t", "one")], vec![delete_blob("a", "one"), get_manifest("a", "t")]],
            vec![get_manifest("a", "t")],
        ),
        Scenario {
            options: options(Cache::Large),
            ..scenario(
                "the cache fills while the blob is deleted",
                vec![put_blob("a", "x", 1)],
                vec![vec![head_blob("a", "x"), get_blob("a", "x")], vec![delete_blob("a", "x"), head_blob("a", "x")]],
                vec![head_blob("a", "x"), get_blob("a", "x")],
            )
        },
        Scenario {
            options: options(Cache::Tiny),
            ..scenario(
                "a small cache fills while blobs come and go",
                vec![put_blob("a", "x", 1), put_blob("a", "y", 2), put_blob("b", "x", 3)],
                vec![
                    vec![head_blob("a", "x"), head_blob("a", "y"), head_blob("b", "x")],
                    vec![delete_blob("a", "x"), put_blob("a", "x", 4)],
                    vec![delete_blob("b", "x"), head_blob("b", "x")],
                ],
                vec![head_blob("a", "x"), head_blob("a", "y"), head_blob("b", "x")],
            )
        },
        Scenario {
            options: options(Cache::Large),
            ..scenario(
                "a cache is asked while a blob is pushed",
                Vec::new(),
                vec![vec![put_blob("a", "x", 1)], vec![head_blob("a", "x"), get_blob("a", "x")]],
                vec![get_blob("a", "x")],
            )
        },
        scenario(
            "one digest comes to two repositories",
            vec![start(1), append(1, "xy")],
            vec![vec![finish(1, "xy"), get_blob("a", "xy")], vec![put_blob("b", "xy", 2), get_blob("b", "xy")]],
            vec![get_blob("a", "xy"), get_blob("b", "xy"), status(1)],
        ),
        scenario(
            "an index is pushed while its child is deleted",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_image("a", &one, "one")],
            vec![vec![put("a", "i", INDEX, &index)], vec![delete_manifest("a", &one)]],
            vec![get_manifest("a", "i"), get_manifest("a", &one)],
        ),
        scenario(
            "an index is pushed while its child is deleted, by who looks for the index then",
            vec![put_blob("a", "{}", 1), put_blob("a", "one", 2), put_image("a", &one, "one")],
            vec![vec![put("a", "i", INDEX, &index)], vec![delete_manifest("a", &one), get_manifest("a", "i")]],
            vec![get_manifest("a", "i")],
        ),
        scenario(
            "two append to one upload",
            vec![start(1)],
            vec![vec![append(1, "ab")], vec![append(1, "cd")]],
            vec![status(1), finish(1, "abcd"), finish(1, "cdab"), get_blob("a", "abcd"), get_blob("a", "cdab")],
        ),
        scenario(
            "one appends to an upload that another finishes, and a third gives up",
            vec![start(1), append(1, "ab")],
            vec![
                vec![append(1, "cd")],
                vec![finish(1, "ab")],
                vec![Op::CancelUpload { repo: "a".into(), upload: UploadRef(1) }],
            ],
            vec![status(1), head_blob("a", "ab")],
        ),
        scenario(
            "two finish one upload",
            vec![start(1), append(1, "ab")],
            vec![vec![finish(1, "ab")], vec![finish(1, "ab")]],
            vec![status(1), get_blob("a", "ab")],
        ),
        scenario(
            "an upload is purged while it goes on",
            vec![start(1), append(1, "ab")],
            vec![vec![append(1, "cd"), status(1)], vec![Op::PurgeUploads { older_than: 0, dry_run: false }]],
            vec![status(1)],
        ),
        scenario(
            "a referrer is pushed while it is deleted",
            vec![put("a", &sha(&referrer), INDEX, &referrer)],
            vec![vec![put("a", "r", INDEX, &referrer)], vec![delete_manifest("a", &sha(&referrer))]],
            vec![referrers(), get_manifest("a", "r")],
        ),
    ]
}
