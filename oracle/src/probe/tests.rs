//! Targets that have what is asked for, that have it not, and that leave it open.

use proofhouse_model::Platform;

use super::*;
use crate::facts::*;
use crate::target::EmbeddedTarget;

/// What is found of a registry that is set up so, while nothing of it is assumed.
fn found(options: &Options) -> Vec<Inference> {
    /// A target that does not do as it is told.
    struct Set(EmbeddedTarget, Options);
    #[async_trait::async_trait(?Send)]
    impl Target for Set {
        async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
            self.0.fresh(&self.1).await
        }
        async fn perform(&mut self, op: &Op) -> Outcome {
            self.0.perform(op).await
        }
    }
    let mut target = Set(EmbeddedTarget::builder().memory().build(), options.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(probe(&mut target, Dialect::Oci, &Said::default())).unwrap().known
}

#[test]
fn what_is_found_is_how_the_target_is_set_up() {
    let platform = |os: &str, architecture: &str| Platform { os: os.into(), architecture: architecture.into() };
    for delete in [true, false] {
        for (validate_index, platforms) in [
            (false, vec![]),
            (true, vec![]),
            (true, vec![platform("linux", "amd64")]),
            (true, vec![platform("linux", "arm64"), platform("windows", "amd64")]),
        ] {
            // Patterns are not inferred, only that nothing is allowed.
            let urls_allow = delete.then(|| "^$".to_owned());
            let shared_blobs = Some(false);
            let options = Options { delete, validate_index, platforms, urls_allow, shared_blobs, ..Options::default() };
            let found = found(&options);
            assert_eq!(apply(&Said::default(), &found).unwrap(), options, "{found:?}");
            assert!(found.iter().all(|one| !one.evidence.is_empty()));
            let referrers = found.iter().find(|one| one.key == REFERRERS).unwrap();
            assert_eq!(referrers.value, "true");
            assert!(referrers.evidence.contains("was confirmed by OCI-Subject"), "{referrers:?}");
        }
    }
}

