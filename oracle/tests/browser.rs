//! `report.html` in a browser: it says nothing to the console, its divergences expand, and it is read without colour.
//!
//! Chromium without a window. Where it is not installed these tests say so and pass; in CI they fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by it, and say why; clippy knows only the functions marked as tests"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{run, server_of_errors};

/// Says if Chromium is missing, which is a failure in CI.
fn there() -> bool {
    let version = Command::new("chromium").arg("--version").stdin(Stdio::null()).output();
    let there = version.is_ok_and(|version| version.status.success());
    if !there {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "chromium must be installed in CI");
        println!("chromium is not installed: nothing was looked at");
    }
    there
}

/// A page, after it is loaded and its scripts have run, and what it said to the console.
fn looked_at(page: &Path) -> (String, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    // A container has no sandbox for root, and little shared memory.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--dump-dom", "--enable-logging=stderr", "--v=0"]);
    command.arg(format!("--user-data-dir={}", home.path().display()));
    command.arg(format!("file://{}", page.display())).env("HOME", home.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let said = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8(output.stdout).unwrap(), said)
}

/// The report of a registry that answers everything with an error.
fn report(directory: &Path) -> PathBuf {
    let url = server_of_errors();
    let into = directory.to_str().unwrap();
    let output = run(&["check", &url, "--seed", "1", "--cases", "20", "--findings", "3", "--report", into]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    directory.join("report.html")
}

#[test]
fn a_page_that_complains_is_noticed() {
    if !there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    fs::write(&page, "<!DOCTYPE html><p>x</p><script>nothing.there()</script>").unwrap();
    let (_, said) = looked_at(&page);
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn the_report_renders_without_complaint_and_its_divergences_expand() {
    if !there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let page = report(directory.path());
    let (rendered, said) = looked_at(&page);
    assert!(said.is_empty(), "{said:?}");
    let verdict = rendered.split_once("id=\"verdict\">").unwrap().1.split_once("</p>").unwrap().0;
    assert!(verdict.starts_with("DIVERGES: ") && verdict.contains("found"), "{verdict}");
    assert!(rendered.contains("<strong>not permitted</strong>"), "{rendered}");
    assert!(rendered.contains("never exercised"), "{rendered}");

    // The same page, with each divergence clicked at.
    let clicking = "<script>for (const it of document.querySelectorAll('details.divergence')) { const closed = it.offsetHeight; \
         it.querySelector('summary').click(); \
         it.dataset.grew = it.offsetHeight > closed + 100 && it.innerText.includes('not permitted'); }</script>";
    let text = fs::read_to_string(&page).unwrap();
    let divergences = text.matches("<details class=\"divergence\"").count();
    assert!(divergences > 0);
    let clicked = directory.path().join("clicked.html");
    fs::write(&clicked, text.replace("</body>", &format!("{clicking}</body>"))).unwrap();
    let (rendered, said) = looked_at(&clicked);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(rendered.matches("data-grew=\"true\"").count(), divergences, "{rendered}");
}

#[test]
fn no_colour_means_anything() {
    let directory = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(report(directory.path())).unwrap();
    let style = text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(!style.contains("background") && !style.replace("color-scheme:", "").contains("color:"), "{style}");
    assert!(!text.contains("style=\"") && !text.contains("<script"), "all of the style is in one place");
}
