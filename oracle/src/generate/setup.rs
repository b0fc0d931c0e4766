//! Makes what a case begins with: the things there are, and the options.

use proofhouse_model::{Cache, Options, Platform};

use super::dice::Dice;
use crate::case::CaseOptions;
use crate::pool::{
    Annotations, BlobId, BlobSpec, Body, Edit, EntrySpec, LayerKind, LayerSpec, Layout, ManifestId, ManifestSpec,
    Named, ODDITIES, Oddity, Place, PlatformSpec, PoolSpec, REPOSITORY_SETS, Reference, RepoId, Size, TAG_SETS, URLS,
    Urls,
};

const ARCHITECTURES: [&str; 4] = ["amd64", "arm64", "s390x", "AMD64"];
const SYSTEMS: [&str; 3] = ["linux", "windows", "Linux"];

/// The limit on manifests where there is a small one, in bytes.
const LIMIT: u16 = 2_000;

/// What a referrer may be.
pub(super) const ARTIFACT_TYPES: [&str; 3] =
    ["application/vnd.example.sbom", "application/vnd.example.signature", "application/vnd.oci.empty.v1+json"];

/// `limited`: manifests are limited to 2,000 bytes, and some are about that long.
pub(super) fn pool(dice: &mut Dice, limited: bool) -> PoolSpec {
    let blobs = 3 + dice.below(4);
    let large = if dice.percent(25) { dice.below(blobs) } else { blobs };
    let blobs = (0..blobs).map(|at| blob(dice, at, at == large)).collect::<Vec<_>>();
    let count = 4 + dice.below(5);
    let manifests = (0..count).map(|at| manifest(dice, blobs.len(), at, limited)).collect();
    PoolSpec {
        repositories: dice.pick(REPOSITORY_SETS).to_vec(),
        tags: dice.pick(TAG_SETS).to_vec(),
        blobs,
        manifests,
        salt: 0,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "there are a handful of blobs")]
fn blob(dice: &mut Dice, at: usize, large: bool) -> BlobSpec {
    let salt = at as u8;
    if large {
        // Registries have buffers of these sizes. What is so large is slow, and so it is rare.
        let size = match dice.below(100) {
            0 => 1_048_577 + dice.up_to(5_000),
            1..=8 => 65_537 + dice.up_to(5_000),
            _ => 100 + dice.up_to(4_999),
        };
        return BlobSpec::Binary { size, salt };
    }
    match dice.below(10) {
        0 => BlobSpec::Text { size: dice.up_to(2), salt },
        1 | 2 if at > 0 => {
            let earlier = BlobId(dice.below(at) as u8);
            match dice.below(3) {
                0 => BlobSpec::Index { names: None },
                1 => BlobSpec::Index { names: Some(earlier) },
                _ => BlobSpec::Image { config: earlier },
            }
        }
        3..=5 => BlobSpec::Binary { size: dice.up_to(64), salt },
        _ => BlobSpec::Text { size: 1 + dice.up_to(39), salt },
    }
}