#[test]
fn a_target_without_the_referrers_api_is_told_from_one_that_forgets_a_referrer() {
    /// Takes everything, and answers so when it is asked for referrers.
    struct Old(Outcome);
    #[async_trait::async_trait(?Send)]
    impl Target for Old {
        async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
            Ok(())
        }
        async fn perform(&mut self, op: &Op) -> Outcome {
            match op {
                Op::Referrers { .. } => self.0.clone(),
                Op::PutManifest { .. } => Outcome::ManifestStored { digest: None, subject: None, tags: Vec::new() },
                _ => Outcome::Done,
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = |answer| {
        let found = runtime.block_on(probe(&mut Old(answer), Dialect::Oci, &Said::default())).unwrap().known;
        assert_eq!(apply(&Said::default(), &found).unwrap(), Options { delete: true, ..Options::default() });
        found.into_iter().find(|one| one.key == REFERRERS)
    };
    let absent = told(Outcome::Refused { status: 404, errors: Vec::new() }).unwrap();
    assert_eq!(absent.value, "false");
    assert!(absent.evidence.contains("not confirmed") && absent.evidence.contains("404"), "{absent:?}");
    assert_eq!(told(Outcome::Referrers { referrers: Vec::new(), filtered: false }), None);
    assert_eq!(told(Outcome::Refused { status: 400, errors: Vec::new() }), None);
}

#[test]
fn a_target_that_shares_its_blobs_is_told_from_one_that_does_not_and_from_one_that_says_neither() {
    /// Takes every blob, and answers so for one in a repository to which it was not pushed.
    struct Blobs(Outcome);
    #[async_trait::async_trait(?Send)]
    impl Target for Blobs {
        async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
            Ok(())
        }
        async fn perform(&mut self, op: &Op) -> Outcome {
            if matches!(op, Op::HeadBlob { .. }) { self.0.clone() } else { Outcome::Done }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = |answer, dialect| {
        let found = runtime.block_on(probe(&mut Blobs(answer), dialect, &Said::default())).unwrap().known;
        apply(&Said::default(), &found).unwrap().shared_blobs
    };
    let there = Outcome::Blob { digest: None, size: 24, body: None };
    let refused = |status| Outcome::Refused { status, errors: Vec::new() };
    assert_eq!(told(there.clone(), Dialect::Oci), Some(true));
    assert_eq!(told(refused(404), Dialect::Oci), Some(false));
    assert_eq!(told(refused(403), Dialect::Oci), None);
    // No other dialect leaves it open.
    assert_eq!(told(there, Dialect::Proofhouse), None);
}

#[test]
fn what_a_target_has_and_has_not_of_mounts_and_of_sha512_is_told_and_changes_no_option() {
    /// Does as `true` says, or the other.
    struct Either(bool);
    #[async_trait::async_trait(?Send)]
    impl Target for Either {
        async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
            Ok(())
        }
        async fn perform(&mut self, op: &Op) -> Outcome {
            let stored = Outcome::BlobStored { digest: None };
            match op {
                Op::MountBlob { .. } if !self.0 => Outcome::Upload { id: "1".into(), size: 0 },
                Op::FinishUpload { digest: Some(digest), .. } if !self.0 && digest.starts_with("sha512") => {
                    Outcome::Refused { status: 400, errors: Vec::new() }
                }
                Op::MountBlob { .. } | Op::FinishUpload { .. } => stored,
                _ => Outcome::Refused { status: 403, errors: Vec::new() },
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for has in [true, false] {
        let found = runtime.block_on(probe(&mut Either(has), Dialect::Oci, &Said::default())).unwrap().known;
        for key in [MOUNTS, SHA512] {
            let told = found.iter().find(|one| one.key == key).unwrap();
            assert_eq!(told.value, has.to_string(), "{told:?}");
        }
        assert_eq!(apply(&Said::default(), &found).unwrap(), Options::default());
    }
}

#[test]
fn what_is_left_open_is_not_inferred() {
    struct Odd;
    #[async_trait::async_trait(?Send)]
    impl Target for Odd {
        async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
            Ok(())
        }
        async fn perform(&mut self, _: &Op) -> Outcome {
            Outcome::Refused { status: 403, errors: Vec::new() }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(probe(&mut Odd, Dialect::Oci, &Said::default())).unwrap().known;
    assert_eq!(found, []);
}

/// Stores everything; what is deleted, listed and taken is told by the function. Remembers what it was asked.
struct Stub<F>(F, Vec<Op>);

#[async_trait::async_trait(?Send)]
impl<F: Fn(&Op) -> Option<Outcome>> Target for Stub<F> {
    async fn fresh(&mut self, _: &Options) -> Result<(), TargetError> {
        Ok(())
    }
    async fn perform(&mut self, op: &Op) -> Outcome {
        self.1.push(op.clone());
        (self.0)(op).unwrap_or_else(|| match op {
            Op::FinishUpload { .. } => Outcome::BlobStored { digest: None },
            Op::PutManifest { .. } => Outcome::ManifestStored { digest: None, subject: None, tags: Vec::new() },
            _ => Outcome::Refused { status: 403, errors: Vec::new() },
        })
    }
}

/// What is found of a target that answers so, and what it was asked.
fn asked(answers: impl Fn(&Op) -> Option<Outcome>) -> (Vec<Inference>, Vec<Op>) {
    let (probed, ops) = asked_of(&Said::default(), answers);
    (probed.known, ops)
}

/// As [`asked`], of one of which something is said.
fn asked_of(said: &Said, answers: impl Fn(&Op) -> Option<Outcome>) -> (Probed, Vec<Op>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut target = Stub(answers, Vec::new());
    let probed = runtime.block_on(probe(&mut target, Dialect::Oci, said)).unwrap();
    (probed, target.1)
}

/// What the command line says.
fn assumed(assumptions: &[&str]) -> Said {
    let said = assumptions.iter().fold(Said::default(), |said, assumption| config::assume(&said, assumption).unwrap());
    said.consistent().unwrap();
    said
}

fn value<'a>(found: &'a [Inference], key: &str) -> Option<&'a str> {
    let one = found.iter().find(|one| one.key == key)?;
    assert!(!one.evidence.is_empty());
    Some(&one.value)
}

fn refused(status: u16) -> Outcome {
    Outcome::Refused { status, errors: Vec::new() }
}

#[test]
fn the_deletion_of_blobs_of_manifests_and_of_tags_is_told_apart() {
    for which in 0..8 {
        let [blobs, manifests, tags] = [1, 2, 4].map(|bit| which & bit != 0);
        let (found, _) = asked(|op| {
            let deletes = match op {
                Op::DeleteBlob { .. } => blobs,
                Op::DeleteManifest { reference, .. } if reference.contains(':') => manifests,
                Op::DeleteManifest { .. } => tags,
                _ => return None,
            };
            Some(if deletes { Outcome::Done } else { refused(405) })
        });
        for (key, deletes) in [(BLOB_DELETION, blobs), (MANIFEST_DELETION, manifests), (TAG_DELETION, tags)] {
            assert_eq!(value(&found, key), Some(if deletes { "true" } else { "false" }), "{key}");
            assert_eq!(found.iter().find(|one| one.key == key).map(|one| one.absent), Some(!deletes));
        }
        // A target that deletes one of the two may do so: OCI then holds it to its first answers.
        let option = if blobs == manifests { Some(if blobs { "true" } else { "false" }) } else { None };
        assert_eq!(value(&found, "delete"), option);
        assert_eq!(apply(&Said::default(), &found).unwrap().delete, blobs && manifests);
    }
    let (found, _) = asked(|op| matches!(op, Op::DeleteBlob { .. }).then(|| refused(404)));
    assert_eq!((value(&found, BLOB_DELETION), value(&found, "delete")), (None, None));
}

#[test]
fn a_catalog_is_told_from_none() {
    let catalog = |answer: Outcome| {
        let (found, _) = asked(|op| matches!(op, Op::ListRepositories { .. }).then(|| answer.clone()));
        value(&found, CATALOG).map(str::to_owned)
    };
    assert_eq!(catalog(Outcome::Names { names: Vec::new(), more: false }).as_deref(), Some("true"));
    assert_eq!(catalog(refused(404)).as_deref(), Some("false"));
    assert_eq!(catalog(Outcome::Broken { what: "500".into() }), None);
}

#[test]
fn pages_that_are_as_large_as_asked_are_told_from_others() {
    let names = |count: usize, more| Outcome::Names { names: vec!["probe".to_owned(); count], more };
    let pages = |one: Outcome, million: Outcome| {
        let (found, _) = asked(|op| match op {
            Op::ListTags { n, .. } => Some(if n.as_deref() == Some("1") { one.clone() } else { million.clone() }),
            _ => None,
        });
        [PAGE_OF_ONE, PAGE_OF_A_MILLION].map(|key| value(&found, key).map(str::to_owned))
    };
    let told = |one: &str, million: &str| [Some(one.to_owned()), Some(million.to_owned())];
    assert_eq!(pages(names(1, true), names(2, false)), told("true", "taken"));
    assert_eq!(pages(names(1, false), refused(400)), told("false", "refused"));
    assert_eq!(pages(names(2, false), names(1, true)), told("false", "cut"));
    assert_eq!(pages(refused(405), Outcome::Done), [Some("false".to_owned()), None]);
}

#[test]
fn the_largest_manifest_that_is_taken_is_told_and_nothing_larger_than_the_first_refused_is_pushed() {
    let largest = |limit: usize| {
        let (found, ops) = asked(|op| match op {
            Op::PutManifest { bytes, .. } if bytes.len() > limit => Some(refused(413)),
            _ => None,
        });
        let pushed = ops.iter().filter_map(|op| match op {
            Op::PutManifest { bytes, .. } => Some(bytes.len()),
            _ => None,
        });
        (value(&found, MANIFEST_BYTES).map(str::to_owned), pushed.max())
    };
    assert_eq!(largest(4 << 20), (Some("4194304".to_owned()), Some(4 << 20)));
    assert_eq!(largest(2 << 20), (Some("1048576".to_owned()), Some(4 << 20)));
    assert_eq!(largest(100 << 10), (Some("65536".to_owned()), Some(1 << 20)));
    assert_eq!(largest(10 << 10), (Some("0".to_owned()), Some(64 << 10)));
}

#[test]
fn an_upload_that_was_started_instead_of_a_mount_is_cancelled() {
    let (_, ops) = asked(|op| match op {
        Op::MountBlob { .. } => Some(Outcome::Upload { id: "1".into(), size: 0 }),
        _ => None,
    });
    let mounted = ops.iter().position(|op| matches!(op, Op::MountBlob { .. })).unwrap();
    let Op::MountBlob { upload, .. } = ops[mounted] else { unreachable!() };
    let cancel = Op::CancelUpload { repo: ELSEWHERE.to_owned(), upload };
    assert_eq!(ops.get(mounted + 1), Some(&cancel));
}

#[test]
fn what_is_optional_and_absent_is_told_last_and_as_no_fault() {
    let found = [
        Inference::part(MOUNTS, false, "an upload was started"),
        Inference::new("delete", "true", "it was deleted"),
        Inference::part(REFERRERS, false, "they are 404"),
    ];
    let expected =
        ["delete=true, for it was deleted", "absent: mounts, referrers: optional in the standard, not held against it"];
    assert_eq!(told(&found), expected);
    assert_eq!(told(&found[1..2]), expected[..1]);
}

#[test]
fn what_is_said_to_be_lacking_is_not_asked_and_told_as_assumed() {
    let said = assumed(&[
        "mounts=false",
        "sha512=false",
        "referrers=false",
        "catalog=false",
        "blob_deletion=false",
        "manifest_deletion=false",
        "tag_deletion=false",
        "page_of_one=false",
        "page_of_a_million=refused",
    ]);
    let (probed, ops) = asked_of(&said, |_| None);
    assert!(ops.iter().all(|op| said.facts.offers(op)), "{ops:?}");
    for (key, value) in said.facts.all() {
        let known: Vec<&Inference> = probed.known.iter().filter(|one| one.key == key).collect();
        let [one] = known[..] else { panic!("{key}: {known:?}") };
        assert_eq!((one.value.clone(), one.told()), (value.to_string(), format!("{key}={value}, assumed")));
        assert_eq!(one.absent, value == Value::Flag(false));
    }
    assert_eq!(value(&probed.known, "delete"), Some("false"), "it follows from its parts");
}

#[test]
fn what_is_said_to_be_there_is_asked_for_and_a_target_without_it_diverges() {
    use crate::campaign::{CampaignConfig, CampaignReport};
    let run = |said: &Said, known: Vec<crate::lockstep::Shape>, deletes: bool| -> CampaignReport {
        let (probed, _) = asked_of(said, |op| {
            matches!(op, Op::DeleteBlob { .. }).then(|| if deletes { Outcome::Done } else { refused(405) })
        });
        let config = CampaignConfig { dialect: Dialect::Oci, ops: 0, known, ..CampaignConfig::default() };
        let nothing = CampaignConfig { cases: Some(1), ..config.clone() };
        let mut target = EmbeddedTarget::builder().memory().build();
        let mut campaign = crate::campaign::run(&nothing, &mut target, &mut ()).unwrap();
        probed.judge(&config, &mut campaign);
        campaign
    };
    let said = assumed(&["blob_deletion=true"]);
    let met = run(&said, Vec::new(), true);
    assert_eq!(met.divergences.len(), 0);
    assert_eq!(met.coverage.rules[&crate::lockstep::CAPABILITY_ASSUMED], 1);

    let unmet = run(&said, Vec::new(), false);
    let [divergence] = &unmet.divergences[..] else { panic!("{:?}", unmet.divergences) };
    assert_eq!(divergence.finding.rule(), crate::lockstep::CAPABILITY_ASSUMED);
    let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(names, ["StartUpload", "FinishUpload", "DeleteBlob"], "what shows it stands by itself");

    let known = run(&said, vec![divergence.shape.clone()], false);
    assert_eq!((known.divergences.len(), known.known), (0, vec![1]));
    // Nobody said that mounts are made, and none was refused in so many words.
    let open = run(&assumed(&["mounts=true"]), Vec::new(), false);
    assert_eq!(open.divergences[0].shape.outcome, "mounts=true");
}

#[test]
fn a_manifest_of_the_size_that_is_said_to_be_taken_is_pushed() {
    let (probed, ops) = asked_of(&assumed(&["manifest_bytes=5000"]), |_| None);
    let pushed = ops.iter().filter_map(|op| match op {
        Op::PutManifest { bytes, .. } => Some(bytes.len()),
        _ => None,
    });
    assert_eq!(pushed.max(), Some(5_000));
    assert_eq!(value(&probed.known, MANIFEST_BYTES), Some("5000"));
}

#[test]
fn both_kinds_of_deletion_are_the_option() {
    let (probed, _) = asked_of(&assumed(&["blob_deletion=true", "manifest_deletion=true"]), |_| Some(Outcome::Done));
    assert!(probed.options.delete);
    let (probed, _) = asked_of(&assumed(&["blob_deletion=true"]), |_| Some(refused(405)));
    assert!(!probed.options.delete);
}

#[test]
fn what_differs_from_a_file_is_told_and_what_the_file_says_stays() {
    let directory = tempfile::tempdir().unwrap();
    let told = |text: &str, answers: &dyn Fn(&Op) -> Option<Outcome>| {
        let path = directory.path().join("options.yml");
        std::fs::write(&path, text).unwrap();
        let said = config::options_file(&path).unwrap();
        let (probed, _) = asked_of(&said, answers);
        assert_eq!(probed.options, said.options, "{text}");
        probed.contradictions
    };
    let unknown = |op: &Op| match op {
        Op::PutManifest { content_type: Some(kind), bytes, .. } if kind == INDEX => {
            let here = String::from_utf8_lossy(bytes).contains("amd64");
            let errors = vec![proofhouse_model::ErrorItem { code: Code::ManifestBlobUnknown, detail: None }];
            here.then_some(Outcome::Refused { status: 404, errors })
        }
        _ => None,
    };
    let amd64 = "validate_index: [linux/amd64, darwin/amd64, windows/amd64, plan9/amd64]";
    assert_eq!(told(amd64, &unknown), Vec::<String>::new(), "what was not asked about is no difference");
    assert_eq!(told("validate_index: [linux/amd64]", &unknown).len(), 1);
    assert_eq!(told("validate_index: all", &unknown).len(), 1);
    let urls = |op: &Op| match op {
        Op::PutManifest { bytes, .. } if String::from_utf8_lossy(bytes).contains("urls") => {
            let errors = vec![proofhouse_model::ErrorItem { code: Code::ManifestInvalid, detail: None }];
            Some(Outcome::Refused { status: 400, errors })
        }
        _ => None,
    };
    assert_eq!(told("urls_allow: '^https://'", &urls).len(), 1);
    assert_eq!(told("urls_allow: '^ftp://'", &urls).len(), 0);
    assert_eq!(
        told("delete: true", &|_| Some(refused(405))),
        Vec::<String>::new(),
        "what is not stored is not deleted"
    );
}
