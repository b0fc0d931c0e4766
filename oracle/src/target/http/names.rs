//! Names on the way to a registry of others and back.
//!
//! Everything of a case lives under a prefix that nothing else uses, so each attempt begins in repositories that nobody has
//! seen. Well-formed names stay so and the others do not become so; what comes back loses the prefix again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The longest name of a repository in bytes.
const LONGEST: usize = 255;

/// The names of one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    prefix: String,
    /// Names that had to be cut, by what became of them. All clients of a case know them: one lists what another pushed.
    cut: Rc<RefCell<BTreeMap<String, String>>>,
}

impl Names {
    pub(super) fn new(prefix: String) -> Names {
        Names { prefix, cut: Rc::default() }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name in the registry. A name that would become too long is cut so that it is as long as it was.
    pub(super) fn there(&self, name: &str) -> String {
        let whole = format!("{}/{name}", self.prefix);
        let excess = whole.len() - name.len();
        if whole.len() <= LONGEST || name.len() <= excess || !name.is_ascii() {
            return whole;
        }
        let cut = format!("{}/{}", self.prefix, &name[excess..]);
        self.cut.borrow_mut().insert(cut.clone(), name.to_owned());
        cut
    }

    /// The name as the case has it. None: it is not of this case.
    pub(super) fn here(&self, name: &str) -> Option<String> {
        let cut = self.cut.borrow().get(name).cloned();
        cut.or_else(|| name.strip_prefix(&self.prefix)?.strip_prefix('/').map(str::to_owned))
    }
}

/// A path of segments, each percent-encoded; `/` in a segment too.
pub(super) fn segment(text: &str) -> String {
    encoded(text, b"-._~:+@=")
}

/// A repository's name as a path: its slashes stay.
pub(super) fn path(name: &str) -> String {
    encoded(name, b"-._~:+@=/")
}

/// The value of a query parameter.
pub(super) fn value(text: &str) -> String {
    encoded(text, b"-._~")
}

/// `?a=b&c=d`; empty if there are no parameters.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, text)| format!("{name}={}", value(text))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn encoded(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Can a URL say it at all? Segments `.` and `..` never arrive, however they are encoded.
pub(super) fn can_be_said(text: &str) -> bool {
    text.split('/').all(|segment| !matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_went() {
        let names = Names::new("proofhouse/1".into());
        for name in ["a", "b/c", "", "a//b", "Library"] {
            let there = names.there(name);
            assert_eq!(names.here(&there).as_deref(), Some(name));
        }
        assert_eq!(names.there("b/c"), "proofhouse/1/b/c");
        assert_eq!(names.here("proofhouse/10/a"), None);
        assert_eq!(names.here("library/alpine"), None);
    }

    #[test]
    fn a_long_name_stays_as_long_as_it_was() {
        let names = Names::new("proofhouse/1".into());
        let of_another_client = names.clone();
        for length in [250, 255, 256, 300] {
            let name = "l".repeat(length);
            let there = names.there(&name);
            assert_eq!(there.len(), length);
            assert!(there.starts_with("proofhouse/1/l"));
            assert_eq!(names.here(&there).as_ref(), Some(&name));
            assert_eq!(of_another_client.here(&there), Some(name));
        }
    }

    #[test]
    fn what_is_not_plain_is_percent_encoded() {
        assert_eq!(path("a b/ü?"), "a%20b/%C3%BC%3F");
        assert_eq!(segment("a/b%2F"), "a%2Fb%252F");
        assert_eq!(query(&[("digest", "sha256:ab"), ("n", "+1")]), "?digest=sha256%3Aab&n=%2B1");
        assert_eq!(query(&[]), "");
    }

    #[test]
    fn dot_segments_cannot_be_said() {
        assert!(!can_be_said("../a"));
        assert!(!can_be_said("."));
        assert!(can_be_said("a..b/.c"));
        let url = url::Url::parse("http://registry/v2/p/%2e%2e/x").unwrap();
        assert_eq!(url.path(), "/v2/x", "this is why");
    }
}