#[allow(clippy::cast_possible_truncation, reason = "there are a handful of things in a pool")]
fn manifest(dice: &mut Dice, blobs: usize, at: usize, limited: bool) -> ManifestSpec {
    let docker = dice.percent(30);
    let earlier = |dice: &mut Dice| Named::manifest(ManifestId(dice.below(at.max(1)) as u8));
    let any_blob = |dice: &mut Dice| Named::blob(BlobId(dice.below(blobs) as u8));
    let body = if at == 0 || dice.percent(50) {
        let layers = dice.weighted(&[(2, 0), (4, 1), (3, 2), (1, 3)]);
        Body::Image {
            config: reference(dice, |dice| if dice.percent(97) { any_blob(dice) } else { nearly(dice) }),
            config_type: dice.weighted(&[(6, 0), (1, 1), (1, 2)]),
            layers: (0..layers).map(|_| layer(dice, docker, any_blob)).collect(),
        }
    } else {
        let entries = dice.weighted(&[(1, 0), (3, 1), (4, 2), (2, 3), (1, 4)]);
        Body::List((0..entries).map(|_| entry(dice, &earlier, &any_blob)).collect())
    };
    let is_list = matches!(body, Body::List(_));
    let subject = dice.percent(30).then(|| match dice.below(10) {
        0..=5 if at > 0 => earlier(dice),
        6 | 7 => any_blob(dice),
        _ => Named::Unknown(dice.byte() % 2),
    });
    ManifestSpec {
        docker,
        says_type: dice.percent(80),
        body,
        subject: subject.map(|subject| reference(dice, |_| subject)),
        artifact_type: dice.percent(35).then(|| if dice.percent(90) { dice.pick(&ARTIFACT_TYPES) } else { "" }),
        annotations: dice.weighted(&[
            (7, Annotations::Absent),
            (1, Annotations::Null),
            (1, Annotations::Some(0)),
            (2, Annotations::Some(4)),
            (1, Annotations::Some(1)),
        ]),
        layout: dice.weighted(&[(6, Layout::Compact), (1, Layout::Spaced), (1, Layout::Reversed)]),
        salt: dice.percent(30).then_some(at as u8),
        // The first two are always sound, so that there is something to build on.
        oddity: match limited {
            true if at >= 2 && dice.percent(30) => Some(padded(dice)),
            _ => (at >= 2 && dice.percent(28)).then(|| oddity(dice, docker, is_list)),
        },
    }
}

/// What decides how a document is read is looked at more closely than the rest: its type, what belongs to the other kind, and, in
/// lists, platforms.
fn oddity(dice: &mut Dice, docker: bool, is_list: bool) -> Oddity {
    let decisive = |oddity: &&Oddity| match (oddity.place, oddity.edit) {
        (Place::Document, Edit::Set("mediaType", _) | Edit::Remove("mediaType")) => docker || !is_list,
        (Place::Document, Edit::Add("layers" | "config", _)) | (Place::Platform(_), _) => is_list,
        (Place::Document, Edit::Add("manifests", _)) => !is_list,
        _ => false,
    };
    let chosen: Vec<Oddity> = ODDITIES.iter().filter(decisive).copied().collect();
    if dice.percent(35) { dice.pick(&chosen) } else { dice.pick(ODDITIES) }
}

fn padded(dice: &mut Dice) -> Oddity {
    Oddity { place: Place::Document, edit: Edit::Pad(dice.pick(&[LIMIT - 1, LIMIT, LIMIT + 1])) }
}

fn reference(dice: &mut Dice, to: impl Fn(&mut Dice) -> Named) -> Reference {
    let size = dice.weighted(&[(18, Size::True), (1, Size::Claimed(0)), (1, Size::Claimed(i64::MAX.unsigned_abs()))]);
    Reference { to: to(dice), size }
}

fn nearly(dice: &mut Dice) -> Named {
    if dice.percent(80) { Named::Unknown(dice.byte() % 2) } else { Named::Malformed(dice.byte()) }
}

fn layer(dice: &mut Dice, docker: bool, any_blob: impl Fn(&mut Dice) -> Named) -> LayerSpec {
    let usual = if docker { LayerKind::Docker } else { LayerKind::Oci };
    let foreign = dice.percent(20);
    let kind = if foreign {
        dice.pick(&[
            LayerKind::Nondistributable,
            LayerKind::NondistributableGzip,
            LayerKind::NondistributableZstd,
            LayerKind::DockerForeign,
            LayerKind::DockerForeign,
            LayerKind::NearlyForeign,
        ])
    } else {
        dice.weighted(&[(9, usual), (1, LayerKind::Other)])
    };
    let good = |dice: &mut Dice| if dice.percent(70) { dice.below(4) } else { dice.below(URLS.len()) };
    let urls = if !foreign && dice.percent(95) {
        Urls::Absent
    } else {
        match dice.below(10) {
            0 => Urls::Absent,
            1 => Urls::Null,
            2 => Urls::List(Vec::new()),
            many => Urls::List((0..=many % 2).map(|_| u8::try_from(good(dice)).unwrap_or(0)).collect()),
        }
    };
    let missing = if foreign { 60 } else { 2 };
    let what = reference(dice, |dice| if dice.percent(missing) { Named::Unknown(1) } else { any_blob(dice) });
    LayerSpec { what, kind, urls }
}

