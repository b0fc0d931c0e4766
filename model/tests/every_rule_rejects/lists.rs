//! Lists, and what an operator does.

use proofhouse_model::*;
use serde_json::json;

use super::common::*;
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [tags(), repositories(), referring(), collecting()].into_iter().flatten().collect()
}

/// Tags `a`, `b` and `c` in repository `a`.
fn three_tags(r: &mut Registry) {
    for tag in ["a", "b", "c"] {
        r.push("a", tag, &index(&[]));
    }
}

fn tags() -> Vec<Case> {
    vec![
        case("page-size.invalid", |r| {
            three_tags(r);
            let refusal = refused(400, Code::Unsupported, Some("-1"));
            (list_tags("a", Some("-1"), None), refusal, names(&["a", "b", "c"], false))
        }),
        case("tags.list", |r| {
            three_tags(r);
            (list_tags("a", None, None), names(&["a", "b", "c"], false), names(&["a", "c"], false))
        }),
        case("tags.page", |r| {
            three_tags(r);
            (list_tags("a", Some("2"), None), names(&["a", "b"], true), names(&["a", "b"], false))
        }),
        case("tags.none-asked", |r| {
            three_tags(r);
            (list_tags("a", Some("0"), None), names(&[], false), names(&["a", "b", "c"], false))
        }),
        case("tags.unknown", |r| {
            r.push_blob("a", "layer");
            let refusal = refused(404, Code::NameUnknown, Some("a"));
            (list_tags("a", None, None), refusal, names(&[], false))
        }),
        case("tags.of", |r| {
            three_tags(r);
            (tags_of("a", &index(&[]).digest()), names(&["a", "b", "c"], false), names(&["a", "b"], false))
        }),
        case("tags.history", |r| {
            let (one, other) = (index(&[]), index(&[]).with("x", json!(1)));
            r.push("a", "v1", &one);
            r.push("a", "v1", &other);
            (tag_history("a", "v1"), digests(&[&one.digest(), &other.digest()]), digests(&[&other.digest()]))
        }),
    ]
}

/// Repositories `a`, `a/b` and `a-b`, which is their order.
fn three_repositories(r: &mut Registry) {
    for repo in ["a", "a/b", "a-b"] {
        r.push(repo, "v1", &index(&[]));
    }
}

fn repositories() -> Vec<Case> {
    vec![
        case("catalog.page", |r| {
            three_repositories(r);
            (catalog(Some("2"), None), names(&["a", "a/b"], true), names(&["a", "a-b"], true))
        }),
        case("catalog.page-size", |r| {
            three_repositories(r);
            let refusal = refused(400, Code::Unsupported, Some("1001"));
            (catalog(Some("1001"), None), refusal, names(&["a", "a/b", "a-b"], false))
        }),
        case("catalog.none-asked", |r| {
            three_repositories(r);
            (catalog(Some("0"), None), names(&[], false), names(&["a", "a/b", "a-b"], false))
        }),
        case("catalog.walk", |r| {
            three_repositories(r);
            (Op::WalkRepositories { n: 1 }, names(&["a", "a/b", "a-b"], false), names(&["a", "a-b"], false))
        }),
        case("repository.remove", |r| {
            r.push("a", "v1", &index(&[]));
            (remove("a"), Outcome::Done, refused(404, Code::NameUnknown, Some("a")))
        }),
        case("repository.unknown", |r| {
            r.push("a/b", "v1", &index(&[]));
            (remove("a"), refused(404, Code::NameUnknown, Some("a")), Outcome::Done)
        }),
    ]
}

/// An index about another, of type `x/sbom`; and its row.
fn sbom(r: &mut Registry) -> (String, Referrer) {
    let document = index(&[]).with("artifactType", json!("x/sbom")).about(&index(&[]));
    r.push("a", "sbom", &document);
    let row = Referrer {
        digest: document.digest(),
        media_type: OCI_INDEX.into(),
        size: document.text().len() as u64,
        artifact_type: Some("x/sbom".into()),
        annotations: None,
    };
    (index(&[]).digest(), row)
}

fn list(rows: &[&Referrer], filtered: bool) -> Outcome {
    Outcome::Referrers { referrers: rows.iter().map(|row| (*row).clone()).collect(), filtered }
}

fn referring() -> Vec<Case> {
    vec![
        case("referrers.list", |r| {
            let (subject, row) = sbom(r);
            (referrers("a", &subject, None), list(&[&row], false), list(&[], false))
        }),
        case("referrers.filter", |r| {
            let (subject, row) = sbom(r);
            (referrers("a", &subject, Some("x/other")), list(&[], true), list(&[&row], true))
        }),
        case("referrers.unfiltered", |r| {
            let (subject, row) = sbom(r);
            let ask = referrers("a", &subject, Some("x/other"));
            r.permits(ask.clone(), list(&[&row], false));
            (ask, list(&[&row], false), list(&[], true))
        })
        .of(Dialect::Oci),
        case("referrers.absent", |r| {
            let subject = index(&[]).digest();
            r.permits(referrers("a", &subject, None), bare(404));
            (referrers("a", &subject, None), bare(404), list(&[], false))
        })
        .of(Dialect::Oci),
    ]
}

fn collecting() -> Vec<Case> {
    vec![
        case("gc.nothing", |r| {
            r.push_image("a", "v1", "config", &["layer"]);
            (collect(true, 0), collected(&[], &[]), collected(&[], &[&sha256("layer")]))
        }),
        case("gc.blobs", |r| {
            let blob = r.push_blob("a", "loose");
            (collect(false, 0), collected(&[], &[&blob]), collected(&[], &[]))
        }),
        case("gc.untagged", |r| {
            let document = index(&[]);
            let digest = r.push("a", &document.digest(), &document);
            (collect(true, 0), collected(&[("a", &digest)], &[&digest]), collected(&[("a", &digest)], &[]))
        }),
        case("gc.dry-run", |r| {
            let blob = r.push_blob("a", "loose");
            let dry = Op::CollectGarbage { delete_untagged: false, dry_run: true, grace_seconds: 0 };
            (dry, collected(&[], &[&blob]), collected(&[], &[]))
        }),
        case("time.advance", |_| {
            (Op::Advance { seconds: 1 }, Outcome::Done, Outcome::Broken { what: "time stood still".into() })
        }),
    ]
}
