//! `proofhouse rules`: what a registry is held to.

use clap::{Args, ValueEnum};
use proofhouse::report::words::{counted, wrap};
use proofhouse::report::{DIALECTS, Row, applicable, catalogue, dialect_name};
use proofhouse_model::Dialect;
use serde::Serialize;

use super::{Failure, Verdict, check, say};

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Only this rule, or those whose names begin so, for example blob.unlinked, blob. or wire.
    #[arg(value_parser = name)]
    id: Option<String>,
    /// Only those that a registry is held to in this dialect.
    #[arg(long, value_parser = check::dialect)]
    dialect: Option<Dialect>,
    /// The rules as text, or as one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// An empty one is most often a variable that is not set.
fn name(text: &str) -> Result<String, String> {
    match text {
        "" => Err("the name of a rule is empty; leave it out to list all rules".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A rule, and who is held to it.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    row: Row,
    /// The dialects that have it.
    dialects: Vec<&'static str>,
    /// It takes a library call or a look at the storage to see it: a registry at a URL is not held to it.
    library_only: bool,
}

impl Rules {
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let wanted = self.id.as_deref().unwrap_or_default();
        let all: Vec<Told> = catalogue().into_iter().map(told).collect();
        let exact = all.iter().any(|rule| rule.row.id == wanted);
        let named = |rule: &Told| if exact { rule.row.id == wanted } else { rule.row.id.starts_with(wanted) };
        let held = |rule: &Told| self.dialect.is_none_or(|dialect| rule.dialects.contains(&dialect_name(dialect)));
        let meant =
            all.iter().map(|rule| &rule.row.id).find(|id| id.to_lowercase().starts_with(&wanted.to_lowercase()));
        let hint = match meant {
            Some(id) if !id.starts_with(wanted) => format!("names are in lower case: {}", wanted.to_lowercase()),
            _ => "proofhouse rules lists them".to_owned(),
        };
        let rules: Vec<Told> = all.into_iter().filter(|rule| named(rule) && held(rule)).collect();
        if rules.is_empty() {
            return Err(Failure(format!("no rule is named {wanted:?} there; {hint}")));
        }
        say(&match self.format {
            Format::Json => serde_json::to_string_pretty(&rules)?,
            Format::Text if exact => explained(&rules),
            Format::Text => listed(&rules),
        });
        Ok(Verdict::Good)
    }
}

fn told(row: Row) -> Told {
    let holds = |dialect: Dialect, library: bool| applicable(dialect, library).iter().any(|id| id.0 == row.id);
    let held = DIALECTS.into_iter().filter(|dialect| holds(*dialect, false) || holds(*dialect, true));
    let dialects = held.map(dialect_name).collect();
    let library_only = !DIALECTS.into_iter().any(|dialect| holds(dialect, false));
    Told { row, dialects, library_only }
}

fn listed(rules: &[Told]) -> String {
    let line = |rule: &Told| {
        let first = format!("{:<26} {:<6} ", rule.row.id, rule.row.level);
        wrap(&first, &rule.row.sentence, 80)
    };
    let count = format!("{}; proofhouse rules ID tells more of one", counted(rules.len() as u64, "rule"));
    rules.iter().map(line).chain([count]).collect::<Vec<_>>().join("\n")
}

fn explained(rules: &[Told]) -> String {
    let one = |rule: &Told| {
        let Told { row, dialects, library_only } = rule;
        let where_seen =
            if *library_only { "only by a library call, or in the storage" } else { "by every client over HTTP" };
        let mut lines = vec![
            wrap("", &format!("{} ({})", row.id, row.level), 80),
            wrap("  says      ", &row.sentence, 80),
            wrap("  source    ", &format!("{}, \"{}\"", row.standard, row.section), 80),
        ];
        lines.extend(row.reading.map(|reading| wrap("  reading   ", reading, 80)));
        lines.extend([wrap("  dialects  ", &dialects.join(", "), 80), wrap("  seen      ", where_seen, 80)]);
        lines.join("\n")
    };
    rules.iter().map(one).collect::<Vec<_>>().join("\n\n")
}
