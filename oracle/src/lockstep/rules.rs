//! The rules of a whole case: what no single answer shows.
//!
//! A table like those of the model and of the wire. These rules are checked from outside of both: after a sequence, and around a
//! collection.

use proofhouse_model::{Dialect, Level, RuleId, Standard};

use crate::wire;

/// On which targets a rule can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// On one that shows its storage.
    Library,
    /// On one over HTTP: to several clients, with a command that collects, or where something was said of it.
    Wire,
    /// On every one that can be told to collect.
    Everywhere,
    /// Where it is broken, or a command of the user's is run.
    Sometimes,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRule {
    /// Its name.
    pub id: RuleId,
    /// Where it comes from.
    pub standard: Standard,
    /// The section there.
    pub section: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it says, in one sentence of ours.
    pub sentence: &'static str,
    seen: Where,
}

impl CaseRule {
    /// Can a target of that dialect meet the rule at all?
    pub fn applies_to(&self, dialect: Dialect, library: bool) -> bool {
        match self.seen {
            Where::Library => library && dialect == Dialect::Proofhouse,
            Where::Wire => !library,
            Where::Everywhere => !library || dialect == Dialect::Proofhouse,
            Where::Sometimes => false,
        }
    }
}

/// After a sequence the storage holds what the model says, and nothing else.
pub const STORAGE_AS_THE_MODEL: RuleId = RuleId("storage.layout");

/// A manifest that can be fetched after a collection can be fetched with everything of it that could be fetched before.
pub const COLLECTION_KEEPS_CLOSURE: RuleId = RuleId("gc.closure");

/// A collection takes nothing that a tag names.
pub const COLLECTION_KEEPS_TAGS: RuleId = RuleId("gc.tags");

/// What several clients see is what they would have seen one after another.
pub const HISTORY_IN_SOME_ORDER: RuleId = RuleId("history.linearizable");

/// A command that collects, restarts or kills does so, and the registry answers after it.
pub const COMMAND_SUCCEEDS: RuleId = RuleId("command.succeeds");

/// No request keeps the registry from answering the next.
pub const GOES_ON_ANSWERING: RuleId = RuleId("target.answers");

/// What was said to be supported is.
pub const CAPABILITY_ASSUMED: RuleId = RuleId("capability.assumed");

const RULES: &[CaseRule] = &[
    CaseRule {
        id: STORAGE_AS_THE_MODEL,
        standard: Standard::Proofhouse,
        section: "Layout",
        level: Level::Must,
        sentence: "The storage holds what was stored and not removed, each thing in its place, and nothing else.",
        seen: Where::Library,
    },
    CaseRule {
        id: COLLECTION_KEEPS_CLOSURE,
        standard: Standard::Proofhouse,
        section: "Garbage collection",
        level: Level::Must,
        sentence: "A manifest that can be fetched after a collection can be fetched with everything of it that could be \
            fetched before.",
        seen: Where::Everywhere,
    },
    CaseRule {
        id: COLLECTION_KEEPS_TAGS,
        standard: Standard::Proofhouse,
        section: "Garbage collection",
        level: Level::Must,
        sentence: "What could be fetched by a tag before a collection is fetched by that tag after it.",
        seen: Where::Wire,
    },
    CaseRule {
        id: HISTORY_IN_SOME_ORDER,
        standard: Standard::Proofhouse,
        section: "Several clients",
        level: Level::Must,
        sentence: "What several clients are answered is what they would have been answered one after another, in some order \
            that keeps a request before those made after its answer.",
        seen: Where::Wire,
    },
    CaseRule {
        id: COMMAND_SUCCEEDS,
        standard: Standard::Proofhouse,
        section: "Commands",
        level: Level::Must,
        sentence: "A command that collects garbage, restarts or kills ends with success and in time, and the registry answers \
            after it.",
        seen: Where::Sometimes,
    },
    CaseRule {
        id: GOES_ON_ANSWERING,
        standard: Standard::Proofhouse,
        section: "Commands",
        level: Level::Must,
        sentence: "Whatever a client asked, the registry goes on answering.",
        seen: Where::Sometimes,
    },
    CaseRule {
        id: CAPABILITY_ASSUMED,
        standard: Standard::Seed,
        section: "--assume",
        level: Level::Must,
        sentence: "What was said to be supported is, whether or not the standard asks for it.",
        seen: Where::Wire,
    },
];

/// All of them.
pub fn rules() -> &'static [CaseRule] {
    RULES
}

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static CaseRule> {
    RULES.iter().find(|rule| rule.id.0 == id)
}

/// The rule that a broken outcome names, of the wire or of a case, and what was seen, without it.
pub fn cited(what: &str) -> Option<(RuleId, &str)> {
    let of_a_case = || what.split_once(": ").and_then(|(id, seen)| Some((rule(id)?.id, seen)));
    wire::cited(what).map(|(rule, seen)| (rule.id, seen)).or_else(of_a_case)
}
