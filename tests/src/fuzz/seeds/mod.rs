//! What the fuzzers begin with.
//!
//! [`all`] makes every seed. `cargo run -p proofhouse-tests --example seeds` writes them to `fuzz/corpus/`, and a test holds that
//! directory to them. They are of three kinds: documents as Docker, buildx, cosign, Helm, Flux and ORAS push them; one document for each edge of a rule; and one input for each thing that another target can be asked.

mod images;
mod indexes;
mod rules;
mod sequences;
mod texts;
mod wire;

/// A seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Of which target.
    pub target: &'static str,
    /// Of its file.
    pub name: String,
    /// What the target gets.
    pub bytes: Vec<u8>,
}

impl Seed {
    fn new(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { target, name: name.into(), bytes: bytes.into() }
    }
}

/// Every seed of every target. Each time the same.
pub fn all() -> Vec<Seed> {
    let kinds = [images::seeds(), rules::seeds(), indexes::seeds(), sequences::seeds(), texts::seeds(), wire::seeds()];
    kinds.into_iter().flatten().collect()
}
