//! What several reports come to, and which are refused.

use proofhouse_model::{Dialect, Op, Options, Outcome, RuleId};

use super::*;
use crate::lockstep::Shape;
use crate::probe::Origin;
use crate::report::known::Entry;
use crate::report::tests::{answer, campaign, setup};
use crate::report::{Setup, Told, ToldAlso};
use crate::wire::Tally;

/// Three cases from a seed on, in which nothing was found.
fn from(seed: u64) -> Report {
    Report::new(Setup { seed, ..setup() }, campaign(None), None)
}

/// The same as a part of a campaign of nine cases.
fn shard(part: &str) -> Report {
    let shard = Shard { part: part.parse().unwrap(), seed: 7, cases: Some(9) };
    from(shard.first()).of_shard(Some(shard))
}

/// With a divergence of so many steps that was seen in two cases, and another request that is answered as wrongly.
fn diverging(seed: u64, steps: usize, rule: &str, operation: &str) -> Report {
    let seen = Outcome::Broken { what: format!("{rule}: wrong") };
    let mut report = Report::new(Setup { seed, ..setup() }, campaign(Some(answer(seen))), None);
    let divergence = &mut report.divergences[0];
    let step = divergence.steps[0].clone();
    divergence.steps = vec![step; steps];
    divergence.cases = 2;
    divergence.found_after = seed;
    divergence.shape = shape(rule, operation);
    report
}

fn shape(rule: &str, operation: &str) -> Shape {
    Shape { rule: rule.into(), expected: None, operation: operation.into(), outcome: "500".into() }
}

fn merged(reports: &[Report]) -> Result<Report, MergeError> {
    merge(reports.iter().enumerate().map(|(at, report)| (at.to_string(), report.clone())).collect())
}

fn one(reports: &[Report]) -> Report {
    merged(reports).unwrap()
}

#[test]
fn what_was_counted_is_summed_in_whatever_order_the_reports_are_given() {
    let (first, mut second) = (from(40), from(43));
    second.generated = 50;
    second.mix = Mix { succeeded: 0.5, wrote: 0.0 };
    second.undecided = 2;
    second.target.namespace = Some("another".into());
    let report = one(&[first.clone(), second.clone()]);
    assert_eq!((report.seed, report.cases, report.operations, report.generated), (40, 6, 24_690, 200));
    assert_eq!((report.undecided, report.target.namespace.clone(), report.verdict), (2, None, Verdict::Conforms));
    assert!((report.elapsed_seconds - 4.0).abs() < 1e-9 && (report.operations_per_second - 6_172.5).abs() < 1e-9);
    assert!((report.mix.succeeded - 0.875).abs() < 1e-9 && (report.mix.wrote - 0.75).abs() < 1e-9, "{:?}", report.mix);
    let times = |report: &Report| {
        let rule = report.coverage.rules.iter().find(|count| count.rule.id == "upload.single").unwrap();
        (rule.exercised, rule.met, report.coverage.operations[0].count)
    };
    assert_eq!((times(&first), times(&report)), ((1, 1, 1), (2, 2, 2)));
    assert_eq!(report.coverage.unreached, first.coverage.unreached);
    let part = |seed| PartRun { seed, cases: 3, shard: None };
    assert_eq!(report.parts, [part(40), part(43)]);
    assert_eq!(one(&[second, first]).json(), report.json());
}

#[test]
fn what_was_advised_and_what_is_known_is_told_once() {
    let with = |seed, rules: &[&'static str], known: &[(&str, u64)]| {
        let mut tally = Tally::default();
        for rule in rules {
            tally.checked.insert(RuleId(rule), 9);
            tally.advice.insert(RuleId(rule), (3, format!("first from {seed}")));
        }
        let entry = |(rule, _): &(&str, u64)| Entry { comment: format!("of {seed}"), shape: shape(rule, "GetBlob") };
        let mut campaign = campaign(None);
        campaign.known = known.iter().map(|(_, cases)| *cases).collect();
        let known = known.iter().map(entry).collect();
        Report::new(Setup { seed, known, strict: true, ..setup() }, campaign, Some(&tally))
    };
    let first = with(40, &["wire.head.length", "wire.error.known"], &[("wire.link", 2)]);
    let second = with(43, &["wire.digest.present", "wire.head.length"], &[("wire.warning", 0), ("wire.link", 5)]);
    let report = one(&[first, second]);
    let advice: Vec<_> = report.advice.iter().map(|it| (it.rule.id.as_str(), it.count, it.first.as_str())).collect();
    let expected = [
        ("wire.digest.present", 3, "first from 43"),
        ("wire.error.known", 3, "first from 40"),
        ("wire.head.length", 6, "first from 40"),
    ];
    assert_eq!(advice, expected);
    let known: Vec<_> = report.known.iter().map(|it| (it.shape.rule.as_str(), it.cases, it.comment.as_str())).collect();
    assert_eq!(known, [("wire.link", 7, "of 40"), ("wire.warning", 0, "of 43")]);
    assert_eq!(report.verdict, Verdict::Diverges, "it is strict");
}

