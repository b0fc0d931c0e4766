//! What the model says of one manifest, in words.
//!
//! For operators: which entries of this index must exist under these options, and why; or why it is refused.

use std::fmt;

use crate::manifest::{Kind, Malformed, Manifest, derive, read};
use crate::manifests::{blob_problem, entry_problem, layer_problem};
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
    let mut lines = vec![format!("{} bytes, {}", bytes.len(), crate::digest_of("sha256", bytes))];
    let accepted = match understood(spec, content_type, bytes) {
        Err(malformed) => {
            lines.push(format!("refused: {}", malformed.reason));
            lines.extend(rule(malformed.rule).map(|rule| format!("rule {}: {}", rule.id, rule.sentence)));
            false
        }
        Ok(manifest) => {
            let (accepted, references) = explain_references(spec, &manifest);
            lines.push(format!("type {}", manifest.kind.media_type()));
            lines.push(match accepted {
                true => "accepted, if every blob and manifest marked `must exist` does".to_owned(),
                false => "refused: see the layers marked `refused`".to_owned(),
            });
            lines.extend(references);
            lines.extend(manifest.subject().map(|digest| format!("  subject {digest}: need not exist")));
            accepted
        }
    };
    Explanation { accepted, lines }
}

fn understood(spec: &Specification, content_type: Option<&str>, bytes: &[u8]) -> Result<Manifest, Malformed> {
    let limit = spec.options().max_manifest_bytes;
    let malformed = |rule, reason| Malformed { rule: RuleId(rule), reason };
    let kind = match content_type {
        None => derive(bytes).ok_or_else(|| malformed("manifest.type", "it is not a JSON object".to_owned()))?,
        Some(it) => {
            Kind::of(it).ok_or_else(|| malformed("manifest.type", format!("the Content-Type {it} is no manifest's")))?
        }
    };
    if bytes.len() as u64 > limit {
        return Err(malformed("manifest.size", format!("it is longer than {limit} bytes")));
    }
    read(kind, bytes)
}

/// In an empty repository, what must exist is what is missing.
fn explain_references(spec: &Specification, manifest: &Manifest) -> (bool, Vec<String>) {
    let at = At { spec, state: &State::default(), head: false };
    let skipped = spec.options().skip_layer_verification;
    let mut accepted = true;
    let mut said = |name: String, digest: &str, problem: Option<&str>, otherwise: &str| {
        let need = match problem {
            _ if skipped => "need not exist: verification is skipped",
            None => otherwise,
            Some("manifest.urls") => "refused: its URLs are missing or not permitted",
            Some("index.entries") => "must exist: every entry is validated",
            Some("index.entries.platform") => "must exist: a filter selects its platform",
            Some(_) => "must exist in the repository",
        };
        accepted &= !need.starts_with("refused");
        format!("  {name} {digest}: {need}")
    };
    let mut lines = Vec::new();
    if let Some(config) = &manifest.config {
        lines.push(said("config".into(), &config.digest, blob_problem(&at, "a", config), ""));
    }
    for (number, layer) in manifest.layers.iter().enumerate() {
        let problem = layer_problem(&at, "a", manifest.kind, layer);
        let otherwise = "need not exist: it is a foreign layer with permitted URLs";
        lines.push(said(format!("layers[{number}]"), &layer.digest, problem, otherwise));
    }
    let otherwise = match spec.options().validate_index {
        false => "need not exist: index validation is off",
        true => "need not exist: no filter selects its platform",
    };
    for (number, entry) in manifest.entries.iter().enumerate() {
        let platform = match &entry.platform {
            Some((architecture, os)) => format!("platform {architecture}/{os}"),
            None => "no platform".to_owned(),
        };
        let name = format!("manifests[{number}] ({platform})");
        lines.push(said(name, &entry.digest, entry_problem(&at, "a", entry), otherwise));
    }
    (accepted, lines)
}
