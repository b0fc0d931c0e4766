//! What the model says of one manifest, in words.
//!
//! For operators: which entries of this index must exist under these options, and why; or why it is refused.

use std::fmt;

use crate::content::Content;
use crate::manifest::{Kind, Manifest, derive};
use crate::manifests::{Push, named};
use crate::options::Platform;
use crate::refusal::Why;
use crate::rules::rule;
use crate::specification::Specification;
use crate::state::State;
use crate::step::At;

/// What the model says of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A registry under these options takes it, given that what must exist does.
    pub accepted: bool,
    /// The text, line by line; what the manifest says stands in one line, whatever it is.
    pub lines: Vec<String>,
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
    let bytes = &Content::from(bytes);
    let at = &At { spec, state: &State::default(), repo: "a", head: false };
    // What is no document at all has no type of its own, and is refused as any.
    let own = derive(bytes).unwrap_or(Kind::OciManifest).media_type();
    let content_type = content_type.unwrap_or(own);
    let push = Push { at, reference: "explained", content_type: Some(content_type), tags: &[], bytes };
    let accepted = match push.understood() {
        Err(refusal) => {
            let reason = match refusal.why {
                Why::Document(reason) => reason,
                Why::ManifestTooLarge => "it is too long".to_owned(),
                _ => format!("the Content-Type {content_type} is no manifest's"),
            };
            lines.push(format!("refused: {reason}"));
            lines.extend(rule(refusal.rule).map(|rule| format!("rule {}: {}", rule.id, rule.sentence)));
            false
        }
        Ok(manifest) => {
            let (accepted, references) = explain_references(at, &manifest);
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

/// In an empty repository, what must exist is what is missing.
fn explain_references(at: &At, manifest: &Manifest) -> (bool, Vec<String>) {
    let options = at.options();
    let otherwise = match manifest.kind.is_list() {
        _ if options.skip_layer_verification => "need not exist: verification is skipped",
        false => "need not exist: it is a foreign layer with permitted URLs",
        true if options.validate_index => "need not exist: no filter selects its platform",
        true => "need not exist: index validation is off",
    };
    let mut accepted = true;
    let mut lines = Vec::new();
    for (number, (it, problem)) in named(at, manifest).into_iter().enumerate() {
        let name = match (manifest.kind.is_list(), &it.platform) {
            (true, Some(Platform { architecture, os })) => {
                format!("manifests[{number}] (platform {architecture}/{os})")
            }
            (true, None) => format!("manifests[{number}] (no platform)"),
            (false, _) if number == 0 => "config".to_owned(),
            (false, _) => format!("layers[{}]", number - 1),
        };
        let need = match problem {
            None => otherwise,
            Some("manifest.urls") => "refused: its URLs are missing or not permitted",
            Some("index.entries") => "must exist: every entry is validated",
            Some("index.entries.platform") => "must exist: a filter selects its platform",
            Some(_) => "must exist in the repository",
        };
        accepted &= problem != Some("manifest.urls");
        lines.push(format!("  {name} {}: {need}", it.digest));
    }
    (accepted, lines)
}
