//! How a campaign goes, on stderr: a bar on a terminal, else a line every few seconds.

#![allow(clippy::print_stderr, reason = "this is the program's own output")]

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use proofhouse::campaign;
use proofhouse::report::words::counted;

/// Between two lines.
const EVERY: Duration = Duration::from_secs(5);

/// Tells how it goes.
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { started: Instant, said: Instant },
}

impl Progress {
    /// `cases`: how many there will be, if that is known.
    pub(crate) fn new(cases: Option<u64>) -> Progress {
        let now = Instant::now();
        if !io::stderr().is_terminal() {
            return Progress::Lines { started: now, said: now };
        }
        let bar = cases.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match cases {
            Some(_) => "{elapsed_precise} [{bar:30}] {pos}/{len} cases  {msg}",
            None => "{elapsed_precise} {spinner} {pos} cases  {msg}",
        };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress::Bar(bar)
    }

    /// Clears the bar.
    pub(crate) fn done(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, line: &str) {
        if let Progress::Lines { said, .. } = self
            && said.elapsed() >= EVERY
        {
            *said = Instant::now();
            eprintln!("{line}");
        }
    }
}

impl campaign::Progress for Progress {
    fn case_done(&mut self, cases: u64, operations: u64) {
        match self {
            Progress::Bar(bar) => {
                bar.set_position(cases);
                bar.set_message(format!(
                    "{}, {} per second",
                    counted(operations, "operation"),
                    rate(operations, bar.elapsed())
                ));
            }
            Progress::Lines { started, .. } => {
                let rate = rate(operations, started.elapsed());
                let (cases, operations) = (counted(cases, "case"), counted(operations, "operation"));
                self.say(&format!("{cases}, {operations}, {rate} per second"));
            }
        }
    }

    fn shrinking(&mut self, length: usize, attempts: u64) {
        let (length, attempts) = (counted(length as u64, "operation"), counted(attempts, "attempt"));
        let text = format!("diverges; shrinking: {length}, {attempts}");
        match self {
            Progress::Bar(bar) => bar.set_message(text),
            Progress::Lines { .. } => self.say(&text),
        }
    }
}

fn rate(operations: u64, elapsed: Duration) -> u128 {
    u128::from(operations) * 1_000 / elapsed.as_millis().max(1)
}
