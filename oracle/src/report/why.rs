//! Why a registry is blamed where no rule of level MUST has a say.
//!
//! What is a MAY or a SHOULD may be left undone. A run fails for it only where the registry did otherwise before, and must keep to
//! that, or where it does none of the things among which it may choose. Which of the two it is, is found by running the
//! model over the sequence without one of the steps.

use proofhouse_model::{Model, Specification, ViolationKind};

use super::Row;
use crate::campaign::{Divergence, Finding};
use crate::lockstep;

/// The argument. None: the rule is a MUST, which needs none, or what is wrong is no answer.
pub(super) fn why(divergence: &Divergence, rule: &Row) -> Option<String> {
    let Finding::Answer(violation) = &divergence.finding else { return None };
    if rule.level == "MUST" || violation.kind != ViolationKind::NotPermitted {
        return None;
    }
    let level = &rule.level;
    Some(match settled(divergence) {
        Some(step) => format!(
            "a {level} alone fails nobody; but the answer to step {step} left only what is permitted above, and without it \
             what was seen would be permitted, too"
        ),
        None => format!("a {level} alone fails nobody; but one of the things that are permitted above must be done"),
    })
}

/// The first step, from 1, without which the last answer would be permitted.
fn settled(divergence: &Divergence) -> Option<usize> {
    let (_, before) = divergence.steps.split_last()?;
    let permitted_without = |left_out: usize| {
        // The options are those with which it was found.
        let Ok(specification) = Specification::new(divergence.dialect, divergence.options.clone()) else {
            return false;
        };
        let mut model = Model::new(specification);
        let mut others = divergence.steps.iter().enumerate().filter(|(at, _)| *at != left_out);
        others.all(|(_, step)| lockstep::judge(&mut model, &step.op, &step.outcome).is_ok())
    };
    (0..before.len()).find(|at| permitted_without(*at)).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Content, Dialect, ErrorItem, Op, Options, Outcome, UploadRef};

    use super::super::tests::{campaign, setup};
    use super::super::{Diverged, Report};
    use super::*;
    use crate::campaign::Step;

    fn refused(status: u16) -> Outcome {
        Outcome::Refused { status, errors: Vec::<ErrorItem>::new() }
    }

    fn start(upload: u32) -> (Op, Outcome) {
        let id = upload.to_string();
        (Op::StartUpload { repo: "a".into(), upload: UploadRef(upload) }, Outcome::Upload { id, size: 0 })
    }

    fn append(upload: u32) -> Op {
        Op::Append { repo: "a".into(), upload: UploadRef(upload), range: None, bytes: Content::from("x") }
    }

    /// What is told of these steps, of which OCI does not permit the last, and all of the text.
    fn told(steps: Vec<(Op, Outcome)>) -> (Diverged, String) {
        let specification = Specification::new(Dialect::Oci, Options::default()).unwrap();
        let mut model = Model::new(specification);
        let steps: Vec<Step> = steps.into_iter().map(|(op, outcome)| Step { op, outcome }).collect();
        let mut judged: Vec<_> =
            steps.iter().map(|step| lockstep::judge(&mut model, &step.op, &step.outcome).err()).collect();
        let violation = judged.pop().flatten().expect("the last is not permitted");
        assert!(judged.iter().all(Option::is_none), "{judged:?}");
        let mut campaign = campaign(Some(Finding::Answer(violation)));
        campaign.divergences[0].shrunk.steps = steps;
        campaign.divergences[0].shrunk.options = Options::default();
        let report = Report::new(setup(), campaign, None);
        let text = report.text().split_whitespace().collect::<Vec<_>>().join(" ");
        (report.divergences.into_iter().next().unwrap(), text)
    }

    #[test]
    fn one_that_did_otherwise_before_is_told_where() {
        let first = (append(0), refused(416));
        let again = (append(1), Outcome::Upload { id: "1".into(), size: 1 });
        let (found, text) = told(vec![start(0), start(1), first, again]);
        assert_eq!((found.rule.id.as_str(), found.rule.level.as_str()), ("upload.chunk.unranged", "MAY"));
        assert!(found.why.is_some_and(|why| why.contains("the answer to step 3 left only what is permitted above")));
        assert!(text.contains("why a MAY alone fails nobody; but the answer to step 3"), "{text}");
    }

    #[test]
    fn one_that_does_nothing_of_what_it_may_is_told_so() {
        let digest = proofhouse_model::digest_of("sha256", b"not there");
        let config =
            format!(r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":9}}"#);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let image = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{config},"layers":[]}}"#);
        let (repo, reference, tags, bytes) = ("a".into(), "v1".into(), Vec::new(), Content::from(&*image));
        let put = Op::PutManifest { repo, reference, content_type: Some(kind.into()), tags, bytes };
        let (found, _) = told(vec![(put, refused(403))]);
        assert_eq!(found.rule.level, "MAY", "{:?}", found.rule);
        assert!(found.why.is_some_and(|why| why.contains("one of the things that are permitted above must be done")));
    }

    #[test]
    fn where_a_must_has_a_say_it_is_that_which_is_broken() {
        let digest = proofhouse_model::digest_of("sha512", b"x");
        let (repo, upload, digest) = ("a".to_owned(), UploadRef(0), Some(digest));
        let finish = Op::FinishUpload { repo, upload, digest, range: Some((5, 5)), bytes: Content::from("x") };
        let (found, _) = told(vec![start(0), (finish, Outcome::BlobStored { digest: None })]);
        assert_eq!((found.rule.id.as_str(), found.why), ("upload.chunk.order", None));
        assert_eq!(found.permitted[0].rule, "digest.algorithm");
    }
}
