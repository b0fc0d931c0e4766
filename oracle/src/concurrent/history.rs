//! What several clients saw, and whether any order explains it.
//!
//! A [`Call`] has two moments: when it was made and when its answer came. A history is *linearizable* if its calls can be put
//! in an order that keeps every call before those made after its answer, and in which the model permits every answer
//! (Herlihy and Wing, 1990). The search is that of Wing, Gong and Lowe, by the crate `todc-utils`; the model's set of states
//! makes of it a deterministic object. A call whose answer never came may have been done at any later moment, or not at all.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use proofhouse_model::{Branch, Code, Dialect, ErrorItem, Errors, Expect, Model, Op, Outcome};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::components;
use crate::unfinished;

/// One request of one client.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Call {
    /// Which client, from 0.
    pub client: usize,
    /// What it asked.
    pub op: Op,
    /// What it saw. None: no answer came in time.
    pub outcome: Option<Outcome>,
    /// When it asked, counted in events of the history.
    pub called: u64,
    /// When the answer came, in the same count. Without an answer: when the client gave up.
    pub returned: u64,
}

/// Is there an order that explains a history?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// There is.
    Linearizable,
    /// There is none.
    NotLinearizable,
    /// The search was given up.
    Undecided,
}

/// How many steps of the model a search takes at most. The search is exponential in the number of calls that overlap.
pub const MOST_STEPS: u64 = 200_000;

/// Looks for an order of the calls that the model permits, beginning with `start`.
///
/// Each component of repositories (`components.rs`) is judged by itself, which is much less to search: where each has an order, they
/// all have one together (Herlihy and Wing, 3.3). Only where an answer tells of every repository is an order of all calls looked
/// for besides; and where one component has none in OCI's dialect, which permits more where content is known elsewhere.
pub fn judge(start: &Model, history: &[Call], most_steps: u64) -> Judgement {
    judge_until(start, history, most_steps, None)
}

/// As [`judge`]; when `until` comes, the search is given up.
pub fn judge_until(start: &Model, history: &[Call], most_steps: u64, until: Option<Instant>) -> Judgement {
    let search = |start: &Model, history: &[Call], most_steps| search(start, history, most_steps, until);
    let parts = components::components(history);
    if parts.len() < 2 {
        return search(start, history, most_steps);
    }
    let mut judgement = Judgement::Linearizable;
    for part in parts {
        match search(start, &part, most_steps) {
            Judgement::Linearizable => {}
            Judgement::Undecided => judgement = Judgement::Undecided,
            Judgement::NotLinearizable if looks_elsewhere(start) => return search(start, history, most_steps),
            Judgement::NotLinearizable => return Judgement::NotLinearizable,
        }
    }
    match judgement {
        Judgement::Linearizable if components::tells_of_all(history) => search(start, history, most_steps),
        judgement => judgement,
    }
}

/// The calls of the first component that has no order; all, if only all together have none.
pub fn unexplained(start: &Model, history: &[Call]) -> Vec<Call> {
    let has_none = |part: &Vec<Call>| search(start, part, MOST_STEPS, None) == Judgement::NotLinearizable;
    let parts = if looks_elsewhere(start) { Vec::new() } else { components::components(history) };
    parts.into_iter().find(has_none).unwrap_or_else(|| history.to_vec())
}

/// May an answer in one repository depend on what another holds?
fn looks_elsewhere(model: &Model) -> bool {
    model.specification().dialect() == Dialect::Oci
}

