use std::sync::Arc;

use proofhouse_model::{Content, digest_of};
use proofhouse_registry::builder::UploadIds;

use super::*;
use crate::campaign::{self, CampaignConfig, Finding, OptionSets};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn put(repo: &str, text: &str) -> Op {
    let digest = digest_of("sha256", text.as_bytes());
    Op::PutBlob { repo: repo.into(), digest, bytes: Content::from(text), upload: UploadRef(0) }
}

fn head(repo: &str, text: &str) -> Op {
    Op::HeadBlob { repo: repo.into(), digest: digest_of("sha256", text.as_bytes()) }
}

#[test]
fn a_restart_keeps_what_is_there_and_a_new_case_begins_empty() {
    for builder in [EmbeddedTarget::builder(), EmbeddedTarget::builder().memory()] {
        let mut target = builder.build();
        runtime().block_on(async {
            target.fresh(&Options::default()).await.unwrap();
            assert!(target.perform(&put("a", "x")).await.succeeded());
            assert_eq!(target.perform(&Op::Restart).await, Outcome::Done);
            assert!(target.perform(&head("a", "x")).await.succeeded());
            target.fresh(&Options::default()).await.unwrap();
            assert!(!target.perform(&head("a", "x")).await.succeeded());
        });
    }
}

#[test]
fn the_directories_of_a_target_go_with_it() {
    let parent = tempfile::tempdir().unwrap();
    let mut target = EmbeddedTarget::builder().directory(parent.path()).build();
    runtime().block_on(async {
        target.fresh(&Options::default()).await.unwrap();
        assert!(target.perform(&put("a", "x")).await.succeeded());
    });
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    drop(target);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn options_that_are_none_and_directories_that_are_not_there_are_errors() {
    let options = Options { urls_allow: Some("(".into()), ..Options::default() };
    let mut target = EmbeddedTarget::default();
    let error = runtime().block_on(target.fresh(&options)).unwrap_err();
    assert!(matches!(error, TargetError::Options(_)), "{error}");
    let mut target = EmbeddedTarget::builder().directory("/nonexistent/place").build();
    let error = runtime().block_on(target.fresh(&Options::default())).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/place"), "{error}");
}

#[derive(Debug)]
struct Panicking;

impl UploadIds for Panicking {
    fn fresh(&self) -> String {
        panic!("no more ids")
    }
}

#[test]
fn a_registry_that_panics_has_given_an_answer_that_no_rule_permits() {
    let mut target = EmbeddedTarget::builder().alter(|builder| builder.upload_ids(Arc::new(Panicking))).build();
    let start = Op::StartUpload { repo: "a".into(), upload: UploadRef(0) };
    let outcome = runtime().block_on(async {
        target.fresh(&Options::default()).await.unwrap();
        target.perform(&start).await
    });
    assert!(matches!(&outcome, Outcome::Broken { what } if what.contains("no more ids")), "{outcome:?}");
}

#[test]
fn the_registry_does_what_the_model_says_whatever_its_options() {
    for builder in [EmbeddedTarget::builder(), EmbeddedTarget::builder().memory()] {
        let config = CampaignConfig { cases: Some(60), seed: 7_000, ..CampaignConfig::default() };
        let report = campaign::run(&config, &mut builder.build(), &mut ()).unwrap();
        assert!(report.divergences.is_empty(), "{:#?}", report.divergences);
        assert!(report.operations > 60 * 60);
    }
}

#[test]
fn a_registry_that_deletes_although_deletion_is_off_is_caught() {
    let options = OptionSets::Fixed(Options { delete: false, ..Options::default() });
    let config = CampaignConfig { option_sets: options, ..CampaignConfig::default() };
    let mut target = EmbeddedTarget::builder().alter(RegistryBuilder::enable_delete).build();
    let divergence = campaign::run(&config, &mut target, &mut ()).unwrap().into_first().unwrap();
    assert_eq!(divergence.finding.rule().0, "delete.off");
    assert!(divergence.shrink_complete && divergence.steps.len() <= 2, "{:#?}", divergence.steps);
    assert!(matches!(divergence.finding, Finding::Answer(_)));
}
