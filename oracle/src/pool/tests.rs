//! Tests of pools.

use std::collections::BTreeSet;

use proofhouse_model::{digest_of, is_digest, is_repository, is_tag};

use super::*;

fn spec() -> PoolSpec {
    let image = |blob: u8| ManifestSpec {
        body: Body::Image {
            config: Named::blob(BlobId(blob)).into(),
            config_type: 0,
            layers: vec![LayerSpec {
                what: Named::blob(BlobId(0)).into(),
                kind: LayerKind::DockerForeign,
                urls: Urls::List(vec![0]),
            }],
        },
        annotations: Annotations::Some(1),
        ..ManifestSpec::default()
    };
    let platform = PlatformSpec::Is { architecture: Some("amd64"), os: Some("linux"), variant: None };
    let entry = |manifest: u8| EntrySpec { what: Named::manifest(ManifestId(manifest)).into(), platform };
    PoolSpec {
        repositories: REPOSITORY_SETS[0].to_vec(),
        tags: TAG_SETS[0].to_vec(),
        blobs: (0..6).map(|salt| BlobSpec::Text { size: 2, salt }).collect(),
        manifests: vec![
            image(1),
            ManifestSpec { body: Body::List(vec![entry(0), entry(0)]), annotations: Annotations::Some(1), ..image(0) },
        ],
        salt: 0,
    }
}

#[test]
fn digests_are_those_of_the_model_and_of_what_a_manifest_names() {
    let pool = Pool::new(spec());
    for payload in pool.payloads() {
        for (algorithm, name) in [(Algorithm::Sha256, "sha256"), (Algorithm::Sha512, "sha512")] {
            let digest = pool.digest(Named::Of(payload, algorithm));
            assert_eq!(digest, digest_of(name, pool.bytes(payload)));
            assert_eq!(pool.find(&digest), Some((payload, algorithm)));
        }
    }
    let index = String::from_utf8(pool.bytes(Payload::Manifest(ManifestId(1))).to_vec()).unwrap();
    assert_eq!(index.matches(&pool.digest(Named::manifest(ManifestId(0)))).count(), 2);
    assert_eq!(pool.find(&pool.digest(Named::Unknown(0))), None);
}

#[test]
fn shrunk_blobs_stay_different_from_one_another() {
    let pool = Pool::new(spec());
    let different: BTreeSet<&[u8]> = pool.blob_ids().map(|blob| &**pool.bytes(Payload::Blob(blob))).collect();
    assert_eq!(different.len(), 6);
}

#[test]
fn the_names_of_the_pools_are_well_formed_and_the_odd_ones_are_not() {
    assert!(REPOSITORY_SETS.iter().flatten().all(|name| is_repository(name)));
    assert!(TAG_SETS.iter().flatten().all(|tag| is_tag(tag)));
    assert!(!ODD_REPOSITORIES.iter().any(|name| is_repository(name)));
    assert!(!ODD_TAGS.iter().any(|tag| is_tag(tag) || tag.contains(':')));
    assert!(!MALFORMED_DIGESTS.iter().any(|digest| is_digest(digest)));
    assert!(MALFORMED_DIGESTS.iter().all(|digest| digest.contains(':')), "without a colon it is a tag");
}

#[test]
fn every_oddity_changes_one_of_the_four_types() {
    let plain = Pool::new(spec());
    for oddity in ODDITIES {
        let mut changes = false;
        for (manifest, docker) in [(0, false), (0, true), (1, false), (1, true)] {
            let mut odd = spec();
            odd.manifests[manifest].docker = docker;
            let sound = Pool::new(odd.clone());
            odd.manifests[manifest].oddity = Some(*oddity);
            let payload = Payload::Manifest(ManifestId(u8::try_from(manifest).unwrap()));
            changes |= Pool::new(odd).bytes(payload) != sound.bytes(payload);
        }
        assert!(changes, "{oddity:?}");
    }
    assert_eq!(plain.spec(), &spec());
}

#[test]
fn a_pool_without_anything_gets_one_of_each() {
    let nothing =
        PoolSpec { repositories: Vec::new(), tags: Vec::new(), blobs: Vec::new(), manifests: Vec::new(), salt: 0 };
    let pool = Pool::new(nothing);
    assert_eq!((pool.repository(RepoId(7)), pool.tag(TagId(9))), ("a", "latest"));
    assert_eq!(pool.payloads().count(), 2);
}

#[test]
fn some_names_have_a_component_that_begins_with_a_digit_and_none_of_these_is_below_another() {
    let digits = |name: &&str| name.split('/').any(|component| component.starts_with(|it: char| it.is_ascii_digit()));
    let set = REPOSITORY_SETS.iter().find(|set| set.iter().all(&digits)).expect("there is one");
    assert!(set.iter().all(|name| set.iter().all(|other| !name.starts_with(&format!("{other}/")))), "{set:?}");
}

#[test]
fn another_salt_makes_other_bytes_that_mean_the_same() {
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let nothing = ManifestSpec::default();
    let padded = |length| ManifestSpec {
        oddity: Some(Oddity { place: Place::Document, edit: Edit::Pad(length) }),
        ..ManifestSpec::default()
    };
    let blobs = vec![
        BlobSpec::Text { size: FRESH, salt: 0 },
        BlobSpec::Binary { size: FRESH, salt: 0 },
        BlobSpec::Index { names: None },
        BlobSpec::Image { config: BlobId(0) },
    ];
    let pool = Pool::new(PoolSpec { blobs, manifests: vec![nothing, padded(500)], ..spec() });
    let (one, other) = (pool.salted(1), pool.salted(2));
    for payload in pool.payloads() {
        let all = [&pool, &one, &other].map(|pool| pool.bytes(payload).to_vec());
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), 3, "{payload:?}");
        if all[0].first() == Some(&b'{') && !all[0].windows(7).any(|part| part == b"sha256:") {
            assert!(all.iter().all(|bytes| read(bytes) == read(&all[0])), "{payload:?}");
        }
    }
    assert_ne!(one.digest(Named::Unknown(0)), other.digest(Named::Unknown(0)));
    assert_eq!(one.bytes(Payload::Manifest(ManifestId(1))).size(), 500);
    assert_eq!(pool.salted(0).bytes(Payload::Blob(BlobId(0))), pool.bytes(Payload::Blob(BlobId(0))));
}
