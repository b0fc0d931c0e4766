//! What a client gives back of an upload, and what the disk does: the token in its Location, and a hasher that sleeps.
//!
//! Neither may be taken for one that was never given out. The first byte says what the rest is: a token as text; the change to a
//! token that is one; a file; the change to a file that is one.

use proofhouse_registry::blob::HashState;
use proofhouse_registry::digest::{Algorithm, Hasher};

use super::Taken;
use super::http::SECRET;

/// Reads the rest as what the first byte says.
///
/// # Panics
/// If something is taken that was not given out, or the other way around.
pub fn upload_state_token(data: &[u8]) -> Taken {
    let Some((kind, rest)) = data.split_first() else { return Taken::No };
    match kind % 4 {
        0 => token(&String::from_utf8_lossy(rest)),
        1 => {
            let size = u64::from(rest.first().copied().unwrap_or_default()) << 7;
            token(&String::from_utf8_lossy(&changed(SECRET.issue("a/b", "id", size).as_bytes(), rest)))
        }
        2 => file(rest),
        _ => {
            let mut hasher = Hasher::new(Algorithm::Sha256);
            hasher.update(&rest[..rest.len().min(3)]);
            let state = HashState { hasher, offset: rest.len().min(3) as u64 };
            file(&changed(&state.encode().unwrap_or_default(), rest))
        }
    }
}

/// Changes what is given at places and by values that the bytes say, two for each; after an odd one it is cut there.
fn changed(given: &[u8], by: &[u8]) -> Vec<u8> {
    let mut changed = given.to_vec();
    for edit in by.get(1..).unwrap_or_default().chunks(2) {
        let at = usize::from(edit[0]) % changed.len().max(1);
        match edit.get(1) {
            Some(value) => changed[at] ^= value,
            None => changed.truncate(at),
        }
        if changed.is_empty() {
            break;
        }
    }
    changed
}

fn token(text: &str) -> Taken {
    let size = SECRET.verify("a/b", "id", text);
    if let Some(size) = size {
        assert_eq!(SECRET.issue("a/b", "id", size), text, "a token that was never issued");
        assert_eq!(SECRET.verify("a", "b/id", text), None, "a token is good for another upload");
    } else if let Some(size) = text.split_once('.').and_then(|(size, _)| size.parse().ok()) {
        assert_ne!(SECRET.issue("a/b", "id", size), text, "a token that was issued is not taken");
    }
    Taken::of(size.is_some())
}

fn file(bytes: &[u8]) -> Taken {
    assert!(HashState::decode(Algorithm::Sha512, bytes).is_none(), "sha512 does not sleep");
    let state = HashState::decode(Algorithm::Sha256, bytes);
    if let Some(state) = &state {
        assert_eq!(state.encode().as_deref(), Some(bytes), "a file that was never written");
    }
    Taken::of(state.is_some())
}
