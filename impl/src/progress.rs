//! How far a long piece of work has come: for whoever waits for it.

/// Is told how a collection or a check goes on. `()` does not listen.
pub trait Progress: Send + Sync {
    /// A part of the work begins: what it is, as in `reading repositories`, and of how many steps, if that is known.
    fn stage(&self, what: &str, steps: Option<u64>);

    /// One more step of this part is done.
    fn step(&self);
}

impl Progress for () {
    fn stage(&self, _what: &str, _steps: Option<u64>) {}

    fn step(&self) {}
}
