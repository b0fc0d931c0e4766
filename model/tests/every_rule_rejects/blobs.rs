//! Names, blobs, mounts, uploads.

use proofhouse_model::*;

use super::common::*;
use super::{Case, case};

const X: &str = "some content";

pub(super) fn cases() -> Vec<Case> {
    [reading(), writing(), uploading(), ending()].into_iter().flatten().collect()
}

fn reading() -> Vec<Case> {
    let secret = Some(Deny { repo: "a".into(), digest: sha256(X) });
    vec![
        case("name.invalid", |_| (get_blob("A", &sha256(X)), name_invalid("A"), blob_unknown(&sha256(X)))),
        case("digest.invalid", |_| {
            (get_blob("a", "sha256:x"), digest_invalid(Some("sha256:x")), blob_unknown("sha256:x"))
        }),
        case("digest.algorithm", |r| {
            let refuse = put_blob("a", &sha512(X), X, r.fresh());
            r.permits(refuse.clone(), refused(400, Code::Unsupported, None));
            (refuse, refused(400, Code::Unsupported, None), blob_stored(&sha512(X)))
        })
        .of(Dialect::Oci),
        case("digest.alias", |r| {
            r.push_blob("a", X);
            (get_blob("a", &sha512(X)), blob(&sha512(X), X), blob(&sha512(X), "other content"))
        })
        .of(Dialect::Oci),
        case("tag.invalid", |_| {
            let refusal = refused(400, Code::ManifestInvalid, Some(".x"));
            (get_manifest("a", ".x"), refusal, manifest_unknown(".x"))
        }),
        case("access.denied", |r| {
            r.push_blob("a", X);
            let denied = refused(403, Code::Denied, Some(&sha256(X)));
            (get_blob("a", &sha256(X)), denied, blob(&sha256(X), X))
        })
        .under(Options { deny: secret, ..deletable() }),
        case("blob.head", |r| {
            r.push_blob("a", X);
            (head_blob("a", &sha256(X)), blob_head(&sha256(X), X), blob_head(&sha256(X), "short"))
        }),
        case("blob.get", |r| {
            r.push_blob("a", X);
            (get_blob("a", &sha256(X)), blob(&sha256(X), X), blob(&sha256(X), "other bytes!"))
        }),
        case("blob.unlinked", |r| {
            r.push_blob("a", X);
            (get_blob("b", &sha256(X)), blob_unknown(&sha256(X)), blob(&sha256(X), X))
        }),
        case("blob.shared", |r| {
            r.push_blob("a", X);
            r.permits(get_blob("b", &sha256(X)), blob(&sha256(X), X));
            (get_blob("c", &sha256(X)), blob(&sha256(X), X), bare(404))
        })
        .of(Dialect::Oci),
        case("blob.range", |r| {
            r.push_blob("a", X);
            let get = get_part("a", &sha256(X), Range::From(5));
            let one_short = blob_part(&sha256(X), 12, (5, 10), &X[5..11]);
            (get, blob_part(&sha256(X), 12, (5, 11), &X[5..]), one_short)
        }),
        case("blob.range.unsatisfiable", |r| {
            r.push_blob("a", X);
            let refusal = refused(416, Code::BlobUploadInvalid, None);
            (get_part("a", &sha256(X), Range::From(12)), refusal, blob_part(&sha256(X), 12, (12, 11), ""))
        }),
        case("blob.range.ignored", |r| {
            r.push_blob("a", X);
            let get = get_part("a", &sha256(X), Range::From(5));
            r.permits(get.clone(), blob(&sha256(X), X));
            (get, blob(&sha256(X), X), blob_part(&sha256(X), 12, (5, 11), &X[5..]))
        })
        .of(Dialect::Oci),
        case("blob.redirect", |r| {
            r.push_blob("a", "");
            let path = "blobs/sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/data";
            let url = format!("https://cdn/docker/registry/v2/{path}");
            (get_blob("a", &sha256("")), Outcome::Redirect { url }, blob(&sha256(""), ""))
        })
        .under(Options { redirect: Some("https://cdn".into()), ..deletable() }),
    ]
}

