//! What a target lists: its repositories, and pages of tags.

use proofhouse_model::{Op, Outcome};

use super::{Asking, CATALOG, IMAGE, Inference, PAGE_OF_A_MILLION, PAGE_OF_ONE, REPOSITORY, TAG, image, put};

/// Are repositories listed? It is no part of OCI's standard; a page of one is asked for, as there may be many.
pub(super) async fn catalog(target: &mut Asking<'_>) -> Option<Inference> {
    match target.perform(&Op::ListRepositories { n: Some("1".to_owned()), last: None }).await {
        Outcome::Names { .. } => Some(Inference::part(CATALOG, true, "repositories were listed")),
        Outcome::Refused { status, .. } => {
            Some(Inference::part(CATALOG, false, format!("listing repositories was refused with {status}")))
        }
        _ => None,
    }
}

/// Are pages of tags as large as they are asked to be? Of two tags, pages of one and of a million are asked for.
pub(super) async fn pages(target: &mut Asking<'_>) -> Vec<Inference> {
    for tag in [TAG, "probe-again"] {
        if !put(target, tag, IMAGE, &image("", "")).await.succeeded() {
            return Vec::new();
        }
    }
    let one = match page(target, "1").await {
        Outcome::Names { names, more: true } if names.len() == 1 => {
            Some(("true", "one tag of two was listed, and a next page announced by Link".to_owned()))
        }
        Outcome::Names { names, more } => {
            let next = if more { "a" } else { "no" };
            Some(("false", format!("{} of two tags were listed, and {next} next page announced by Link", names.len())))
        }
        Outcome::Refused { status, .. } => Some(("false", format!("a page of one tag was refused with {status}"))),
        _ => None,
    };
    let million = match page(target, "1000000").await {
        Outcome::Names { more: false, .. } => Some(("taken", "a page of a million tags was answered".to_owned())),
        Outcome::Names { names, .. } => {
            Some(("cut", format!("a page of a million tags was answered with {} and a next page", names.len())))
        }
        Outcome::Refused { status, .. } => {
            Some(("refused", format!("a page of a million tags was refused with {status}")))
        }
        _ => None,
    };
    let answers = [(PAGE_OF_ONE, one), (PAGE_OF_A_MILLION, million)];
    let told =
        |(key, answer): (_, Option<(&str, String)>)| answer.map(|(value, said)| Inference::new(key, value, said));
    answers.into_iter().filter_map(told).collect()
}

async fn page(target: &mut Asking<'_>, n: &str) -> Outcome {
    target.perform(&Op::ListTags { repo: REPOSITORY.to_owned(), n: Some(n.to_owned()), last: None }).await
}
