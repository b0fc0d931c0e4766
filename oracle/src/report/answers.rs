//! Answers in words, as they were seen and as they were permitted.
//!
//! The model says both. What it says of bytes that are no text is not to be read, and it cuts long ones without a mark: here both
//! are told as in requests. From several states of the model the same may be permitted; it is told once.

use proofhouse_model::{Content, Expect, Model, Op, Outcome, RuleId, Violation};

use super::words;
use crate::campaign::Step;
use crate::lockstep;

/// Bytes that the model shows of a content.
const SHOWN_BY_THE_MODEL: usize = 200;

/// Characters of a request or an answer in a title.
const IN_A_TITLE: usize = 100;

/// What was answered, in words.
pub fn answer(outcome: &Outcome) -> String {
    readable(outcome.to_string(), content(outcome))
}

/// What was permitted instead, each way once. The model has seen all steps but the last.
pub fn permitted(violation: &Violation, model: &Model, last: Option<&Op>) -> Vec<(RuleId, String)> {
    let branches = last.map(|op| model.expected(op)).unwrap_or_default();
    let contents = || {
        branches.iter().filter_map(|branch| match &branch.expect {
            Expect::Exactly(outcome) | Expect::DigestFree { outcome, .. } => content(outcome),
            _ => None,
        })
    };
    let mut all = Vec::new();
    for (rule, expect) in &violation.permitted {
        let one = (*rule, readable(expect.clone(), contents()));
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// The same, where no model is at hand that has seen the steps.
pub(super) fn permitted_after(violation: &Violation, mut model: Model, steps: &[Step]) -> Vec<(RuleId, String)> {
    let Some((last, before)) = steps.split_last() else { return permitted(violation, &model, None) };
    // What comes after a collection the model may not understand; then the words stay as they are.
    let follows = before.iter().all(|step| lockstep::judge(&mut model, &step.op, &step.outcome).is_ok());
    permitted(violation, &model, follows.then_some(&last.op))
}

/// An answer in a few words: its status or what it is, without its body.
pub(super) fn brief(outcome: Option<&Outcome>, seen: &str) -> String {
    let text = match outcome {
        Some(Outcome::Refused { status, errors }) => {
            let codes: Vec<String> = errors.iter().map(|error| error.code.to_string()).collect();
            format!("{status} {}", codes.join(", "))
        }
        Some(Outcome::Blob { .. } | Outcome::Manifest { .. }) => {
            seen.split_once(": ").map_or(seen, |(what, _)| what).to_owned()
        }
        _ => seen.split_once(", with the body ").map_or(seen, |(what, _)| what).to_owned(),
    };
    cut(words::marked(text.trim()), IN_A_TITLE)
}

/// A request in a few words, without its body.
pub(super) fn brief_request(op: &Op) -> String {
    let text = words::request(op);
    let without = match op {
        Op::PutBlob { bytes, .. }
        | Op::Append { bytes, .. }
        | Op::FinishUpload { bytes, .. }
        | Op::PutManifest { bytes, .. } => text.strip_suffix(&format!(": {}", words::content(bytes))),
        _ => None,
    };
    cut(words::marked(without.unwrap_or(&text)), IN_A_TITLE)
}

fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end_matches('…')),
        None => text,
    }
}

fn content(outcome: &Outcome) -> Option<&Content> {
    match outcome {
        Outcome::Blob { body, .. } => body.as_ref().map(|body| &body.bytes),
        Outcome::Manifest { bytes, .. } => bytes.as_ref(),
        _ => None,
    }
}

/// The text with these contents as they can be read.
fn readable<'a>(mut text: String, contents: impl IntoIterator<Item = &'a Content>) -> String {
    for bytes in contents {
        let binary = std::str::from_utf8(bytes).is_err();
        if !binary && bytes.len() <= SHOWN_BY_THE_MODEL {
            continue;
        }
        let shown = format!(": {bytes:?}");
        let better = if binary {
            format!(": {}", words::content(bytes))
        } else {
            // The cut may go through a character.
            format!("{}…\"", shown.trim_end_matches('"').trim_end_matches(char::REPLACEMENT_CHARACTER))
        };
        text = text.replace(&shown, &better);
    }
    text
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{BlobBody, Dialect, Options, Specification, ViolationKind, digest_of};

    use super::*;

    fn blob(bytes: &[u8]) -> Outcome {
        let body = Some(BlobBody { range: None, bytes: Content::from(bytes) });
        Outcome::Blob { digest: None, size: bytes.len() as u64, body }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_in_hexadecimal_and_long_ones_with_a_mark() {
        assert_eq!(answer(&blob(b"\xffa")), "200 blob (no digest) of 2 bytes: 2 bytes (in hexadecimal) ff61");
        assert_eq!(answer(&blob(b"ab")), "200 blob (no digest) of 2 bytes: 2 bytes \"ab\"");
        let long = format!("x{}", "é".repeat(200));
        let told = format!("200 blob (no digest) of 401 bytes: 401 bytes \"x{}…\"", "é".repeat(99));
        assert_eq!(answer(&blob(long.as_bytes())), told);
    }

    #[test]
    fn a_title_has_neither_the_body_of_a_request_nor_that_of_an_answer() {
        let (repo, reference) = ("a".to_owned(), "v1".to_owned());
        let put = Op::PutManifest { repo, reference, content_type: None, tags: Vec::new(), bytes: "a: b".into() };
        assert_eq!(brief_request(&put), "push manifest v1 to a as no type");
        let long = Op::HeadManifest { repo: "a".into(), reference: "x".repeat(200) };
        assert_eq!(brief_request(&long), format!("HEAD manifest {}…", "x".repeat(86)));
        let seen = blob(b"a: b");
        assert_eq!(brief(Some(&seen), &answer(&seen)), "200 blob (no digest) of 4 bytes");
        assert_eq!(brief(None, "500, with the body {}"), "500");
    }

    #[test]
    fn what_is_permitted_is_told_once_and_can_be_read() {
        let bytes = Content::from(&b"\xff\xfe"[..]);
        let digest = digest_of("sha256", &bytes);
        let op = |repo: &str| Op::GetBlob { repo: repo.into(), digest: digest.clone(), range: None };
        let (repo, upload) = ("a".to_owned(), proofhouse_model::UploadRef(0));
        let put = Op::PutBlob { repo, digest: digest.clone(), bytes: bytes.clone(), upload };
        let steps = [
            Step { op: put, outcome: Outcome::BlobStored { digest: Some(digest.clone()) } },
            Step { op: op("a"), outcome: Outcome::Done },
        ];
        let model = || Model::new(Specification::new(Dialect::Oci, Options::default()).unwrap());
        let mut judged = model();
        lockstep::judge(&mut judged, &steps[0].op, &steps[0].outcome).unwrap();
        let mut violation = lockstep::judge(&mut judged, &steps[1].op, &steps[1].outcome).unwrap_err();
        assert_eq!(violation.kind, ViolationKind::NotPermitted);
        assert!(violation.permitted.iter().any(|(_, expect)| expect.contains('\u{fffd}')), "{violation:?}");
        let once = permitted_after(&violation, model(), &steps);
        assert!(once.iter().any(|(_, expect)| expect.contains("2 bytes (in hexadecimal) fffe")), "{once:?}");
        assert!(once.iter().all(|(_, expect)| !expect.contains('\u{fffd}')), "{once:?}");
        violation.permitted = [violation.permitted.clone(), violation.permitted].concat();
        assert_eq!(permitted_after(&violation, model(), &steps), once, "each way once");
    }
}
