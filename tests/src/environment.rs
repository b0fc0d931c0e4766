//! What the environment asks of a suite: how much, and where it begins.

/// The number that a variable says; else the default.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}
