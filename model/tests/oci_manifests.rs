//! What the OCI text leaves open of manifests and lists: each MAY is permitted, and a registry is held to what it chose.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::json;

// Manifests.

#[test]
fn oci_lets_content_that_is_nowhere_be_missed_or_not_but_always_for_each_type_of_content() {
    let unknown = |class| refused(class, Code::ManifestBlobUnknown, None);
    let mut r = registry(Dialect::Oci, Options { shared_blobs: Some(false), ..Options::default() });
    r.push_blob("a", "config");
    let (one, other) = (image("config", &["x"]), image("config", &["x", "y"]));
    r.permits_both(put_manifest("a", "v1", &one), manifest_stored(&one.digest(), None, &[]), unknown(400));
    r.permits(put_manifest("a", "v1", &one), unknown(404));
    r.rejects(put_manifest("a", "v1", &other), manifest_stored(&other.digest(), None, &[]));
    r.rejects(put_manifest("a", "v1", &other), malformed());
    let sparse = index(&[entry(&one, None)]);
    r.permits(put_manifest("a", "all", &sparse), manifest_stored(&sparse.digest(), None, &[]));
    let sparser = index(&[entry(&other, None)]);
    r.rejects(put_manifest("a", "all", &sparser), unknown(400));
}

#[test]
fn oci_lets_entries_of_one_platform_be_missed_and_not_of_another_but_always_the_same_ones() {
    let mut r = oci();
    let unknown = refused(400, Code::ManifestBlobUnknown, None);
    let of = |text: &str, platform| index(&[entry(&image(text, &[]), platform)]);
    let stored = |document: &Document| manifest_stored(&document.digest(), None, &[]);
    let (one, other) = (of("a", Some("linux/amd64")), of("b", Some("linux/amd64")));
    let (none, windows) = (of("c", None), of("d", Some("windows/amd64")));
    r.permits(put_manifest("a", "v1", &none), stored(&none));
    r.permits(put_manifest("a", "v1", &one), unknown.clone());
    r.permits(put_manifest("a", "v1", &windows), stored(&windows));
    r.rejects(put_manifest("a", "v1", &other), stored(&other));
    r.rejects(put_manifest("a", "v1", &of("e", None)), unknown);
}

#[test]
fn oci_lets_a_manifest_name_what_another_repository_has() {
    let mut r = oci();
    r.push_blob("a", "config");
    r.push_blob("b", "layer");
    for name in ["x", "y"] {
        let document = image("config", &["layer"]).with("x", name.into());
        let stored = manifest_stored(&document.digest(), None, &[]);
        r.permits_both(put_manifest("a", "v1", &document), stored, bare(400));
    }
}

#[test]
fn oci_has_a_sound_manifest_taken() {
    let mut r = oci();
    let image = r.push_image("a", "v1", "config", &["layer"]);
    for document in [image.clone(), index(&[entry(&image, Some("linux/amd64"))]), index(&[])] {
        for refusal in [malformed(), bare(404), references_unknown(&[&sha256("layer")])] {
            r.rejects(put_manifest("a", "v2", &document), refusal);
        }
        r.permits(put_manifest("a", "v2", &document), manifest_stored(&document.digest(), None, &[]));
    }
}

#[test]
fn oci_lets_a_strict_registry_refuse_what_is_unusual_or_untrue() {
    let mut r = oci();
    let good = r.push_image("a", "v1", "config", &["layer"]);
    let mut lying = good.clone();
    lying.json["layers"][0]["size"] = json!(1);
    let mut urls = good.clone();
    urls.json["layers"][0]["urls"] = json!(["http://h"]);
    let mut half = index(&[entry(&good, Some("linux/amd64"))]);
    half.json["manifests"][0]["platform"] = json!({"os": "linux"});
    let mut odd_type = good.clone();
    odd_type.json["config"]["mediaType"] = json!("config");
    let no_layers = image("config", &[]);
    let odd_artifact = good.with("artifactType", json!("sbom"));
    for document in [lying, urls, half, odd_type, no_layers, odd_artifact] {
        let stored = manifest_stored(&document.digest(), None, &[]);
        r.permits_both(put_manifest("a", "v2", &document), stored, malformed());
    }
}

