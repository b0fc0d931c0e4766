//! What holds in every dialect, whatever is asked: random walks through a small world.
//!
//! Every branch names a rule of the table that the dialect has, and permits its own example. Ours has one way only. And a
//! dialect that leaves more open permits what a stricter one does.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::json;

/// Numbers that are random enough, and the same everywhere.
struct Dice {
    seed: u64,
    uploads: u32,
}

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice { seed, uploads: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.seed >> 40).unwrap_or_default() % limit
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

const TEXTS: [&str; 3] = ["", "x", "some text"];

/// Documents that name one another, a few of them odd.
fn documents() -> Vec<Document> {
    let plain = image("x", &["some text"]);
    let list = index(&[entry(&plain, Some("linux/amd64")), entry(&image("y", &[]), None)]);
    vec![
        plain.clone(),
        plain.docker(),
        plain.about(&list),
        list.clone(),
        list.docker(),
        index(&[entry(&plain, None)]).about(&plain).with("artifactType", json!("x/y")),
        index(&[]).with("schemaVersion", json!(1)).about(&plain),
        image("missing", &["x"]),
    ]
}

/// As in the other tests; but here it is known what every digest is of.
fn example(branch: &Branch) -> Outcome {
    let Expect::Hashing { digest, body, part } = &branch.expect else { return common::example(branch) };
    let texts = TEXTS.iter().map(|text| (*text).to_owned());
    let algorithm = digest.split(':').next().unwrap_or_default();
    let mut all =
        texts.chain(documents().into_iter().map(|document| document.text())).filter(|text| !*part || !text.is_empty());
    let text = all
        .find(|text| *part || digest_of(algorithm, text.as_bytes()) == *digest)
        .expect("every digest asked for here is of a text or document above");
    match (*body, *part) {
        (false, _) => blob_head(digest, &text),
        (true, false) => blob(digest, &text),
        (true, true) => blob_part(digest, text.len() as u64, (0, 0), &text[..1]),
    }
}

fn digest(dice: &mut Dice) -> String {
    let text = match dice.below(2) {
        0 => dice.pick(&TEXTS).to_owned(),
        _ => dice.pick(&documents()).text(),
    };
    match dice.below(12) {
        0..8 => sha256(&text),
        8 | 9 => sha512(&text),
        10 => digest_of("sha384", text.as_bytes()),
        _ => "sha256:x".to_owned(),
    }
}

fn any_op(dice: &mut Dice) -> Op {
    let repo = dice.pick(&["a", "a", "b", "b", "a/c", "A"]).to_owned();
    let other = dice.pick(&[None, Some("a"), Some("b"), Some("A")]).map(str::to_owned);
    let kind = dice.below(28);
    // Every upload is opened once; one that is used is among the last few, or is none.
    let fresh = UploadRef(dice.uploads);
    dice.uploads += u32::from(matches!(kind, 3..7));
    let upload = UploadRef(dice.uploads.saturating_sub(u32::try_from(dice.below(5)).unwrap_or_default()));
    let text = dice.pick(&TEXTS);
    let tag = dice.pick(&["v1", "V1", "v2", ".x"]).to_owned();
    let digest = digest(dice);
    let reference = if dice.below(2) == 0 { tag.clone() } else { digest.clone() };
    let n = dice.pick(&[None, Some("0"), Some("1"), Some("2"), Some("x"), Some("5000")]).map(str::to_owned);
    let last = dice.pick(&[None, None, Some("V1"), Some("a")]).map(str::to_owned);
    let range = dice.pick(&[None, None, Some((0, 0)), Some((0, 8)), Some((1, 1)), Some((3, 1))]);
    match kind {
        0 => Op::HeadBlob { repo, digest },
        1 => Op::GetBlob { repo, digest, range: dice.pick(&[None, Some(Range::From(1)), Some(Range::Last(0))]) },
        2 => Op::DeleteBlob { repo, digest },
        3 => Op::MountBlob { repo, digest, from: other, upload: fresh },
        4 => Op::StartUpload { repo, upload: fresh },
        5 => Op::PutBlob { repo, digest: sha256(text), bytes: text.into(), upload: fresh },
        6 => Op::PutBlob { repo, digest, bytes: text.into(), upload: fresh },
        7 => Op::Append { repo, upload, range, bytes: text.into() },
        8 => Op::UploadStatus { repo, upload },
        9 => Op::FinishUpload { repo, upload, digest: Some(sha256(text)), range, bytes: text.into() },
        10 => Op::FinishUpload { repo, upload, digest: Some(digest), range, bytes: text.into() },
        11 => Op::FinishUpload { repo, upload, digest: None, range, bytes: text.into() },
        12 => Op::CancelUpload { repo, upload },
        13..17 => {
            let document = dice.pick(&documents());
            let by_digest = dice.below(3) == 0;
            let reference = if by_digest { document.digest() } else { reference };
            let tags: &[&str] = dice.pick(&[&[], &[], &["v2"], &["v2", ".x"]]);
            let put = tagging(put_manifest(&repo, &reference, &document), tags);
            if dice.below(9) == 0 { put_text(&repo, &reference, Some("x/y"), "nonsense") } else { put }
        }
        17 => Op::HeadManifest { repo, reference },
        18 => Op::GetManifest { repo, reference },
        19 => Op::DeleteManifest { repo, reference },
        20 => Op::ListTags { repo, n, last },
        21 => Op::ListRepositories { n, last },
        22 => Op::WalkRepositories { n: 1 },
        23 => {
            Op::Referrers { repo, digest, artifact_type: dice.pick(&[None, Some("x/y".into()), Some(String::new())]) }
        }
        24 => dice.pick(&[Op::TagsOf { repo: repo.clone(), digest }, Op::TagHistory { repo, tag }]),
        25 => dice.pick(&[Op::ListBlobs, Op::Advance { seconds: 5 }, Op::Restart, Op::RemoveRepository { repo }]),
        26 => Op::CollectGarbage { delete_untagged: true, dry_run: dice.below(2) == 0, grace_seconds: 6 },
        _ => Op::PurgeUploads { older_than: 5, dry_run: dice.below(2) == 0 },
    }
}