/// Looks for an order of all these calls.
fn search(start: &Model, history: &[Call], most_steps: u64, until: Option<Instant>) -> Judgement {
    let left = Arc::new(Budget { steps: AtomicU64::new(most_steps), until });
    let beginning = Operation::Begin(Arc::new(start.clone()), Arc::clone(&left));
    // The checker takes the calls of one process in turn, and one that has no answer never ends: each gets a process of its own.
    let mut events: Vec<(u64, usize, Action<Operation>)> = Vec::new();
    for (process, call) in history.iter().enumerate() {
        let operation = Operation::Call(call.op.clone(), call.outcome.clone());
        let returned = if call.outcome.is_some() { call.returned } else { u64::MAX };
        events.push((call.called, process + 1, Action::Call(operation.clone())));
        events.push((returned, process + 1, Action::Response(operation)));
    }
    events.sort_by_key(|(at, ..)| *at);
    let mut actions = vec![(0, Action::Call(beginning.clone())), (0, Action::Response(beginning))];
    actions.extend(events.into_iter().map(|(_, process, action)| (process, action)));
    let explained = WGLChecker::<Registry>::is_linearizable(History::from_actions(actions));
    match (explained, left.steps.load(Ordering::Relaxed)) {
        (_, 0) => Judgement::Undecided,
        (true, _) => Judgement::Linearizable,
        (false, _) => Judgement::NotLinearizable,
    }
}

/// The model as the checker wants it.
struct Registry;

/// How many steps may still be taken, and until when.
struct Budget {
    steps: AtomicU64,
    until: Option<Instant>,
}

impl Budget {
    /// Takes one. False: it was the last, or there was none.
    fn take(&self) -> bool {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.steps.store(0, Ordering::Relaxed);
        }
        let take = |left: u64| left.checked_sub(1);
        self.steps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok_and(|before| before > 1)
    }
}

#[derive(Clone)]
enum Operation {
    /// Stands before all others: which model it is, and how many steps may be taken.
    Begin(Arc<Model>, Arc<Budget>),
    Call(Op, Option<Outcome>),
}

#[derive(Clone)]
enum Held {
    Nothing,
    Model(Arc<Model>, Arc<Budget>),
    /// Too many steps were taken: everything is permitted, so that the search ends.
    GivenUp,
}

impl Specification for Registry {
    type State = Held;
    type Operation = Operation;

    fn init() -> Held {
        Held::Nothing
    }

    fn apply(operation: &Operation, held: &Held) -> (bool, Held) {
        let (model, left) = match (operation, held) {
            (Operation::Begin(model, left), _) => return (true, Held::Model(Arc::clone(model), Arc::clone(left))),
            (_, Held::Model(model, left)) => (model, left),
            (_, Held::GivenUp) => return (true, Held::GivenUp),
            (_, Held::Nothing) => return (false, Held::Nothing),
        };
        if !left.take() {
            return (true, Held::GivenUp);
        }
        let Operation::Call(op, outcome) = operation else { return (false, held.clone()) };
        let mut next = Model::clone(model);
        let permitted = match outcome {
            Some(outcome) => next.observe(op, outcome).is_ok() || misses_one(model, op, outcome),
            None => {
                unfinished::lose_sight(&mut next, op);
                true
            }
        };
        if permitted { (true, Held::Model(Arc::new(next), Arc::clone(left))) } else { (false, held.clone()) }
    }
}

/// A push looks at one reference after another, so what it says is wrong with them need not have been so at one moment. It was
/// right to refuse if one of them was wrong, and a refusal changes nothing.
fn misses_one(model: &Model, op: &Op, seen: &Outcome) -> bool {
    let (Op::PutManifest { .. }, Outcome::Refused { errors: seen, .. }) = (op, seen) else { return false };
    // The second is a layer whose URLs are refused; it names the layer.
    let missing = |error: &&ErrorItem| {
        matches!(error.code, Code::ManifestBlobUnknown | Code::ManifestInvalid) && error.detail.is_some()
    };
    let is_expected = |branch: Branch| match branch.expect {
        Expect::Refused { errors: Errors::Exactly(expected), .. } => {
            seen.iter().filter(missing).any(|error| expected.contains(error))
        }
        _ => false,
    };
    seen.iter().all(|error| missing(&error)) && model.expected(op).into_iter().any(is_expected)
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        match (self, other) {
            (Held::Nothing, Held::Nothing) | (Held::GivenUp, Held::GivenUp) => true,
            (Held::Model(one, _), Held::Model(other, _)) => {
                Arc::ptr_eq(one, other) || one.possible() == other.possible()
            }
            _ => false,
        }
    }
}

