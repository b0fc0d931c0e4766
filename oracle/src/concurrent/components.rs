//! The parts of a history that have nothing to do with one another.
//!
//! Two repositories are connected if a mount may read one and writes the other; connected repositories are a component. What is
//! done to the whole registry and tells nothing of what is in it (a restart) stands in each. What an answer tells of all
//! repositories (the catalog) belongs to none. What may change any (a collection) connects all.

use std::collections::BTreeMap;

use proofhouse_model::Op;

use super::history::Call;
use crate::target::http::repository;

/// What an operation is about.
enum About<'a> {
    /// It happens in one repository.
    One(&'a str),
    /// It reads one repository and writes another.
    Two(&'a str, &'a str),
    /// It happens in one and may read any.
    AnyFor(&'a str),
    /// It is done to the registry, whatever is in it.
    Registry,
    /// It tells of all repositories.
    All,
    /// It may change any of them.
    Any,
}

fn about(op: &Op) -> About<'_> {
    match op {
        Op::MountBlob { repo, from: Some(from), .. } => About::Two(repo, from),
        Op::MountBlob { repo, from: None, .. } => About::AnyFor(repo),
        Op::Restart | Op::Advance { .. } => About::Registry,
        Op::CollectGarbage { .. } | Op::PurgeUploads { .. } | Op::RemoveRepository { .. } => About::Any,
        op => repository(op).map_or(About::All, About::One),
    }
}

/// Does any call tell of all repositories?
pub(super) fn tells_of_all(history: &[Call]) -> bool {
    history.iter().any(|call| matches!(about(&call.op), About::All))
}

/// The calls of each component, in their order, without those that tell of all.
pub(super) fn components(history: &[Call]) -> Vec<Vec<Call>> {
    if history.iter().any(|call| matches!(about(&call.op), About::Any)) {
        return vec![history.to_vec()];
    }
    let mut joined = Joined::default();
    let mut any = Vec::new();
    for call in history {
        match about(&call.op) {
            About::One(repo) => _ = joined.root(repo),
            About::Two(repo, from) => joined.join(repo, from),
            About::AnyFor(repo) => any.push(repo),
            About::Registry | About::All | About::Any => {}
        }
    }
    for repo in any {
        joined.join_all(repo);
    }
    let mut parts: BTreeMap<&str, Vec<Call>> = joined.roots().map(|root| (root, Vec::new())).collect();
    for call in history {
        match about(&call.op) {
            About::One(repo) | About::Two(repo, _) | About::AnyFor(repo) => {
                parts.entry(joined.root(repo)).or_default().push(call.clone());
            }
            About::Registry => parts.values_mut().for_each(|part| part.push(call.clone())),
            About::All | About::Any => {}
        }
    }
    parts.into_values().collect()
}

/// Which repositories belong together: each points to another of its component, and the last to itself.
#[derive(Default)]
struct Joined<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Joined<'a> {
    fn root(&mut self, repo: &'a str) -> &'a str {
        let mut at = repo;
        loop {
            let next = *self.0.entry(at).or_insert(at);
            if next == at {
                return at;
            }
            at = next;
        }
    }

    fn join(&mut self, one: &'a str, other: &'a str) {
        let (one, other) = (self.root(one), self.root(other));
        self.0.insert(one, other);
    }

    fn join_all(&mut self, with: &'a str) {
        for repo in self.0.keys().copied().collect::<Vec<_>>() {
            self.join(repo, with);
        }
    }

    fn roots(&self) -> impl Iterator<Item = &'a str> + use<'a, '_> {
        self.0.iter().filter(|(repo, next)| repo == next).map(|(repo, _)| *repo)
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::UploadRef;

    use super::*;

    fn call(op: Op) -> Call {
        Call { client: 0, op, outcome: None, called: 0, returned: 0 }
    }

    fn head(repo: &str) -> Call {
        call(Op::HeadBlob { repo: repo.into(), digest: "sha256:0".into() })
    }

    fn mount(repo: &str, from: Option<&str>) -> Call {
        let from = from.map(str::to_owned);
        call(Op::MountBlob { repo: repo.into(), digest: "sha256:0".into(), from, upload: UploadRef(1) })
    }

    fn restart() -> Call {
        call(Op::Restart)
    }

    #[test]
    fn repositories_without_a_mount_between_them_are_judged_apart() {
        let history = [head("a"), head("b"), head("a")];
        assert_eq!(components(&history), [vec![head("a"), head("a")], vec![head("b")]]);
    }

    #[test]
    fn a_chain_of_mounts_is_one_component() {
        let history = [mount("b", Some("a")), head("d"), mount("c", Some("b")), head("a")];
        let connected = vec![mount("b", Some("a")), mount("c", Some("b")), head("a")];
        let mut parts = components(&history);
        parts.sort_by_key(Vec::len);
        assert_eq!(parts, [vec![head("d")], connected]);
    }

    #[test]
    fn a_mount_from_anywhere_connects_all() {
        let history = vec![head("a"), mount("b", None), head("c")];
        assert_eq!(components(&history), [history]);
    }

    #[test]
    fn a_collection_connects_all() {
        let collection = call(Op::CollectGarbage { delete_untagged: false, dry_run: false, grace_seconds: 0 });
        let history = vec![head("a"), collection, head("b")];
        assert_eq!(components(&history), [history]);
    }

    #[test]
    fn a_restart_is_in_every_component_and_the_catalog_in_none() {
        let catalog = call(Op::WalkRepositories { n: 2 });
        let history = [head("a"), restart(), catalog, head("b")];
        assert_eq!(components(&history), [vec![head("a"), restart()], vec![restart(), head("b")]]);
        assert!(tells_of_all(&history) && !tells_of_all(&history[..2]));
    }
}