#[test]
fn the_worst_end_of_any_part_is_that_of_the_whole() {
    let ended = |seed, ended| Report { ended, ..from(seed) };
    let all = [Ended::Cases, Ended::Time, Ended::Divergence, Ended::Interrupted, Ended::Target];
    for (at, worse) in all.into_iter().enumerate() {
        for better in &all[..=at] {
            assert_eq!(one(&[ended(40, worse), ended(50, *better)]).ended, worse);
            assert_eq!(one(&[ended(40, *better), ended(50, worse)]).ended, worse);
        }
    }
    let gone = Report { stopped: Some("gone".into()), ..from(50) };
    let report = one(&[from(40).cut_off(Some("./gc.sh".into())), gone]);
    assert_eq!((report.stopped.as_deref(), report.cut_off.as_deref()), (Some("gone"), Some("./gc.sh")));
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn a_campaign_with_a_part_missing_is_incomplete_unless_it_diverges() {
    let report = one(&[shard("3/3"), shard("1/3")]);
    assert_eq!((report.verdict, report.seed, &report.missing[..]), (Verdict::Incomplete, 7, &[2][..]));
    assert!(report.text().contains("\nmissing   shard 2 of 3: nothing is said of its cases\n"), "{}", report.text());
    let mut found = shard("1/3");
    found.divergences = diverging(7, 1, "wire.link", "ListTags").divergences;
    let found = one(&[found]);
    assert_eq!((found.verdict, found.missing.len()), (Verdict::Diverges, 2));
    assert!(found.text().contains("\nmissing   shards 2-3 of 3: nothing is said of their cases\n"), "{}", found.text());
    let whole = one(&[shard("2/3"), report]);
    assert_eq!((whole.verdict, &whole.missing[..]), (Verdict::Conforms, &[][..]));
    assert_eq!(whole.json(), one(&[shard("1/3"), shard("2/3"), shard("3/3")]).json(), "in two steps as in one");
    assert!(!whole.text().contains("\nmissing "), "{}", whole.text());
    assert_eq!(ranges(&[1, 3, 4, 5, 7, 8]), "1, 3-5, 7-8");
}

#[test]
fn the_same_cases_are_refused() {
    let twice = |reports: &[Report]| match merged(reports) {
        Err(MergeError::Twice { names, seed }) => Some((names.concat(), seed)),
        other => other.map(|_| None).unwrap(),
    };
    assert_eq!(twice(&[from(40), from(40)]), Some(("01".into(), 40)));
    assert_eq!(twice(&[from(42), from(40)]), Some(("10".into(), 42)), "each has three cases");
    assert_eq!(twice(&[from(43), from(40)]), None);
    assert_eq!(twice(&[from(u64::MAX), from(1)]), Some(("01".into(), 1)), "seeds go round");
    assert_eq!(twice(&[from(u64::MAX), from(2)]), None);
    assert_eq!(twice(&[shard("1/3"), shard("2/3"), shard("1/3")]), Some(("02".into(), 7)));
    assert_eq!(twice(&[one(&[shard("1/3"), shard("2/3")]), shard("2/3")]), Some(("01".into(), 10)));
    // Found before any case.
    let nothing = |seed| Report { cases: 0, ..from(seed) };
    assert_eq!(twice(&[nothing(40), nothing(40)]), Some(("01".into(), 40)));
}

#[test]
fn what_is_not_one_campaign_is_refused() {
    let of = |part: &str, seed, cases| {
        let shard = Shard { part: part.parse().unwrap(), seed, cases };
        from(shard.first()).of_shard(Some(shard))
    };
    let first = of("1/3", 7, Some(9));
    for other in [of("2/2", 7, Some(9)), of("2/3", 8, Some(9)), of("2/3", 7, Some(90)), of("2/3", 7, None), from(90)] {
        for pair in [[first.clone(), other.clone()], [other.clone(), first.clone()]] {
            assert!(matches!(merged(&pair), Err(MergeError::Campaigns { .. })), "{:?}", other.shard);
        }
    }
    let told = merged(&[first, from(90)]).unwrap_err().to_string();
    let expected = "0 and 1 are not parts of one campaign: the one is shard 1/3 of one with --seed 7 and --cases 9, the \
        other a campaign of its own";
    assert_eq!(told, expected);
    assert_eq!(merged(&[]).unwrap_err(), MergeError::Nothing);
}

#[test]
fn what_is_not_held_to_the_same_is_refused() {
    let with = |change: fn(&mut Report)| {
        let mut other = from(50);
        change(&mut other);
        merged(&[from(40), other]).unwrap_err().to_string()
    };
    let told = [
        (with(|it| it.dialect = Dialect::Proofhouse), "the dialect is oci in the one and proofhouse in the other"),
        (with(|it| it.target.url = None), "is http://127.0.0.1:5000 in the one and ours, in process, in the other"),
        (with(|it| it.options = Some(Options::default())), "the options are {\"delete\":true} in the one and {} in"),
        (with(|it| it.options = None), "and others in each case in the other"),
        (with(|it| it.ops = 51), "the operations of a case are 50 in the one and 51 in the other"),
        (with(|it| it.strict = true), "does not count in the one and counts (--strict) in the other"),
    ];
    for (told, named) in told {
        assert!(told.starts_with("0 and 1 cannot be one report: ") && told.contains(named), "{named} is not in {told}");
    }
}

#[test]
fn a_divergence_is_told_once_and_by_the_shortest_sequence() {
    let (long, short) = (diverging(40, 3, "blob.unlinked", "HeadBlob"), diverging(50, 2, "blob.unlinked", "HeadBlob"));
    let another = diverging(60, 1, "blob.unlinked", "GetBlob");
    let report = one(&[long.clone(), short.clone(), another]);
    let told: Vec<_> = report.divergences.iter().map(|it| (it.found_after, it.steps.len(), it.cases)).collect();
    assert_eq!(told, [(50, 2, 4), (60, 1, 2)]);
    let mut same = long;
    same.divergences[0].steps.pop();
    assert_eq!(one(&[short, same]).divergences[0].found_after, 40, "of two that are as short it is the first");
}

#[test]
fn requests_that_are_answered_as_wrongly_are_told_together_as_one_run_does() {
    let rule = "wire.status.server-error";
    let mut first = diverging(40, 1, rule, "GetBlob");
    let op = Op::HeadBlob { repo: "a".into(), digest: "d".into() };
    let step = Told { op, outcome: Outcome::Done, request: "HEAD".into(), seen: "500".into() };
    first.divergences[0].also.push(ToldAlso { step, shape: shape(rule, "HeadBlob") });
    let others =
        [diverging(50, 1, rule, "HeadBlob"), diverging(60, 1, rule, "ListTags"), diverging(70, 1, rule, "GetBlob")];
    let report = one(&[&[first.clone()], &others[..]].concat());
    let [divergence] = &report.divergences[..] else { panic!("{:?}", report.divergences) };
    let also: Vec<&str> = divergence.also.iter().map(|also| also.shape.operation.as_str()).collect();
    assert_eq!(
        (divergence.shape.operation.as_str(), also, divergence.cases),
        ("GetBlob", vec!["HeadBlob", "ListTags"], 8)
    );
    // What takes two steps has another cause, and so has what breaks another rule.
    let apart = [first, diverging(50, 2, rule, "ListTags"), diverging(60, 1, "wire.link", "ListTags")];
    assert_eq!(one(&apart).divergences.len(), 3);
    let apart = [diverging(40, 1, "blob.unlinked", "HeadBlob"), diverging(50, 1, "blob.unlinked", "GetBlob")];
    assert_eq!(one(&apart).divergences.len(), 2, "the rule is none of HTTP");
}

#[test]
fn only_what_all_parts_say_is_known_of_the_target() {
    let with = |seed, value: &str, evidence: &str| {
        let (key, value, evidence) = ("mounts", value.to_owned(), evidence.to_owned());
        let known = Inference { key, absent: value == "false", value, origin: Origin::Probe, evidence };
        Report::new(Setup { seed, inferred: vec![known], ..setup() }, campaign(None), None)
    };
    let alike = one(&[with(40, "false", "upload 1 was started"), with(50, "false", "upload 2 was started")]);
    assert_eq!(alike.inferred, with(40, "false", "upload 1 was started").inferred);
    assert_eq!(alike.coverage.absent, ["mount.linked", "mount.fallback", "mount.anywhere"]);
    let different = one(&[with(40, "false", ""), with(50, "true", "")]);
    assert_eq!((different.inferred.len(), different.coverage.absent.len()), (0, 0));
}

#[test]
fn a_merged_report_is_read_again_as_any_other() {
    let report = one(&[shard("1/3"), shard("3/3")]);
    assert_eq!(Report::read(&report.json()).unwrap().json(), report.json());
}
