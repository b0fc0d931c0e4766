//! What a target lists: its repositories, and pages of tags.

use proofhouse_model::{Op, Outcome};

use super::{Asking, CONFIG, IMAGE, Inference, REPOSITORY, TAG, image, push, put};
use crate::facts::{CATALOG, PAGE_OF_A_MILLION, PAGE_OF_ONE};

/// Are repositories listed? It is no part of OCI's standard; a page of one is asked for, as there may be many.
///
/// One who takes nothing either says nothing of it.
pub(super) async fn catalog(target: &mut Asking<'_>) -> Option<Inference> {
    if !push(target, CONFIG).await {
        return None;
    }
    match target.perform(&Op::ListRepositories { n: Some("1".to_owned()), last: None }).await {
        Outcome::Names { .. } => Some(Inference::part(CATALOG, true, "repositories were listed")),
        Outcome::Refused { status, .. } => {
            Some(Inference::part(CATALOG, false, format!("listing repositories was refused with {status}")))
        }
        _ => None,
    }
}

/// Is a page as small as it is asked to be? Of two tags, a page of one is asked for.
pub(super) async fn page_of_one(target: &mut Asking<'_>) -> Option<Inference> {
    let (value, evidence) = match page(target, "1").await? {
        Outcome::Names { names, more: true } if names.len() == 1 => {
            ("true", "one tag of two was listed, and a next page announced by Link".to_owned())
        }
        Outcome::Names { names, more } => {
            let next = if more { "a" } else { "no" };
            ("false", format!("{} of two tags were listed, and {next} next page announced by Link", names.len()))
        }
        Outcome::Refused { status, .. } => ("false", format!("a page of one tag was refused with {status}")),
        _ => return None,
    };
    Some(Inference::new(PAGE_OF_ONE, value, evidence))
}

/// What becomes of a page that is far too large? Of two tags, a page of a million is asked for.
pub(super) async fn page_of_a_million(target: &mut Asking<'_>) -> Option<Inference> {
    let (value, evidence) = match page(target, "1000000").await? {
        Outcome::Names { more: false, .. } => ("taken", "a page of a million tags was answered".to_owned()),
        Outcome::Names { names, .. } => {
            ("cut", format!("a page of a million tags was answered with {} and a next page", names.len()))
        }
        Outcome::Refused { status, .. } => ("refused", format!("a page of a million tags was refused with {status}")),
        _ => return None,
    };
    Some(Inference::new(PAGE_OF_A_MILLION, value, evidence))
}

/// A page of two tags. None: they are not taken.
async fn page(target: &mut Asking<'_>, n: &str) -> Option<Outcome> {
    push(target, CONFIG).await;
    for tag in [TAG, "probe-again"] {
        if !put(target, tag, IMAGE, &image("", "")).await.succeeded() {
            return None;
        }
    }
    Some(target.perform(&Op::ListTags { repo: REPOSITORY.to_owned(), n: Some(n.to_owned()), last: None }).await)
}