fn entry(dice: &mut Dice, earlier: &dyn Fn(&mut Dice) -> Named, any_blob: &dyn Fn(&mut Dice) -> Named) -> EntrySpec {
    let platform = match dice.below(20) {
        0..=2 => PlatformSpec::Absent,
        3 => PlatformSpec::Null,
        4 => PlatformSpec::Is { architecture: Some(dice.pick(&ARCHITECTURES)), os: None, variant: None },
        5 => PlatformSpec::Is { architecture: None, os: Some(dice.pick(&SYSTEMS)), variant: Some("v8") },
        6 => PlatformSpec::Is { architecture: None, os: None, variant: None },
        7..=12 => PlatformSpec::Is { architecture: Some("amd64"), os: Some("linux"), variant: None },
        many => PlatformSpec::Is {
            architecture: Some(dice.pick(&ARCHITECTURES)),
            os: Some(dice.pick(&SYSTEMS)),
            variant: (many % 4 == 0).then_some("v7"),
        },
    };
    let what = reference(dice, |dice| match dice.below(25) {
        0 => any_blob(dice),
        1 | 2 => nearly(dice),
        _ => earlier(dice),
    });
    EntrySpec { what, platform }
}

/// Options for one case. Most cases have most things on, or little would happen.
pub(super) fn options(dice: &mut Dice, pool: &PoolSpec, limited: bool) -> CaseOptions {
    let patterns = [None, Some("^https?://allowed"), Some("allowed|other"), Some("^$"), Some("(?i)^https://")];
    let denied = [None, Some("denied"), Some("example"), Some("\\?x=")];
    let skewed = |dice: &mut Dice, list: &[Option<&str>]| {
        if dice.percent(60) { None } else { dice.pick(list).map(str::to_owned) }
    };
    let base = Options {
        delete: dice.percent(88),
        redirect: dice.percent(8).then(|| "https://storage.example".to_owned()),
        validate_index: dice.percent(70),
        platforms: platforms(dice),
        urls_allow: skewed(dice, &patterns),
        urls_deny: skewed(dice, &denied),
        skip_layer_verification: dice.percent(8),
        deny: None,
        cache: dice.weighted(&[(3, Cache::Off), (4, Cache::Tiny), (3, Cache::Large)]),
        digest_resumption: dice.percent(60),
        tag_lookup_limit: dice.weighted(&[(3, 0), (1, -1), (2, 1), (1, 8)]),
        shared_blobs: None,
        max_manifest_bytes: if limited { LIMIT.into() } else { Options::default().max_manifest_bytes },
        catalog_default: dice.weighted(&[(6, 100), (2, 2), (1, 1)]),
        catalog_max: dice.weighted(&[(6, 1_000), (2, 2), (1, 3)]),
    };
    let deny = dice.percent(15).then(|| (RepoId(dice.byte() % 2), denied_digest(dice, pool)));
    CaseOptions { base, deny, fixed: false }
}

fn platforms(dice: &mut Dice) -> Vec<Platform> {
    let sets: [&[(&str, &str)]; 7] = [
        &[],
        &[("amd64", "linux")],
        &[("arm64", "linux")],
        &[("amd64", "linux"), ("amd64", "windows")],
        &[("arm64", "windows"), ("amd64", "linux")],
        &[("", "")],
        &[("AMD64", "linux"), ("amd64", "linux"), ("amd64", "linux")],
    ];
    let set = dice.weighted(&[(6, 0), (3, 1), (2, 2), (2, 3), (2, 4), (1, 5), (1, 6)]);
    let platform =
        |(architecture, os): &(&str, &str)| Platform { architecture: (*architecture).into(), os: (*os).into() };
    sets[set].iter().map(platform).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "there are a handful of things in a pool")]
fn denied_digest(dice: &mut Dice, pool: &PoolSpec) -> Named {
    if dice.percent(60) {
        Named::blob(BlobId(dice.below(pool.blobs.len()) as u8))
    } else {
        Named::manifest(ManifestId(dice.below(pool.manifests.len()) as u8))
    }
}