impl Eq for Held {}

/// The calls that are done tell states apart well enough: it is with them that the checker remembers a state.
impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operation")
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Options, Specification, UploadRef, digest_of};

    use super::*;

    fn model() -> Model {
        let options = Options { delete: true, ..Options::default() };
        Model::new(Specification::new(Dialect::Proofhouse, options).unwrap())
    }

    fn digest() -> String {
        digest_of("sha256", b"layer")
    }

    fn put(client: usize, outcome: Option<Outcome>, called: u64, returned: u64) -> Call {
        let upload = UploadRef(u32::try_from(called).unwrap());
        let op = Op::PutBlob { repo: "a".into(), digest: digest(), bytes: "layer".into(), upload };
        Call { client, op, outcome, called, returned }
    }

    fn stored() -> Option<Outcome> {
        Some(Outcome::BlobStored { digest: Some(digest()) })
    }

    fn head(client: usize, there: bool, called: u64, returned: u64) -> Call {
        let outcome = if there {
            Outcome::Blob { digest: Some(digest()), size: 5, body: None }
        } else {
            Outcome::Refused { status: 404, errors: Vec::new() }
        };
        let op = Op::HeadBlob { repo: "a".into(), digest: digest() };
        Call { client, op, outcome: Some(outcome), called, returned }
    }

    fn delete(client: usize, there: bool, called: u64, returned: u64) -> Call {
        let errors = vec![ErrorItem { code: Code::BlobUnknown, detail: Some(digest()) }];
        let missing = Outcome::Refused { status: 404, errors };
        let outcome = Some(if there { Outcome::Done } else { missing });
        Call { client, op: Op::DeleteBlob { repo: "a".into(), digest: digest() }, outcome, called, returned }
    }

    fn judged(history: &[Call]) -> Judgement {
        judge(&model(), history, MOST_STEPS)
    }

    #[test]
    fn a_read_beside_a_write_may_see_it_or_not() {
        for there in [true, false] {
            assert_eq!(judged(&[put(0, stored(), 1, 4), head(1, there, 2, 3)]), Judgement::Linearizable);
        }
    }

    #[test]
    fn a_read_after_a_write_sees_it() {
        assert_eq!(judged(&[put(0, stored(), 1, 2), head(1, true, 3, 4)]), Judgement::Linearizable);
        assert_eq!(judged(&[put(0, stored(), 1, 2), head(1, false, 3, 4)]), Judgement::NotLinearizable);
    }

    #[test]
    fn what_was_seen_once_is_not_unseen_by_a_later_read_beside_the_same_write() {
        let seen_then_not = [put(0, stored(), 1, 6), head(1, true, 2, 3), head(2, false, 4, 5)];
        assert_eq!(judged(&seen_then_not), Judgement::NotLinearizable);
    }

    #[test]
    fn of_two_deletions_at_once_one_finds_it() {
        let twice = |first, second| [put(0, stored(), 1, 2), delete(0, first, 3, 6), delete(1, second, 4, 5)];
        assert_eq!(judged(&twice(true, false)), Judgement::Linearizable);
        assert_eq!(judged(&twice(false, true)), Judgement::Linearizable);
        assert_eq!(judged(&twice(true, true)), Judgement::NotLinearizable);
    }

    #[test]
    fn a_call_without_an_answer_may_have_been_done_late_or_never() {
        let lost = put(0, None, 1, 2);
        assert_eq!(judged(&[lost.clone(), head(1, false, 3, 4), head(1, true, 5, 6)]), Judgement::Linearizable);
        assert_eq!(judged(&[lost.clone(), head(1, false, 3, 4), head(1, false, 5, 6)]), Judgement::Linearizable);
        assert_eq!(judged(&[lost, head(1, true, 3, 4), head(1, false, 5, 6)]), Judgement::NotLinearizable);
    }

    #[test]
    fn a_push_that_looks_for_its_references_one_after_another_may_miss_only_some() {
        let digest = digest();
        let blob = format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":5}}"#);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{blob},"layers":[{blob}]}}"#);
        let push = |errors: usize, called, returned| {
            let error = ErrorItem { code: Code::ManifestBlobUnknown, detail: Some(digest.clone()) };
            let outcome = Outcome::Refused { status: 400, errors: vec![error; errors] };
            let (reference, content_type, bytes) = ("t".into(), Some(kind.to_owned()), text.as_str().into());
            let op = Op::PutManifest { repo: "a".into(), reference, content_type, tags: Vec::new(), bytes };
            Call { client: 1, op, outcome: Some(outcome), called, returned }
        };
        // The config was not there yet, and the layer, which is the same blob, was.
        assert_eq!(judged(&[put(0, stored(), 1, 4), push(1, 2, 3)]), Judgement::Linearizable);
        assert_eq!(judged(&[put(0, stored(), 1, 4), push(0, 2, 3)]), Judgement::NotLinearizable);
        assert_eq!(judged(&[put(0, stored(), 1, 2), push(1, 3, 4)]), Judgement::NotLinearizable);
    }

    #[test]
    fn a_push_that_is_refused_for_urls_too_may_still_miss_only_some() {
        let digest = digest();
        let blob = format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":5}}"#);
        let elsewhere = digest_of("sha256", b"elsewhere");
        let foreign = format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{elsewhere}","size":5,"urls":[""]}}"#
        );
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{blob},"layers":[{foreign},{blob}]}}"#);
        let error = |code, detail: &str| ErrorItem { code, detail: Some(detail.to_owned()) };
        let errors = vec![error(Code::ManifestBlobUnknown, &digest), error(Code::ManifestInvalid, &elsewhere)];
        let outcome = Some(Outcome::Refused { status: 400, errors });
        let (reference, content_type, bytes) = ("t".into(), Some(kind.to_owned()), text.as_str().into());
        let op = Op::PutManifest { repo: "a".into(), reference, content_type, tags: Vec::new(), bytes };
        let push = Call { client: 1, op, outcome, called: 2, returned: 4 };
        assert_eq!(judged(&[put(0, stored(), 1, 3), push]), Judgement::Linearizable);
    }

    #[test]
    fn repositories_that_share_nothing_are_judged_apart() {
        let elsewhere = |mut call: Call| {
            match &mut call.op {
                Op::PutBlob { repo, .. } | Op::HeadBlob { repo, .. } => "b".clone_into(repo),
                _ => {}
            }
            call
        };
        let wrong = [put(0, stored(), 1, 2), head(0, false, 30, 31)];
        let busy = (0..6).map(|at| elsewhere(put(1, stored(), 10 + at, 20 + at)));
        let history: Vec<Call> = wrong.iter().cloned().chain(busy).collect();
        assert_eq!(search(&model(), &history, 100, None), Judgement::Undecided, "together it is much to search");
        assert_eq!(judge(&model(), &history, 100), Judgement::NotLinearizable);
        assert_eq!(unexplained(&model(), &history), wrong);
    }

    #[test]
    fn a_search_that_takes_too_long_is_given_up_and_told_so() {
        let writes = (0..8).map(|at| put(0, stored(), at + 1, at + 101));
        let history: Vec<Call> = writes.chain([head(1, false, 200, 201)]).collect();
        assert_eq!(judge(&model(), &history, 10), Judgement::Undecided);
        assert_eq!(judge(&model(), &history, MOST_STEPS), Judgement::NotLinearizable);
        assert_eq!(judge_until(&model(), &history, MOST_STEPS, Some(Instant::now())), Judgement::Undecided);
    }
}
