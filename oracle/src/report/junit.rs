//! A report as the XML of `JUnit`, which CI systems show.
//!
//! Each rule that applies is a test case: it failed, it was met whenever it was exercised, or it was skipped because it never was.

use std::fmt::Write as _;

use super::words::counted;
use super::xml::escaped;
use super::{Advice, Diverged, Report, RuleCount, dialect_name, text};

pub(super) fn render(report: &Report) -> String {
    let rules = &report.coverage.rules;
    let of = |id: &str| report.divergences.iter().filter(|it| it.rule.id == id).collect::<Vec<_>>();
    // Each has a place, also if its rule is in no list.
    let others = report.divergences.iter().filter(|it| rules.iter().all(|count| count.rule.id != it.rule.id));
    let cases: Vec<Case> = rules
        .iter()
        .map(|count| {
            let advice = report.advice.iter().find(|advice| advice.rule.id == count.rule.id);
            case(report, count, &of(&count.rule.id), advice)
        })
        .chain(others.map(|it| Case {
            id: it.rule.id.clone(),
            kind: Kind::Failed(failure(report, &[it])),
            told: String::new(),
        }))
        .collect();
    let failed = cases.iter().filter(|case| matches!(case.kind, Kind::Failed(_))).count();
    let skipped = cases.iter().filter(|case| matches!(case.kind, Kind::Skipped)).count();
    let (seconds, dialect) = (report.elapsed_seconds, dialect_name(report.dialect));
    let counts = format!(
        "tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\"",
        cases.len()
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ =
        writeln!(out, "<testsuites name=\"proofhouse\" {counts}>\n<testsuite name=\"proofhouse {dialect}\" {counts}>",);
    for Case { id, kind, told } in &cases {
        let _ = write!(out, "<testcase classname=\"proofhouse.{dialect}\" name=\"{}\" time=\"0\">", escaped(id));
        match kind {
            Kind::Met => {}
            Kind::Skipped => out += "<skipped message=\"never exercised\"/>",
            Kind::Failed((message, text)) => {
                let _ = write!(
                    out,
                    "<failure type=\"divergence\" message=\"{}\">{}</failure>",
                    escaped(message),
                    escaped(text)
                );
            }
        }
        if !told.is_empty() {
            let _ = write!(out, "<system-out>{}</system-out>", escaped(told));
        }
        out += "</testcase>\n";
    }
    out + "</testsuite>\n</testsuites>\n"
}

struct Case {
    id: String,
    kind: Kind,
    /// What is to be said besides.
    told: String,
}

enum Kind {
    Met,
    Skipped,
    /// The message, and all of it.
    Failed((String, String)),
}

fn case(report: &Report, count: &RuleCount, divergences: &[&Diverged], advice: Option<&Advice>) -> Case {
    let id = count.rule.id.clone();
    let known =
        report.known.iter().filter(|known| known.shape.rule == id).map(|known| format!("known: {}\n", known.told()));
    let told: String = known.collect::<String>()
        + &format!(
            "{}\nexercised {}, met {}\n",
            count.rule.sentence,
            counted(count.exercised, "time"),
            counted(count.met, "time")
        )
        + &advice.map(|advice| format!("seen: {}\n", advice.first)).unwrap_or_default();
    let kind = match advice {
        _ if !divergences.is_empty() => Kind::Failed(failure(report, divergences)),
        Some(advice) if report.strict => Kind::Failed((count.rule.sentence.clone(), format!("seen: {}", advice.first))),
        _ if count.exercised == 0 => Kind::Skipped,
        _ => Kind::Met,
    };
    Case { id, kind, told }
}

fn failure(report: &Report, divergences: &[&Diverged]) -> (String, String) {
    let mut told = String::new();
    for divergence in divergences {
        let number = report.divergences.iter().position(|it| std::ptr::eq(it, *divergence)).unwrap_or_default() + 1;
        let _ = writeln!(told, "divergence-{number}");
        told += &text::diverged(divergence);
    }
    let titles: Vec<&str> = divergences.iter().map(|divergence| divergence.title.as_str()).collect();
    (titles.join("; "), told)
}
