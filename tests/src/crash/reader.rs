//! What a registry must answer after a crash: everything is read back, and pushed again.

use proofhouse::action::{self, Action, By, ContentType, Repo};
use proofhouse::case::Case;
use proofhouse::pool::{Algorithm, Named, Payload};
use proofhouse::target::{EmbeddedTarget, Target as _};
use proofhouse_model::{Content, Model, Op, Outcome, State, UploadRef, digest_of};
use serde_json::Value;

use super::permitted::{is_open, must_be_there, parts, takes_many};

/// What was under way when the crash came.
pub(crate) struct UnderWay<'a> {
    pub(crate) op: &'a Op,
    /// What was known before it.
    pub(crate) before: &'a Model,
}

/// Asks a registry for everything, and says what is wrong with the answers.
pub(crate) struct Reader<'a> {
    pub(crate) case: &'a Case,
    pub(crate) target: EmbeddedTarget,
    /// What is known after the last operation, as if all of it had been done.
    pub(crate) after: &'a Model,
    pub(crate) under_way: Option<UnderWay<'a>>,
    /// Whether everything is pushed again afterwards.
    pub(crate) pushes: bool,
    /// Whether an operation that was not acknowledged may have left what nobody asked for.
    pub(crate) is_after_failure: bool,
}

impl Reader<'_> {
    /// # Errors
    /// What is wrong. Else what is known now, if the model knows it.
    pub(crate) async fn read(mut self) -> Result<Option<Model>, String> {
        let mut sweep = resolved(self.case, self.after.state());
        let Some(UnderWay { op, before }) = self.under_way.take() else {
            let mut model = self.after.clone();
            for question in &sweep {
                let answer = self.target.perform(question).await;
                if self.is_after_failure && is_open(question, &answer) {
                    continue;
                }
                observe(&mut model, question, &answer)?;
            }
            self.collects().await?;
            self.finish_uploads(&mut model, None).await?;
            self.push_again(&mut model).await?;
            return Ok(Some(model));
        };
        // What the operation removes is asked for as well, as far as the sweep depends on what is there.
        let removed = resolved(self.case, before.state());
        sweep.extend(removed.into_iter().filter(depends_on_state));
        // While nothing was ever acknowledged, blobs without any repository may be those of a disk that is not mounted.
        if !before.state().repos.is_empty() {
            self.collects().await?;
        }
        if takes_many(op) {
            self.read_each(op, before, &sweep).await?;
            return Ok(None);
        }
        let mut model = before.clone();
        let arrived = self.arrived(op).await;
        for part in parts(op, before.state(), arrived) {
            model.lose_sight(&part);
        }
        for question in &sweep {
            let answer = self.target.perform(question).await;
            // What it is answered tells nothing of what was done, either.
            if !is_open(question, &answer) {
                observe(&mut model, question, &answer)?;
            }
        }
        let torn = match op {
            Op::Append { upload, .. } | Op::FinishUpload { upload, .. } => Some(*upload),
            _ => None,
        };
        self.finish_uploads(&mut model, torn).await?;
        self.push_again(&mut model).await?;
        Ok(Some(model))
    }

    /// Every open upload is finished as its client would, and gives what was sent. Bytes that were not acknowledged, of the upload
    /// that is `torn`, may be others than were sent; then it must not be taken for what it is not.
    async fn finish_uploads(&mut self, model: &mut Model, torn: Option<UploadRef>) -> Result<(), String> {
        // One whose id nobody was told is nobody's to finish.
        let told = model.state().uploads.clone().into_iter().filter(|(_, open)| open.id.is_some());
        for (upload, open) in told {
            let (repo, digest) = (open.repo, digest_of("sha256", &open.bytes));
            let (range, bytes) = (None, Content::from(""));
            let finish = Op::FinishUpload { repo: repo.clone(), upload, digest: Some(digest.clone()), range, bytes };
            let answer = self.target.perform(&finish).await;
            if torn != Some(upload) {
                observe(model, &finish, &answer).map_err(|error| format!("when it is finished: {error}"))?;
            } else if matches!(answer, Outcome::Broken { .. }) {
                return Err(format!("{finish:?}: {answer:?}"));
            } else if answer.succeeded() {
                model.lose_sight(&finish);
            } else {
                continue;
            }
            let fetch = Op::GetBlob { repo, digest, range: None };
            let answer = self.target.perform(&fetch).await;
            observe(model, &fetch, &answer).map_err(|error| format!("when it was finished: {error}"))?;
        }
        Ok(())
    }

    /// Nothing is in the way of a collection.
    async fn collects(&mut self) -> Result<(), String> {
        let collection = Op::CollectGarbage { delete_untagged: true, dry_run: true, grace_seconds: 0 };
        match self.target.perform(&collection).await {
            Outcome::Collected { .. } => Ok(()),
            answer => Err(format!("nothing can be collected any more: {answer:?}")),
        }
    }

    /// How many bytes the upload has that the operation appends to.
    async fn arrived(&mut self, op: &Op) -> Option<u64> {
        let (Op::Append { repo, upload, .. } | Op::FinishUpload { repo, upload, .. }) = op else { return None };
        match self.target.perform(&Op::UploadStatus { repo: repo.clone(), upload: *upload }).await {
            Outcome::Upload { size, .. } => Some(size),
            _ => None,
        }
    }

    /// Each thing is there as before or as after, and a manifest that is there is there with all that it had.
    async fn read_each(&mut self, op: &Op, before: &Model, sweep: &[Op]) -> Result<(), String> {
        let mut manifests = Vec::new();
        for question in sweep {
            let answer = self.target.perform(question).await;
            if let (Op::GetManifest { repo, .. }, Outcome::Manifest { bytes: Some(bytes), .. }) = (question, &answer) {
                manifests.push((repo.clone(), bytes.clone()));
            }
            let is_list = matches!(question, Op::Referrers { .. } | Op::TagsOf { .. } | Op::ListTags { .. });
            if is_list && !matches!(answer, Outcome::Broken { .. }) || is_open(question, &answer) {
                continue;
            }
            observe(&mut before.clone(), question, &answer)
                .or_else(|_| observe(&mut self.after.clone(), question, &answer))?;
        }
        for (repo, bytes) in manifests {
            let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let all = |key: &str| document.get(key).and_then(Value::as_array).into_iter().flatten();
            let digest = |named: &Value| named.get("digest")?.as_str().map(str::to_owned);
            let blobs = document.get("config").into_iter().chain(all("layers")).filter_map(digest);
            let blobs = blobs.map(|digest| Op::HeadBlob { repo: repo.clone(), digest });
            let entries = all("manifests").filter_map(digest);
            let entries = entries.map(|reference| Op::HeadManifest { repo: repo.clone(), reference });
            for named in blobs.chain(entries).filter(|named| must_be_there(before, named)) {
                let answer = self.target.perform(&named).await;
                if !answer.succeeded() {
                    return Err(format!("{op:?} has taken what a manifest names that is there: {named:?}: {answer:?}"));
                }
            }
        }
        Ok(())
    }

    /// Everything of the pool is pushed to every repository, and fetched.
    async fn push_again(&mut self, model: &mut Model) -> Result<(), String> {
        if !self.pushes {
            return Ok(());
        }
        let pool = &self.case.pool;
        for id in pool.repository_ids() {
            let repo = Repo::Of(id);
            for payload in pool.payloads() {
                let what = Named::Of(payload, Algorithm::Sha256);
                let push = match payload {
                    Payload::Blob(_) => Op::PutBlob {
                        repo: repo.resolve(pool),
                        digest: pool.digest(what),
                        bytes: pool.bytes(payload).clone(),
                        upload: UploadRef(u32::MAX),
                    },
                    Payload::Manifest(_) => {
                        let by = By::Digest(what);
                        Action::PutManifest { repo, by, content_type: ContentType::Own, tags: Vec::new(), payload }
                            .resolve(pool)
                    }
                };
                let fetch = match payload {
                    Payload::Blob(_) => Action::GetBlob { repo, what, range: None },
                    Payload::Manifest(_) => Action::GetManifest { repo, by: By::Digest(what) },
                };
                for op in [push, fetch.resolve(pool)] {
                    let answer = self.target.perform(&op).await;
                    observe(model, &op, &answer).map_err(|error| format!("when it is pushed again: {error}"))?;
                }
            }
        }
        Ok(())
    }
}

fn resolved(case: &Case, state: &State) -> Vec<Op> {
    action::sweep(&case.pool, state).iter().map(|action| action.resolve(&case.pool)).collect()
}

/// Whether a sweep asks so only where there is something to ask for.
fn depends_on_state(question: &Op) -> bool {
    match question {
        Op::UploadStatus { .. } => true,
        Op::GetBlob { digest: asked, .. } | Op::GetManifest { reference: asked, .. } => asked.starts_with("sha512:"),
        _ => false,
    }
}

/// The model's verdict, in words.
pub(crate) fn observe(model: &mut Model, op: &Op, seen: &Outcome) -> Result<(), String> {
    match model.observe(op, seen) {
        Ok(_) if !matches!(seen, Outcome::Broken { .. }) => Ok(()),
        Ok(_) => Err(format!("{op:?}: {seen:?}")),
        Err(violation) => {
            let permitted: Vec<&String> = violation.permitted.iter().map(|(_, text)| text).collect();
            Err(format!("{op:?}: {seen:?}, but it must be one of {permitted:?} ({})", violation.rule))
        }
    }
}
