//! All rules in one list: the model's, the wire's, and those of a whole case.

use proofhouse_model::{Dialect, Level, RuleId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{lockstep, wire};

/// Where a rule is our reading of its source, which does not say it in these words; and why we read it so.
const READINGS: &[(&str, &str)] = &[
    (
        "wire.status.server-error",
        "our reading, which stands in no MUST there: RFC 9110, 15.6, has a 5xx say that the server erred, or cannot do what it was \
         asked; a request that a client may make can be answered or refused (4xx), so that a server error is a fault of the server",
    ),
    (
        "tags.page",
        "partly our reading: that a page holds the next tags in order after `last`, and as many as were asked for unless it \
         announces another, is a MUST there; that a next page is announced wherever tags are left is a MAY in its words, and a \
         registry is held to it because clients follow Link and would take the page for the last",
    ),
];

/// A rule, whoever checks it. In a document that is read its name says which; all else of it is looked up.
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
    /// Where the source does not say it in these words: how it is read, and why. None: it does.
    pub reading: Option<&'static str>,
}

/// What a document must say of a rule.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        let Named { id } = Named::deserialize(deserializer)?;
        row(&id).ok_or_else(|| D::Error::custom(format!("there is no rule {id:?}")))
    }
}

/// The rule of that name. None: there is no such rule.
pub fn row(id: &str) -> Option<Row> {
    if let Some(rule) = proofhouse_model::rules().iter().find(|rule| rule.id.0 == id) {
        return Some(make(rule.id, rule.level, rule.sentence, rule.standard.to_string(), rule.section));
    }
    if let Some(rule) = wire::rule(id) {
        return Some(make(rule.id, rule.level, rule.sentence, rule.source.to_string(), rule.section));
    }
    let rule = lockstep::rule(id)?;
    Some(make(rule.id, rule.level, rule.sentence, rule.standard.to_string(), rule.section))
}

/// Every rule: the model's, then the wire's, then those of a whole case; by subject.
pub fn catalogue() -> Vec<Row> {
    let model = proofhouse_model::rules().iter().map(|rule| rule.id);
    let ids = model.chain(wire::rules().iter().map(|rule| rule.id)).chain(lockstep::rules().iter().map(|rule| rule.id));
    ids.filter_map(|id| row(id.0)).collect()
}

/// The names of the rules that a target can meet.
///
/// `library`: it is called in process, and shows its storage; otherwise it answers over HTTP.
pub fn applicable(dialect: Dialect, library: bool) -> Vec<RuleId> {
    let model = proofhouse_model::rules().iter().filter(|rule| rule.applies_to(dialect, library)).map(|rule| rule.id);
    let wire = wire::rules().iter().filter(|rule| !library && rule.applies_to(dialect)).map(|rule| rule.id);
    let whole = lockstep::rules().iter().filter(|rule| rule.applies_to(dialect, library)).map(|rule| rule.id);
    model.chain(wire).chain(whole).collect()
}

fn make(id: RuleId, level: Level, sentence: &str, standard: String, section: &str) -> Row {
    Row {
        id: id.to_string(),
        level: level.to_string(),
        sentence: sentence.to_owned(),
        standard,
        section: section.to_owned(),
        reading: READINGS.iter().find(|(rule, _)| *rule == id.0).map(|(_, reading)| *reading),
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
        assert_eq!(row("gc.closure").map(|row| row.section).as_deref(), Some("Garbage collection"));
        assert_eq!(row("wire.answer.whole").map(|row| row.standard).as_deref(), Some("RFC 9110"));
        assert_eq!(row("no.such"), None);
    }

    #[test]
    fn a_rule_that_its_source_does_not_say_in_words_says_so() {
        let reading = |id: &str| row(id).and_then(|row| row.reading);
        assert!(
            reading("wire.status.server-error").is_some_and(|it| it.contains("our reading, which stands in no MUST"))
        );
        assert_eq!(reading("blob.get"), None);
        assert!(READINGS.iter().all(|(id, _)| row(id).is_some()), "each is one of a rule that there is");
    }

    #[test]
    fn no_two_rules_have_one_name() {
        let model = proofhouse_model::rules().iter().map(|rule| rule.id);
        let wire = wire::rules().iter().map(|rule| rule.id);
        let mut names: Vec<RuleId> = model.chain(wire).chain(lockstep::rules().iter().map(|rule| rule.id)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn what_a_whole_case_shows_takes_its_kind_of_target() {
        let library = [lockstep::STORAGE_AS_THE_MODEL, lockstep::COLLECTION_KEEPS_CLOSURE];
        for rule in lockstep::rules() {
            let seen = applicable(Dialect::Proofhouse, true).contains(&rule.id);
            assert_eq!(seen, library.contains(&rule.id), "{}", rule.id);
            let seen = applicable(Dialect::Oci, false).contains(&rule.id);
            let never = [lockstep::STORAGE_AS_THE_MODEL, lockstep::COMMAND_SUCCEEDS, lockstep::GOES_ON_ANSWERING];
            assert_eq!(seen, !never.contains(&rule.id), "{}", rule.id);
        }
    }

    #[test]
    fn a_library_has_no_wire() {
        assert!(applicable(Dialect::Proofhouse, true).iter().all(|id| !id.0.starts_with("wire.")));
        assert!(applicable(Dialect::Proofhouse, false).iter().any(|id| id.0.starts_with("wire.")));
    }
}