/// Can a client ask a registry of this dialect for that? OCI has no catalog, and other registries have no library.
fn can_be_asked(dialect: Dialect, op: &Op) -> bool {
    let inside = matches!(
        op,
        Op::CollectGarbage { .. }
            | Op::PurgeUploads { .. }
            | Op::RemoveRepository { .. }
            | Op::TagsOf { .. }
            | Op::TagHistory { .. }
            | Op::ListBlobs
            | Op::Advance { .. }
            | Op::Restart
    );
    let catalog = matches!(op, Op::ListRepositories { .. } | Op::WalkRepositories { .. });
    match dialect {
        Dialect::Proofhouse => true,
        Dialect::Oci => !inside && !catalog,
        Dialect::Distribution(_) => !inside,
    }
}

/// What changes no content, even when it succeeds.
fn only_asks(op: &Op) -> bool {
    match op {
        Op::CollectGarbage { dry_run, .. } | Op::PurgeUploads { dry_run, .. } => *dry_run,
        Op::HeadBlob { .. }
        | Op::GetBlob { .. }
        | Op::UploadStatus { .. }
        | Op::HeadManifest { .. }
        | Op::GetManifest { .. }
        | Op::ListTags { .. }
        | Op::ListRepositories { .. }
        | Op::WalkRepositories { .. }
        | Op::Referrers { .. }
        | Op::TagsOf { .. }
        | Op::TagHistory { .. }
        | Op::ListBlobs
        | Op::Advance { .. }
        | Op::Restart => true,
        _ => false,
    }
}

fn option_sets() -> [Options; 3] {
    let deny = Some(Deny { repo: "b".into(), digest: sha256("x") });
    let platforms = vec![Platform { architecture: "amd64".into(), os: "linux".into() }];
    [
        deletable(),
        Options { validate_index: true, ..Options::default() },
        Options { validate_index: true, platforms, deny, redirect: Some("https://cdn".into()), ..deletable() },
    ]
}

#[test]
fn every_branch_names_a_rule_that_the_dialect_has_and_permits_its_own_example() {
    let mut given_up = 0;
    for dialect in [Dialect::Proofhouse, Dialect::Oci, V2_8, V3] {
        for seed in 0..40 {
            let mut dice = Dice::new(seed);
            let [one, two, three] = option_sets();
            let mut r =
                registry(dialect, if dialect == Dialect::Proofhouse { dice.pick(&[one, two, three]) } else { one });
            for _ in 0..120 {
                let op = any_op(&mut dice);
                if !can_be_asked(dialect, &op) {
                    continue;
                }
                let branches = r.model.expected(&op);
                assert!(!branches.is_empty(), "{op:?} cannot go any way");
                assert!(dialect != Dialect::Proofhouse || branches.len() == 1, "{op:?} may go several ways");
                for branch in &branches {
                    let row = rule(branch.rule).unwrap_or_else(|| panic!("{} is no rule", branch.rule));
                    assert!(row.applies_to(dialect, true), "{dialect:?} has no {}: {op:?}", row.id);
                    assert!(branch.expect.matches(&example(branch)), "{op:?}: {branch:?}");
                }
                let seen = example(&dice.pick(&branches));
                // Where every answer is the oddest one, nobody can say any more what is there.
                match r.model.observe(&op, &seen) {
                    Ok(_) => {}
                    Err(violation) if violation.kind == ViolationKind::TooManyStates => {
                        given_up += 1;
                        break;
                    }
                    Err(violation) => panic!("{op:?}\n{violation}"),
                }
            }
        }
    }
    assert!(given_up < 5, "{given_up} of 160");
}