#[test]
fn oci_does_not_ask_for_the_types_of_docker() {
    let mut r = oci();
    let image = r.push_image("a", "v1", "config", &["layer"]);
    let (docker, list) = (image.docker(), index(&[]).docker());
    r.permits(put_manifest("a", "v2", &docker), bare(415));
    r.rejects(put_manifest("a", "v2", &docker), manifest_stored(&docker.digest(), None, &[]));
    r.permits(put_manifest("a", "v2", &list), manifest_stored(&list.digest(), None, &[]));
    r.rejects(put_manifest("a", "v2", &list), bare(415));
}

#[test]
fn a_foreign_layer_without_urls_that_is_refused_in_oci_is_no_refusal_of_dockers_types() {
    let mut r = oci();
    r.push_blob("a", "config");
    let mut foreign = image("nowhere", &[]).docker();
    let kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    foreign.json["layers"] = json!([layer_of(kind, "elsewhere")]);
    let error = |code, of: &str| ErrorItem { code, detail: Some(sha256(of)) };
    let errors = vec![error(Code::ManifestBlobUnknown, "nowhere"), error(Code::ManifestInvalid, "elsewhere")];
    r.permits(put_manifest("a", "v1", &foreign), Outcome::Refused { status: 400, errors });
    let sound = image("config", &[]).docker();
    r.permits(put_manifest("a", "v1", &sound), manifest_stored(&sound.digest(), None, &[]));
}

