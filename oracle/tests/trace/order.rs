//! What a trace of system calls says about durability.
//!
//! A file is *loose* from its first write until it is synced, a directory from a change of its entries until it is; `syncfs` syncs
//! everything that was loose when it began. Whatever is loose
//! may be gone after a crash. So a file is synced before it gets its name, what a link names is there for good before the link,
//! and nothing is loose when a client is told that it is done.

use std::collections::{BTreeMap, BTreeSet};

/// A call in a trace, whole.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    failed: bool,
}

/// What was seen of a trace.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What breaks the order, one sentence each.
    pub(crate) wrong: Vec<String>,
    /// Answers that say that something was done.
    pub(crate) acknowledged: usize,
    /// Links that were written.
    pub(crate) links: usize,
    // Since which line.
    loose_files: BTreeMap<String, usize>,
    loose_directories: BTreeMap<String, usize>,
    line: usize,
    /// The bytes of small files, by their path.
    texts: BTreeMap<String, String>,
    /// Files that have their name for good, unless they were removed since.
    named: BTreeSet<String>,
}

/// Reads the output of `strace -f -y`. `tree` is the directory that counts.
pub(crate) fn read(trace: &str, tree: &str) -> Seen {
    let mut seen = Seen::default();
    let mut begun: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (number, line) in trace.lines().enumerate() {
        seen.line = number;
        let Some((process, text)) = line.split_once(char::is_whitespace) else { continue };
        let text = text.trim_start();
        if let Some(start) = text.strip_suffix("<unfinished ...>") {
            // An answer may be on its way before the call returns.
            seen.answered(start);
            begun.insert(process, (number, start.to_owned()));
        } else if let Some((_, rest)) = text.strip_prefix("<... ").and_then(|text| text.split_once("resumed>")) {
            if let Some((began, start)) = begun.remove(process) {
                seen.take(&format!("{start}{rest}"), tree, began);
            }
        } else {
            seen.answered(text);
            seen.take(text, tree, number);
        }
    }
    seen
}

fn call(text: &str) -> Option<Call<'_>> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    Some(Call { name, arguments, failed: result.trim_start().starts_with('-') })
}

/// The path of each descriptor, as `-y` writes it, and each text in quotes, in their order.
fn parts(arguments: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut paths, mut texts, mut rest) = (Vec::new(), Vec::new(), arguments);
    while let Some(at) = rest.find(['<', '"']) {
        let (quoted, after) = (rest.as_bytes()[at] == b'"', &rest[at + 1..]);
        let end = if quoted { end_of_text(after) } else { after.find('>') };
        let Some(end) = end else { break };
        if quoted {
            texts.push(&after[..end]);
        } else {
            paths.push(&after[..end]);
        }
        rest = &after[end + 1..];
    }
    (paths, texts)
}

fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// What is thrown away, or not yet there, under any name that its directory has for it.
fn is_temporary(path: &str) -> bool {
    path.split('/').any(|segment| segment.starts_with(".tmp-"))
}

fn parent(path: &str) -> String {
    path.rsplit_once('/').map(|(parent, _)| parent.to_owned()).unwrap_or_default()
}

impl Seen {
    fn answered(&mut self, text: &str) {
        let is_answer = text.contains("<socket:[") || text.contains("<TCP:[");
        if !is_answer || !text.contains("\"HTTP/1.1 20") {
            return;
        }
        self.acknowledged += 1;
        for loose in self.loose_files.keys().chain(self.loose_directories.keys()) {
            self.wrong.push(format!("answer {} was given while {loose} was not synced", self.acknowledged));
        }
    }

    /// A call that began on that line, and is done now.
    fn take(&mut self, text: &str, tree: &str, began: usize) {
        let Some(Call { name, arguments, failed: false }) = call(text) else { return };
        if name == "syncfs" {
            self.loose_files.retain(|_, since| *since > began);
            self.loose_directories.retain(|_, since| *since > began);
            return;
        }
        let (paths, texts) = parts(arguments);
        let Some(path) = paths.first().filter(|path| path.starts_with(tree)).copied() else { return };
        match (name, paths.as_slice(), texts.as_slice()) {
            ("write" | "pwrite64" | "writev" | "ftruncate", ..) => {
                self.loose_files.insert(path.to_owned(), self.line);
                if let Some(text) = texts.first() {
                    self.texts.insert(path.to_owned(), (*text).to_owned());
                }
            }
            ("openat", _, [file, ..]) if arguments.contains("O_CREAT") => {
                let file = format!("{path}/{file}");
                // Opened for appending, it may have been there.
                if !is_temporary(&file) && !self.named.contains(&file) {
                    self.loose_directories.insert(path.to_owned(), self.line);
                }
                self.named.insert(file);
            }
            ("mkdirat", ..) => _ = self.loose_directories.insert(path.to_owned(), self.line),
            ("unlinkat", _, [file, ..]) => {
                let file = format!("{path}/{file}");
                self.loose_files.remove(&file);
                self.named.remove(&file);
                if !is_temporary(&file) {
                    self.loose_directories.insert(path.to_owned(), self.line);
                }
            }
            ("fsync" | "fdatasync", ..) => {
                self.loose_files.remove(path);
                self.loose_directories.remove(path);
            }
            ("renameat" | "renameat2", [from, to], [old, new]) => {
                self.renamed(&format!("{from}/{old}"), &format!("{to}/{new}"));
            }
            _ => {}
        }
    }

    fn renamed(&mut self, old: &str, new: &str) {
        if self.loose_files.remove(old).is_some() {
            self.wrong.push(format!("{new} got its name before its bytes were synced"));
        }
        if !is_temporary(old) {
            self.loose_directories.insert(parent(old), self.line);
        }
        if is_temporary(new) {
            let below = format!("{old}/");
            let gone = |path: &String| path == old || path.starts_with(&below);
            self.named.retain(|path| !gone(path));
            self.loose_directories.retain(|path, _| !gone(path));
            return;
        }
        if new.ends_with("/link") {
            self.linked(old, new);
        }
        self.loose_directories.insert(parent(new), self.line);
        self.named.insert(new.to_owned());
    }

    /// What a link names must be there for good.
    fn linked(&mut self, old: &str, link: &str) {
        self.links += 1;
        let Some((algorithm, hash)) = self.texts.get(old).and_then(|digest| digest.split_once(':')) else {
            return self.wrong.push(format!("{link} was written without a digest"));
        };
        let repositories = link.find("/repositories/").unwrap_or_default();
        let data = format!("{}/blobs/{algorithm}/{}/{hash}/data", &link[..repositories], &hash[..2]);
        let mut named = vec![data];
        // An entry in a tag's index may name a manifest that is not there: so does each after that was deleted.
        if let Some((repository, _)) = link.split_once("/_manifests/tags/").filter(|_| link.ends_with("/current/link"))
        {
            named.push(format!("{repository}/_manifests/revisions/{algorithm}/{hash}/link"));
        }
        for path in named {
            if !self.named.contains(&path) || self.loose_directories.contains_key(&parent(&path)) {
                self.wrong.push(format!("{link} was written before {path} was there for good"));
            }
        }
    }
}
