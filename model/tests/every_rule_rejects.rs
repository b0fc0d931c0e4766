//! Every rule of the table is met by something, and rejects something.
//!
//! A [`Case`] is a short history that leads to the rule, an operation, an outcome that the rule permits, and a plausible
//! wrong one. There is exactly one for each row. A MAY rejects what comes after the other way was chosen.

mod common;

#[path = "every_rule_rejects/blobs.rs"]
mod blobs;
#[path = "every_rule_rejects/lists.rs"]
mod lists;
#[path = "every_rule_rejects/manifests.rs"]
mod manifests;

use std::collections::BTreeSet;

use common::*;
use proofhouse_model::*;

/// What is asked, what the rule permits, what it rejects.
type Scene = (Op, Outcome, Outcome);

/// One rule.
struct Case {
    rule: &'static str,
    dialect: Dialect,
    options: Options,
    history: fn(&mut Registry) -> Scene,
}

/// A case of our registry, with deletion on.
fn case(rule: &'static str, history: fn(&mut Registry) -> Scene) -> Case {
    Case { rule, dialect: Dialect::Proofhouse, options: deletable(), history }
}

impl Case {
    fn of(self, dialect: Dialect) -> Case {
        Case { dialect, ..self }
    }

    fn under(self, options: Options) -> Case {
        Case { options, ..self }
    }
}

fn all() -> Vec<Case> {
    blobs::cases().into_iter().chain(manifests::cases()).chain(lists::cases()).collect()
}

#[test]
fn there_is_one_case_for_each_rule_and_none_for_anything_else() {
    let cases: Vec<&str> = all().iter().map(|case| case.rule).collect();
    let covered: BTreeSet<&str> = cases.iter().copied().collect();
    let table: BTreeSet<&str> = rules().iter().map(|rule| rule.id.0).collect();
    assert_eq!(covered, table);
    assert_eq!(cases.len(), rules().len(), "each once");
}

#[test]
fn every_rule_is_met_in_a_dialect_that_has_it() {
    for Case { rule: id, dialect, options, history } in all() {
        let row = rule(RuleId(id)).unwrap();
        assert!(row.applies_to(dialect, true), "{id}");
        let mut r = registry(dialect, options);
        let (op, permitted, _) = history(&mut r);
        assert_eq!(r.permits(op, permitted), id);
    }
}

#[test]
fn every_rule_rejects_something_and_is_cited() {
    for Case { rule: id, dialect, options, history } in all() {
        let mut r = registry(dialect, options);
        let (op, _, wrong) = history(&mut r);
        match r.model.observe(&op, &wrong) {
            Ok(rule) => panic!("{id}: {op:?}: {wrong} is permitted by {rule}"),
            Err(violation) => {
                let cited = violation.permitted.iter().any(|(rule, _)| rule.0 == id);
                assert!(cited, "{id} is not cited:\n{violation}");
                let must = rule(RuleId(id)).unwrap().level == Level::Must;
                assert!(!must || violation.rule.0 == id, "{id} is not the first:\n{violation}");
                assert!(violation.to_string().contains(id), "{violation}");
            }
        }
    }
}

#[test]
fn the_rows_of_the_table_are_whole() {
    for row in rules() {
        assert!(!row.section.is_empty() && row.sentence.ends_with('.'), "{}", row.id);
        let somewhere = [Dialect::Proofhouse, Dialect::Oci, V2_8, V3].iter().any(|it| row.applies_to(*it, true));
        assert!(somewhere, "{}", row.id);
    }
    assert_eq!(rule(RuleId("nonsense")), None);
}
