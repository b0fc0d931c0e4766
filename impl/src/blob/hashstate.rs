//! A hasher put to sleep between two chunks of an upload.
//!
//! The file is ours: magic, version, algorithm, offset, checksum, then sha2's state. sha2 takes almost any bytes for a state
//! without complaint, hence the checksum; a state that distribution's Go wrote has another beginning. Whatever does not fit
//! is no state, and the content is hashed again: a state saves time and never decides anything.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `PHHS` |
//! | 1 | version, 1 |
//! | 1 | algorithm: 1 is sha256 |
//! | 8 | how many bytes the hasher has seen, little-endian |
//! | 32 | sha256 of all the other bytes |
//! | rest | sha2's state |

use sha2::Digest as _;

use crate::digest::{Algorithm, Hasher};

const MAGIC: &[u8; 4] = b"PHHS";
const VERSION: u8 = 1;
/// No other algorithm can be put to sleep.
const SHA256: u8 = 1;
const HEADER: usize = 14;
const CHECKSUM: usize = 32;

/// A hasher and how many bytes it has seen.
#[derive(Clone, Debug)]
pub struct HashState {
    /// The hasher.
    pub hasher: Hasher,
    /// How many bytes it has seen.
    pub offset: u64,
}

impl HashState {
    /// The file that holds it. Nothing if the algorithm cannot be put to sleep (sha512).
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let state = self.hasher.save()?;
        let mut file = Vec::with_capacity(HEADER + CHECKSUM + state.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&[VERSION, SHA256]);
        file.extend_from_slice(&self.offset.to_le_bytes());
        let checksum = checksum(&file, &state);
        file.extend_from_slice(&checksum);
        file.extend_from_slice(&state);
        Some(file)
    }

    /// What such a file holds, if every byte of it fits.
    #[must_use]
    pub fn decode(algorithm: Algorithm, file: &[u8]) -> Option<Self> {
        let (header, rest) = file.split_at_checked(HEADER)?;
        let (found, state) = rest.split_at_checked(CHECKSUM)?;
        let expected = [&MAGIC[..], &[VERSION, SHA256]].concat();
        let offset = header.strip_prefix(&expected[..])?;
        if found != checksum(header, state) {
            return None;
        }
        let offset = u64::from_le_bytes(offset.try_into().ok()?);
        Some(Self { hasher: Hasher::restore(algorithm, state)?, offset })
    }
}

fn checksum(header: &[u8], state: &[u8]) -> [u8; CHECKSUM] {
    sha2::Sha256::new().chain_update(header).chain_update(state).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn state() -> HashState {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&[7; 100]);
        HashState { hasher, offset: 100 }
    }

    #[test]
    fn a_state_wakes_up_as_it_went_to_sleep() {
        let file = state().encode().unwrap();
        assert!(file.starts_with(b"PHHS\x01\x01\x64\0\0\0\0\0\0\0"), "{}", file.escape_ascii());
        let woken = HashState::decode(Algorithm::Sha256, &file).unwrap();
        assert_eq!(woken.offset, 100);
        assert_eq!(woken.hasher.finish(), Digest::of(Algorithm::Sha256, &[7; 100]));
    }

    #[test]
    fn a_state_with_any_byte_changed_or_missing_is_none() {
        let file = state().encode().unwrap();
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(HashState::decode(Algorithm::Sha256, &damaged).is_none(), "byte {at}");
            assert!(HashState::decode(Algorithm::Sha256, &file[..at]).is_none(), "length {at}");
        }
        assert!(HashState::decode(Algorithm::Sha256, &[&file[..], &[0]].concat()).is_none());
    }

    #[test]
    fn foreign_states_are_none() {
        assert!(HashState::decode(Algorithm::Sha256, b"sha\x03 a state of Go's").is_none());
        assert!(HashState::decode(Algorithm::Sha256, &[0; 200]).is_none());
        assert!(HashState::decode(Algorithm::Sha512, &state().encode().unwrap()).is_none());
        assert!(HashState::decode(Algorithm::Sha512, &state().encode().unwrap()).is_none());
        assert!(HashState { hasher: Hasher::new(Algorithm::Sha512), offset: 0 }.encode().is_none());
    }
}
