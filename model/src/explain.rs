//! What the model says of one manifest, in words.
//!
//! For operators: which entries of this index must exist under these options, and why; or why it is refused.

use std::fmt;

use crate::manifest::{Kind, Manifest, derive, read};
use crate::manifests::{Problem, blob_problem, entry_problem};
use crate::rules::{RuleId, rule};
use crate::specification::Specification;
use crate::state::State;
use crate::step::At;

/// What the model says of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A registry under these options takes it, given that what must exist does.
    pub accepted: bool,
    /// The text, line by line.
    lines: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Explains a manifest. Without a content type, it is taken for what its bytes say.
///
/// ```
/// use proofhouse_model::*;
/// let spec = Specification::new(Dialect::Proofhouse, Options::default())?;
/// let text = explain(&spec, None, br#"{"schemaVersion": 1}"#).to_string();
/// assert!(text.contains("refused"));
/// # Ok::<(), OptionsError>(())
/// ```
pub fn explain(spec: &Specification, content_type: Option<&str>, bytes: &[u8]) -> Explanation {
    let digest = format!("{} bytes, {}", bytes.len(), crate::digest_of("sha256", bytes));
    let refused = |id: RuleId, reason: &str| {
        let sentence = rule(id).map(|rule| format!("rule {}: {}", rule.id, rule.sentence));
        let lines = vec![digest.clone(), format!("refused: {reason}")].into_iter().chain(sentence).collect();
        Explanation { accepted: false, lines }
    };
    let kind = match content_type {
        Some(content_type) => Kind::of(content_type),
        None => derive(bytes),
    };
    let Some(kind) = kind else {
        let reason = content_type.map_or_else(
            || "it is not a JSON object".to_owned(),
            |it| format!("the Content-Type {it} is no manifest's"),
        );
        return refused(RuleId("manifest.type"), &reason);
    };
    if bytes.len() as u64 > spec.options().max_manifest_bytes {
        return refused(
            RuleId("manifest.size"),
            &format!("it is longer than {} bytes", spec.options().max_manifest_bytes),
        );
    }
    match read(kind, bytes) {
        Err(malformed) => refused(malformed.rule, &malformed.reason),
        Ok(manifest) => {
            let (accepted, references) = explain_references(spec, &manifest);
            let verdict = if accepted {
                "accepted, if every blob and manifest marked `must exist` does"
            } else {
                "refused: see the layers marked `refused`"
            };
            let mut lines = vec![digest, format!("type {}", kind.media_type()), verdict.to_owned()];
            lines.extend(references);
            lines.extend(manifest.subject.iter().map(|it| format!("  subject {}: need not exist", it.digest)));
            Explanation { accepted, lines }
        }
    }
}

/// In an empty repository, what must exist is what is missing.
fn explain_references(spec: &Specification, manifest: &Manifest) -> (bool, Vec<String>) {
    let empty = State::default();
    let at = At { spec, state: &empty, head: false };
    let skipped = spec.options().skip_layer_verification;
    let mut accepted = true;
    let mut lines = Vec::new();
    for (at_index, blob) in manifest.config.iter().chain(&manifest.layers).enumerate() {
        let (name, is_layer) =
            if at_index == 0 { ("config".to_owned(), false) } else { (format!("layers[{}]", at_index - 1), true) };
        let said = match blob_problem(&at, "a", manifest.kind, blob, is_layer) {
            _ if skipped => "need not exist: verification is skipped",
            Some(Problem::Url) => {
                accepted = false;
                "refused: its URLs are missing or not permitted"
            }
            Some(_) => "must exist in the repository",
            None => "need not exist: it is a foreign layer with permitted URLs",
        };
        lines.push(format!("  {name} {}: {said}", blob.digest));
    }
    for (at_index, entry) in manifest.entries.iter().enumerate() {
        let platform = match &entry.platform {
            Some((architecture, os)) => format!("platform {architecture}/{os}"),
            None => "no platform".to_owned(),
        };
        let said = match entry_problem(&at, "a", entry) {
            _ if skipped => "need not exist: verification is skipped".to_owned(),
            Some(Problem::SelectedEntry) => format!("must exist: a filter selects {platform}"),
            Some(_) => "must exist: every entry is validated".to_owned(),
            None if !spec.options().validate_index => "need not exist: index validation is off".to_owned(),
            None => format!("need not exist: no filter selects {platform}"),
        };
        lines.push(format!("  manifests[{at_index}] {} ({platform}): {said}", entry.digest));
    }
    (accepted, lines)
}