#[test]
fn oci_lets_what_no_standard_takes_for_a_manifest_be_stored_and_read_under_a_type_that_was_said() {
    for (content_type, text, types) in [
        (Some("application/x-foo; x=y"), "nonsense", vec!["application/x-foo"]),
        (None, "nonsense", vec!["", "application/octet-stream", "application/json"]),
        (None, r#"{"mediaType":"x/y"}"#, vec!["x/y", OCI_IMAGE]),
        (Some(OCI_IMAGE), r#"{"schemaVersion":1}"#, vec![OCI_IMAGE]),
        (Some("Application/X-Foo"), "{}", vec!["Application/X-Foo", "application/x-foo", OCI_IMAGE]),
        (Some(OCI_IMAGE), &*index(&[]).text(), vec![OCI_IMAGE, OCI_INDEX]),
    ] {
        let mut r = oci();
        let put = put_text("a", "v1", content_type, text);
        let stored = manifest_stored(&sha256(text), None, &[]);
        r.permits_both(put.clone(), stored.clone(), malformed());
        r.permits(put, stored);
        let seen = |media_type: &str, text: &str| Outcome::Manifest {
            digest: Some(sha256(text)),
            media_type: media_type.into(),
            size: text.len() as u64,
            bytes: Some(text.into()),
        };
        for media_type in types {
            r.permits(get_manifest("a", "v1"), seen(media_type, text));
        }
        r.rejects(get_manifest("a", "v1"), seen("text/html", text));
        r.rejects(get_manifest("a", "v1"), seen(content_type.unwrap_or_default(), "something else"));
    }
}

#[test]
fn oci_has_no_manifest_stored_under_the_digest_of_another_whatever_is_wrong_with_it() {
    let mut r = oci();
    let wrong = sha256("other");
    for (content_type, text) in [(None, "nonsense"), (Some(OCI_INDEX), &*index(&[]).text())] {
        let put = put_text("a", &wrong, content_type, text);
        r.rejects(put.clone(), manifest_stored(&wrong, None, &[]));
        r.permits(put, bare(400));
    }
    let missing = put_manifest("a", &wrong, &image("config", &[]));
    r.permits(missing, refused(400, Code::ManifestBlobUnknown, None));
}

#[test]
fn oci_recommends_four_megabytes_at_least_and_413_beyond_the_limit() {
    let mut r = oci();
    let text = index(&[]).text();
    for (length, must_be_taken) in [(4_000_000, true), (4_000_001, false)] {
        let padded = text.clone() + &" ".repeat(length - text.len());
        let put = put_text("a", "v1", Some(OCI_INDEX), &padded);
        if must_be_taken {
            r.rejects(put.clone(), bare(413));
        } else {
            r.permits(put.clone(), bare(413));
        }
        r.permits(put, manifest_stored(&sha256(&padded), None, &[]));
    }
}

#[test]
fn oci_has_the_subject_of_an_image_confirmed_by_a_registry_with_referrers_and_leaves_the_rest_open() {
    let subject = index(&[]);
    let document = |n: u8| index(&[]).with("x", n.into()).about(&subject);
    let mut r = oci();
    let stored = |document: &Document, said: bool| {
        manifest_stored(&document.digest(), said.then(|| subject.digest()).as_deref(), &[])
    };
    for n in 0..3 {
        r.permits_both(put_manifest("a", "v1", &document(n)), stored(&document(n), true), stored(&document(n), false));
    }
    r.push_image("a", "v1", "config", &["layer"]);
    let image = image("config", &["layer"]).about(&subject);
    r.permits(put_manifest("a", "v1", &image), stored(&image, false));
    r.rejects(referrers("a", &subject.digest(), None), Outcome::Referrers { referrers: vec![], filtered: false });
    r.permits(referrers("a", &subject.digest(), None), bare(404));
    let second = image.with("x", 1.into());
    r.rejects(put_manifest("a", "v1", &second), stored(&second, true));
}

#[test]
fn oci_lets_tag_parameters_be_honoured_or_ignored_always_and_too_many_be_refused() {
    let documents: Vec<Document> = (0..3).map(|n| index(&[]).with("x", n.into())).collect();
    let put = |n: usize, tags: &[&str]| tagging(put_manifest("a", &documents[n].digest(), &documents[n]), tags);
    let stored = |n: usize, tags: &[&str]| manifest_stored(&documents[n].digest(), None, tags);
    for honours in [true, false] {
        let mut r = oci();
        let said: &[&str] = if honours { &["v1", "v2"] } else { &[] };
        r.permits(put(0, &["v1", "v2"]), stored(0, said));
        r.permits(list_tags("a", None, None), names(said, false));
        r.rejects(put(1, &["v3"]), stored(1, if honours { &[] } else { &["v3"] }));
        let by_tag = tagging(put_manifest("a", "v4", &documents[2]), &["v5"]);
        r.permits_both(by_tag, stored(2, &["v5"]), stored(2, &[]));
        r.permits_both(put(2, &["v5", ".x"]), stored(2, &["v5"]), bare(400));
        let many: Vec<String> = (0..11).map(|n| format!("v{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        r.permits(put(2, &many), bare(414));
        r.rejects(put(2, &many[..10]), bare(414));
    }
}

#[test]
fn oci_choices_that_are_made_by_one_answer_are_all_kept() {
    let subject = index(&[]);
    let mut r = oci();
    r.push_image("a", "v1", "config", &["layer"]);
    let one = image("config", &["layer"]).about(&subject);
    let put = tagging(put_manifest("a", &one.digest(), &one), &["v2"]);
    r.permits(put, manifest_stored(&one.digest(), Some(&subject.digest()), &[]));
    r.rejects(referrers("a", &subject.digest(), None), bare(404));
    let other = tagging(put_manifest("a", &subject.digest(), &subject), &["v3"]);
    r.rejects(other, manifest_stored(&subject.digest(), None, &["v3"]));
}

// Lists.

#[test]
fn oci_lets_the_tags_of_nothing_be_404_or_none_but_not_those_of_something() {
    let mut r = oci();
    for repo in ["nowhere", "a"] {
        r.permits_both(list_tags(repo, None, None), names(&[], false), refused(404, Code::NameUnknown, None));
        r.push_blob("a", "layer");
    }
    r.push("a", "v1", &index(&[]));
    r.rejects(list_tags("a", None, None), bare(404));
    r.rejects(list_tags("a", None, None), names(&[], false));
}

#[test]
fn oci_lets_a_page_be_short_if_it_announces_another_and_announce_one_that_is_empty() {
    let mut r = oci();
    for tag in ["a", "b", "c"] {
        r.push("a", tag, &index(&[]));
    }
    for (n, permitted, rejected) in [
        (
            Some("2"),
            vec![names(&["a", "b"], true), names(&["a"], true)],
            vec![names(&["a"], false), names(&["b"], true)],
        ),
        (
            Some("3"),
            vec![names(&["a", "b", "c"], true), names(&["a", "b", "c"], false)],
            vec![names(&["a", "b"], false)],
        ),
        (None, vec![names(&["a"], true), names(&["a", "b", "c"], false)], vec![names(&["a"], false), names(&[], true)]),
        (Some("0"), vec![names(&[], false)], vec![names(&[], true), names(&["a"], true)]),
        (Some("x"), vec![bare(400), names(&["a", "b", "c"], false)], vec![bare(416)]),
        (Some("99999"), vec![bare(400), names(&["a", "b", "c"], false)], vec![names(&["a", "c"], true)]),
    ] {
        for seen in permitted {
            r.permits(list_tags("a", n, None), seen);
        }
        for seen in rejected {
            r.rejects(list_tags("a", n, None), seen);
        }
    }
    r.permits(list_tags("a", Some("1"), Some("a")), names(&["b"], true));
    r.rejects(list_tags("a", Some("1"), Some("a")), names(&["a"], true));
}

#[test]
fn oci_lets_tags_be_in_the_order_of_their_bytes_or_of_their_letters_always() {
    let orders: [&[&str]; 3] = [&["B", "a", "b", "c"], &["a", "B", "b", "c"], &["a", "b", "B", "c"]];
    for order in orders {
        let mut r = oci();
        for tag in ["c", "B", "b", "a"] {
            r.push("a", tag, &index(&[]));
        }
        r.permits(list_tags("a", None, None), names(order, false));
        for other in orders.iter().filter(|other| **other != order) {
            r.rejects(list_tags("a", None, None), names(other, false));
        }
        r.permits(list_tags("a", Some("9"), Some(order[1])), names(&order[2..], false));
    }
    let mut r = oci();
    r.push("a", "a", &index(&[]));
    r.push("a", "b", &index(&[]));
    r.rejects(list_tags("a", None, None), names(&["b", "a"], false));
    // Without regard to case `_` may come before letters or after.
    for (order, other) in [(["_", "a"], ["a", "_"]), (["a", "_"], ["_", "a"])] {
        let mut r = oci();
        order.into_iter().for_each(|tag| drop(r.push("a", tag, &index(&[]))));
        r.permits(list_tags("a", None, None), names(&order, false));
        r.permits(list_tags("a", Some("9"), Some(order[0])), names(&order[1..], false));
        r.rejects(list_tags("a", None, None), names(&other, false));
    }
}

#[test]
fn oci_lets_the_referrers_endpoint_be_absent_and_filters_be_ignored_always() {
    let subject = index(&[]);
    let sbom = index(&[]).with("artifactType", json!("x/sbom")).about(&subject);
    let row = |annotations| Referrer {
        digest: sbom.digest(),
        media_type: OCI_INDEX.into(),
        size: sbom.text().len() as u64,
        artifact_type: Some("x/sbom".into()),
        annotations,
    };
    let list = |rows: &[Referrer], filtered| Outcome::Referrers { referrers: rows.to_vec(), filtered };
    let ask = |filter| referrers("a", &subject.digest(), filter);
    let mut r = oci();
    r.push("a", "sbom", &sbom);
    r.permits_both(ask(None), list(&[row(None)], false), bare(404));
    r.permits(ask(None), list(&[row(Some([].into()))], false));
    r.rejects(ask(None), bare(404));
    r.rejects(ask(None), list(&[], false));
    r.rejects(ask(None), list(&[row(None), row(None)], false));
    r.permits(referrers("a", "nonsense", None), bare(400));
    r.rejects(referrers("a", "nonsense", None), bare(404));
    r.permits_both(ask(Some("other")), list(&[], true), list(&[row(None)], false));
    r.rejects(ask(Some("other")), list(&[], false));
    r.permits(ask(Some("other")), list(&[row(None)], false));
    r.rejects(ask(Some("other")), list(&[], true));
    r.rejects(ask(Some("x/sbom")), list(&[row(None)], true));
}

#[test]
fn oci_lets_a_lenient_registry_list_what_no_standard_takes_for_a_referrer() {
    let subject = index(&[]);
    let odd = index(&[]).with("schemaVersion", json!(3)).about(&subject);
    let mut r = oci();
    r.permits(put_manifest("a", "v1", &odd), manifest_stored(&odd.digest(), Some(&subject.digest()), &[]));
    let row =
        Referrer { digest: odd.digest(), media_type: "x".into(), size: 1, artifact_type: None, annotations: None };
    let list = |rows: &[&Referrer]| Outcome::Referrers {
        referrers: rows.iter().map(|row| (*row).clone()).collect(),
        filtered: false,
    };
    r.permits(referrers("a", &subject.digest(), None), list(&[]));
    r.permits(referrers("a", &subject.digest(), None), list(&[&row]));
    r.rejects(referrers("a", &subject.digest(), None), list(&[&row, &row]));
}
