//! All rules in one list: the model's, the wire's, and those that are checked from outside of both.

use proofhouse_model::{Dialect, Level, RuleId};
use serde::Serialize;

use crate::lockstep::{COLLECTION_KEEPS_CLOSURE, STORAGE_AS_THE_MODEL};
use crate::wire;

/// A rule, whoever checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// What it says, in one sentence.
    pub sentence: String,
    /// The standard that it comes from.
    pub standard: String,
    /// The section there.
    pub section: String,
}

/// The rule of that name. None: there is no such rule.
pub fn row(id: &str) -> Option<Row> {
    if let Some(rule) = proofhouse_model::rules().iter().find(|rule| rule.id.0 == id) {
        return Some(make(rule.id, rule.level, rule.sentence, rule.standard.to_string(), rule.section));
    }
    if let Some(rule) = wire::rule(id) {
        return Some(make(rule.id, rule.level, rule.sentence, rule.source.to_string(), rule.section));
    }
    own().into_iter().find(|row| row.id == id)
}

/// The names of the rules that a target can meet.
///
/// `library`: it is called in process, and shows its storage; otherwise it answers over HTTP.
pub fn applicable(dialect: Dialect, library: bool) -> Vec<RuleId> {
    let model = proofhouse_model::rules().iter().filter(|rule| rule.applies_to(dialect, library)).map(|rule| rule.id);
    let wire = wire::rules().iter().filter(|rule| !library && rule.applies_to(dialect)).map(|rule| rule.id);
    model.chain(wire).collect()
}

/// Rules that are checked after a case, and have no operation of their own.
fn own() -> Vec<Row> {
    let ours = |id, sentence, section| make(id, Level::Must, sentence, "docs/behaviour.md".into(), section);
    let layout = "After a sequence the storage holds what the model says, and nothing else.";
    let closure = "A manifest that can be fetched after a collection can be fetched with everything of it that could be \
        fetched before.";
    vec![ours(STORAGE_AS_THE_MODEL, layout, "Layout"), ours(COLLECTION_KEEPS_CLOSURE, closure, "Garbage collection")]
}

fn make(id: RuleId, level: Level, sentence: &str, standard: String, section: &str) -> Row {
    Row {
        id: id.to_string(),
        level: level.to_string(),
        sentence: sentence.to_owned(),
        standard,
        section: section.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_name() {
        for dialect in [Dialect::Proofhouse, Dialect::Oci] {
            for library in [true, false] {
                assert!(applicable(dialect, library).iter().all(|id| row(id.0).is_some()));
            }
        }
        assert_eq!(row("gc.closure").map(|row| row.level).as_deref(), Some("MUST"));
        assert_eq!(row("wire.answer.whole").map(|row| row.standard).as_deref(), Some("RFC 9110"));
        assert_eq!(row("no.such"), None);
    }

    #[test]
    fn a_library_has_no_wire() {
        assert!(applicable(Dialect::Proofhouse, true).iter().all(|id| !id.0.starts_with("wire.")));
        assert!(applicable(Dialect::Proofhouse, false).iter().any(|id| id.0.starts_with("wire.")));
    }
}
