//! The rules of the wire: statuses, headers, framing.
//!
//! The model speaks of operations and outcomes; how an answer must be written is said here, as a table of rows like the
//! model's. Each row has a check that looks at one [`Exchange`]. A MUST that is broken makes the answer unreadable: the
//! outcome is `Broken` and begins with the rule's name. A SHOULD that is broken is counted, and reported as advice.

mod answers;
mod contents;
pub mod headers;
mod lists;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use proofhouse_model::{Dialect, Level, Op, RuleId};
use reqwest::header::HeaderMap;

pub(crate) use answers::read_errors;
pub use rules::{WHOLE, rule, rules};

/// What came back for one request.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status; 0 if no answer came.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or as much of it as came.
    pub body: Vec<u8>,
    /// Why there is no answer, or not all of it.
    pub failure: Option<String>,
}

impl Answer {
    /// The body is said to be JSON, or looks like it and is not said to be anything.
    pub fn is_json(&self) -> bool {
        match headers::text(&self.headers, "content-type") {
            Some(content_type) => {
                let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                essence == "application/json" || essence.ends_with("+json")
            }
            None => self.body.trim_ascii_start().starts_with(b"{"),
        }
    }
}

/// One request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// What the target is held to.
    pub dialect: Dialect,
    /// What was asked.
    pub op: &'a Op,
    /// The repository's whole name, as it stood in the URL; empty where the operation has none.
    pub repository: &'a str,
    /// Bytes that the upload in question holds, if this answer says that it took the chunk.
    pub held: u64,
    /// Redirects are on, and a redirect is an answer.
    pub redirects: bool,
    /// What came back.
    pub answer: &'a Answer,
}

impl Exchange<'_> {
    /// The answer has no body whatever it says.
    pub fn is_head(&self) -> bool {
        matches!(self.op, Op::HeadBlob { .. } | Op::HeadManifest { .. })
    }

    fn status(&self) -> u16 {
        self.answer.status
    }

    fn header(&self, name: &str) -> Option<&str> {
        headers::text(&self.answer.headers, name)
    }

    /// Held to what our registry does, to the letter.
    fn strict(&self) -> bool {
        self.dialect == Dialect::Proofhouse
    }

    fn distribution(&self) -> bool {
        matches!(self.dialect, Dialect::Distribution(_))
    }
}

/// What a rule says of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is about other answers.
    Silent,
    /// It is kept.
    Kept,
    /// It is broken: what was seen, in words.
    Broken(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Verdict {
        result.map_or_else(Verdict::Broken, |()| Verdict::Kept)
    }
}

/// Where a rule of the wire comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// OCI distribution-spec 1.1.
    Oci,
    /// RFC 9110.
    Http,
    /// The CNCF distribution registry.
    Distribution,
    /// Our own: `docs/behaviour.md`.
    Proofhouse,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Oci => "OCI distribution-spec 1.1",
            Source::Http => "RFC 9110",
            Source::Distribution => "distribution",
            Source::Proofhouse => "docs/behaviour.md",
        })
    }
}

/// One row.
#[derive(Debug, Clone)]
pub struct WireRule {
    /// Its name; begins with `wire.`.
    pub id: RuleId,
    /// Where it comes from.
    pub source: Source,
    /// The section there.
    pub section: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it says, in one sentence of ours.
    pub sentence: &'static str,
    /// `P`, `O`, `D`: the dialects that have it.
    scope: &'static str,
    /// Looks at one exchange.
    check: fn(&Exchange) -> Verdict,
}

impl WireRule {
    /// Is a target of that dialect held to it?
    pub fn applies_to(&self, dialect: Dialect) -> bool {
        self.scope.contains(match dialect {
            Dialect::Proofhouse => 'P',
            Dialect::Oci => 'O',
            Dialect::Distribution(_) => 'D',
        })
    }

    /// Looks at one exchange. Says nothing where the rule does not apply to the dialect.
    pub fn check(&self, exchange: &Exchange) -> Verdict {
        if self.applies_to(exchange.dialect) { (self.check)(exchange) } else { Verdict::Silent }
    }
}

/// What was counted: how often each rule was kept, and which advice there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often each rule had something to say, broken or not.
    pub checked: BTreeMap<RuleId, u64>,
    /// Each SHOULD that was not kept: how often, and the first time in words.
    pub advice: BTreeMap<RuleId, (u64, String)>,
    /// How often each MUST was not kept.
    pub violated: BTreeMap<RuleId, u64>,
}

impl Tally {
    /// How often the rule was not kept.
    pub fn broken(&self, rule: RuleId) -> u64 {
        let advised = self.advice.get(&rule).map_or(0, |(count, _)| *count);
        advised + self.violated.get(&rule).copied().unwrap_or_default()
    }
}

/// Checks every rule.
///
/// # Errors
/// The first MUST that is broken: `<rule>: <what was seen>`. [`cited`] reads the rule back.
pub fn check(exchange: &Exchange, tally: &mut Tally) -> Result<(), String> {
    for rule in rules() {
        let verdict = rule.check(exchange);
        if verdict != Verdict::Silent {
            *tally.checked.entry(rule.id).or_default() += 1;
        }
        match verdict {
            Verdict::Broken(what) if rule.level == Level::Must => {
                *tally.violated.entry(rule.id).or_default() += 1;
                return Err(format!("{}: {what}", rule.id));
            }
            Verdict::Broken(what) => tally.advice.entry(rule.id).or_insert((0, what)).0 += 1,
            Verdict::Silent | Verdict::Kept => {}
        }
    }
    Ok(())
}

/// The rule that a broken outcome names, and what was seen, without it.
pub fn cited(what: &str) -> Option<(&'static WireRule, &str)> {
    let (id, seen) = what.split_once(": ")?;
    rules().iter().find(|rule| rule.id.0 == id).map(|rule| (rule, seen))
}
