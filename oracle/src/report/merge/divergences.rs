//! The divergences of several reports, each of them once.
//!
//! A campaign tells a divergence apart by its shape, and tells requests together that break the same rule of HTTP whatever was
//! asked before. What two of its parts found is put together as one run would have told it.

use crate::lockstep::Shape;
use crate::report::{Diverged, Report, ToldAlso};
use crate::wire;

pub(super) fn united(reports: &[Report]) -> Vec<Diverged> {
    let mut all: Vec<Diverged> = Vec::new();
    for divergence in reports.iter().flat_map(|report| &report.divergences) {
        match all.iter_mut().find(|other| is_same(other, divergence)) {
            Some(other) => *other = both(other.clone(), divergence.clone()),
            None => all.push(divergence.clone()),
        }
    }
    all
}

fn is_same(one: &Diverged, other: &Diverged) -> bool {
    shapes(one).any(|shape| shapes(other).any(|it| it == shape))
        || is_alone(one) && is_alone(other) && one.shape.rule == other.shape.rule
}

/// The shorter one of two, with what only the other has.
fn both(first: Diverged, second: Diverged) -> Diverged {
    let (kept, other) = if length(&second) < length(&first) { (second, first) } else { (first, second) };
    let cases = kept.cases + other.cases;
    let mut also = kept.also.clone();
    // Of two with another shape each is one step.
    let step = other.steps.last().filter(|_| is_alone(&other)).cloned();
    let itself = step.map(|step| ToldAlso { step, shape: other.shape.clone() });
    for more in itself.into_iter().chain(other.also) {
        if more.shape != kept.shape && also.iter().all(|told| told.shape != more.shape) {
            also.push(more);
        }
    }
    Diverged { cases, also, ..kept }
}

/// Steps, and what several clients did after them.
fn length(divergence: &Diverged) -> usize {
    divergence.steps.len() + divergence.history.len()
}

fn shapes(divergence: &Diverged) -> impl Iterator<Item = &Shape> {
    std::iter::once(&divergence.shape).chain(divergence.also.iter().map(|also| &also.shape))
}

/// It takes one step, and breaks a rule of HTTP whatever was asked before.
fn is_alone(divergence: &Diverged) -> bool {
    length(divergence) == 1 && divergence.history.is_empty() && wire::rule(&divergence.shape.rule).is_some()
}