#[test]
fn our_registry_is_one_that_oci_permits() {
    for seed in 0..80 {
        let mut dice = Dice::new(1_000 + seed);
        let mut strict = registry(Dialect::Proofhouse, deletable());
        let mut lenient = registry(Dialect::Oci, deletable());
        for _ in 0..120 {
            let op = any_op(&mut dice);
            if can_be_asked(Dialect::Oci, &op) {
                let seen = strict.does(op.clone());
                lenient.permits(op, seen);
            }
        }
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_permitted_to_nothing() {
    for dialect in [Dialect::Proofhouse, Dialect::Oci, V2_8, V3] {
        let mut dice = Dice::new(7);
        let mut r = registry(dialect, deletable());
        for _ in 0..200 {
            let op = any_op(&mut dice);
            r.rejects(op.clone(), Outcome::Broken { what: "the connection dropped".into() });
            let seen = example(&r.model.expected(&op)[0]);
            r.permits(op, seen);
        }
    }
}

#[test]
fn a_violation_leaves_the_model_as_it_was() {
    let mut r = ours();
    r.push_blob("a", "layer");
    let before = r.model.state().clone();
    r.rejects(delete_blob("a", &sha256("layer")), unsupported());
    assert_eq!(*r.model.state(), before);
    assert!(r.has_blob("a", "layer"));
}

#[test]
fn operations_and_outcomes_are_written_as_json_and_read_back() {
    let mut dice = Dice::new(11);
    let mut r = ours();
    for _ in 0..300 {
        let op = any_op(&mut dice);
        let seen = r.does(op.clone());
        assert_eq!(serde_json::from_str::<Op>(&serde_json::to_string(&op).unwrap()).unwrap(), op);
        assert_eq!(serde_json::from_str::<Outcome>(&serde_json::to_string(&seen).unwrap()).unwrap(), seen);
    }
    let binary = Content::from(vec![0, 255, 16]);
    assert_eq!(serde_json::to_value(&binary).unwrap(), json!({"hex": "00ff10"}));
    assert_eq!(serde_json::from_value::<Content>(json!({"hex": "00ff10"})).unwrap(), binary);
    for wrong in [json!({"hex": "0"}), json!({"hex": "zz"}), json!({"hex": "\u{fc}"}), json!(1)] {
        assert!(serde_json::from_value::<Content>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn codes_are_read_as_they_are_written() {
    for text in ["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "TOOMANYREQUESTS", "PAGINATION_NUMBER_INVALID", "MADE_UP"] {
        assert_eq!(Code::from(text).to_string(), text);
        assert_eq!(serde_json::to_value(Code::from(text)).unwrap(), json!(text));
    }
    assert_eq!(Code::from("MADE_UP"), Code::Other("MADE_UP".into()));
}

#[test]
fn every_operation_has_a_name_and_what_only_asks_changes_nothing() {
    assert_eq!(get_blob("a", "x").name(), "GetBlob");
    assert_eq!(Op::Restart.name(), "Restart");
    let mut dice = Dice::new(13);
    let mut r = ours();
    for _ in 0..1_000 {
        let op = any_op(&mut dice);
        let mut before = r.model.state().clone();
        r.does(op.clone());
        // Time goes by, and changes nothing else.
        before.now = r.model.state().now;
        assert!(!only_asks(&op) || *r.model.state() == before, "{op:?} changed something");
    }
}

#[test]
fn outcomes_are_counted_by_class() {
    for (outcome, class) in [
        (Outcome::Done, "Done"),
        (blob_head("x", "y"), "Blob"),
        (blob_part("x", 2, (0, 0), "y"), "Blob part"),
        (manifest_stored("x", None, &[]), "ManifestStored"),
        (manifest_stored("x", Some("y"), &[]), "ManifestStored subject"),
        (names(&[], false), "Names none"),
        (names(&["x"], true), "Names more"),
        (names(&["x"], false), "Names"),
        (collected(&[], &[]), "Collected nothing"),
        (collected(&[], &[&sha256("x")]), "Collected blobs"),
        (collected(&[("a", &sha256("x"))], &[]), "Collected manifests"),
        (blob_unknown("x"), "Refused BLOB_UNKNOWN"),
        (bare(403), "Refused 403"),
    ] {
        assert_eq!(outcome.class_name(), class);
        assert_eq!(outcome.succeeded(), !class.starts_with("Refused"));
    }
}