fn writing() -> Vec<Case> {
    vec![
        case("blob.delete", |r| {
            r.push_blob("a", X);
            (delete_blob("a", &sha256(X)), Outcome::Done, unsupported())
        }),
        case("blob.delete.missing", |r| {
            r.push_blob("b", X);
            (delete_blob("a", &sha256(X)), blob_unknown(&sha256(X)), Outcome::Done)
        }),
        case("delete.off", |r| {
            r.push_blob("a", X);
            (delete_blob("a", &sha256(X)), unsupported(), Outcome::Done)
        })
        .under(Options::default()),
        case("delete.again", |r| {
            let upload = r.start("a");
            r.permits(cancel("a", upload), Outcome::Done);
            (cancel("a", upload), Outcome::Done, upload_of(upload, 0))
        })
        .of(Dialect::Oci),
        case("blobs.list", |r| {
            r.push_blob("a", X);
            r.permits(delete_blob("a", &sha256(X)), Outcome::Done);
            (Op::ListBlobs, digests(&[&sha256(X)]), digests(&[]))
        }),
        case("mount.linked", |r| {
            r.push_blob("a", X);
            let upload = r.fresh();
            (mount("b", &sha256(X), Some("a"), upload), blob_stored(&sha256(X)), upload_of(upload, 0))
        }),
        case("mount.fallback", |r| {
            r.push_blob("a", X);
            let upload = r.fresh();
            (mount("b", &sha256(X), Some("c"), upload), upload_of(upload, 0), blob_stored(&sha256(X)))
        }),
        case("mount.anywhere", |r| {
            r.push_blob("a", X);
            let upload = r.fresh();
            r.permits(mount("b", &sha256(X), None, upload), blob_stored(&sha256(X)));
            (mount("c", &sha256(X), None, upload), blob_stored(&sha256(X)), upload_of(upload, 0))
        })
        .of(Dialect::Oci),
    ]
}

fn uploading() -> Vec<Case> {
    vec![
        case("upload.start", |r| {
            let first = r.start("a");
            let upload = r.fresh();
            (Op::StartUpload { repo: "a".into(), upload }, upload_of(upload, 0), upload_of(first, 0))
        }),
        case("upload.single", |r| {
            let upload = r.fresh();
            (put_blob("a", &sha256(X), X, upload), blob_stored(&sha256(X)), upload_of(upload, 0))
        }),
        case("upload.single.started", |r| {
            let upload = r.fresh();
            (put_blob("a", &sha256(X), X, upload), upload_of(upload, 0), blob_stored(&sha256(X)))
        })
        .of(V2_8),
        case("upload.append", |r| {
            let upload = r.start("a");
            (append("a", upload, Some((0, 11)), X), upload_of(upload, 12), upload_of(upload, 11))
        }),
        case("upload.chunk.order", |r| {
            let upload = r.start("a");
            let refusal = refused(416, Code::BlobUploadInvalid, None);
            (append("a", upload, Some((1, 12)), X), refusal, upload_of(upload, 12))
        }),
        case("upload.chunk.length", |r| {
            let upload = r.start("a");
            let refusal = refused(400, Code::SizeInvalid, None);
            (append("a", upload, Some((0, 5)), X), refusal, upload_of(upload, 12))
        }),
        case("upload.chunk.unranged", |r| {
            let upload = r.start("a");
            r.permits(append("a", upload, None, X), bare(416));
            (append("a", upload, None, X), bare(416), upload_of(upload, 12))
        })
        .of(Dialect::Oci),
        case("upload.status", |r| {
            let upload = r.start("a");
            r.permits(append("a", upload, None, X), upload_of(upload, 12));
            (status("a", upload), upload_of(upload, 12), upload_of(upload, 0))
        }),
        case("upload.unknown", |r| {
            let upload = r.start("a");
            (status("b", upload), upload_unknown(), upload_of(upload, 0))
        }),
        case("restart", |_| (Op::Restart, Outcome::Done, Outcome::Broken { what: "it did not start".into() })),
    ]
}

fn ending() -> Vec<Case> {
    vec![
        case("upload.finish", |r| {
            let upload = r.start("a");
            (finish("a", upload, &sha256(X), X), blob_stored(&sha256(X)), blob_stored(&sha256("other")))
        }),
        case("upload.finish.malformed", |r| {
            let upload = r.start("a");
            (finish("a", upload, "md5:x", X), digest_invalid(Some("md5:x")), blob_stored(&sha256(X)))
        }),
        case("upload.digest", |r| {
            let upload = r.start("a");
            let wrong = sha256("other");
            (finish("a", upload, &wrong, X), digest_invalid(Some(&wrong)), blob_stored(&wrong))
        }),
        case("upload.cancel", |r| {
            let upload = r.start("a");
            (cancel("a", upload), Outcome::Done, upload_unknown())
        }),
        case("upload.cancel.absent", |r| {
            let upload = r.start("a");
            r.permits(cancel("a", upload), bare(405));
            (cancel("a", upload), bare(405), Outcome::Done)
        })
        .of(Dialect::Oci),
        case("purge", |r| {
            r.start("a");
            r.wait(9);
            let purge = Op::PurgeUploads { older_than: 10, dry_run: false };
            (purge, Outcome::Purged { uploads: vec![] }, Outcome::Purged { uploads: vec!["id-1".into()] })
        }),
        case("purge.dry-run", |r| {
            r.start("a");
            let purge = Op::PurgeUploads { older_than: 0, dry_run: true };
            (purge, Outcome::Purged { uploads: vec!["id-1".into()] }, Outcome::Purged { uploads: vec![] })
        }),
    ]
}
