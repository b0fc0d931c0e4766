//! Content digests: which bytes these are, in one line of text.
//!
//! A [`Digest`] is parsed once at the edge and trusted from then on: whoever holds one holds a well-formed sha256 or
//! sha512 digest. [`Hasher`] makes one from a stream, and can be put to sleep between two requests of one upload.
//!
//! Source: OCI image-spec, "Digests"; which algorithms are known: `docs/behaviour.md`, `DIGEST_INVALID`.

use std::fmt;
use std::str::FromStr;

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

use crate::sync::Arc;

/// A hash algorithm that this registry knows. Anything else is refused, never guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, the one that everybody uses.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every known algorithm, in the order of their names.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name as it stands before the colon of a digest, and in paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits a digest of this algorithm has.
    #[must_use]
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The algorithm of this name, compared exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A well-formed digest, `<algorithm>:<lower-case hex>`.
///
/// Order, equality and hash are those of the text. A clone shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    // The text comes first: the derived order is then the order of the text.
    text: Arc<str>,
    algorithm: Algorithm,
}

/// This text is no digest that this registry knows: malformed, or of an unknown algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest; write sha256:<64 lower-case hex digits> or sha512:<128 lower-case hex digits>")]
pub struct InvalidDigest(
    /// The text as it was given.
    pub String,
);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm before the colon.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hexadecimal digits after the colon.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.text.get(self.algorithm.as_str().len() + 1..).unwrap_or_default()
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The algorithm of a well-formed digest, nothing for any other text. Allocates nothing.
    #[must_use]
    pub fn check(text: &str) -> Option<Algorithm> {
        let (name, hex) = text.split_once(':')?;
        let algorithm = Algorithm::from_name(name)?;
        let well_formed =
            hex.len() == algorithm.hex_len() && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then_some(algorithm)
    }

    fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(algorithm.as_str().len() + 1 + 2 * hash.len());
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in hash {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        Self { text: text.into(), algorithm }
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match Self::check(text) {
            Some(algorithm) => Ok(Self { text: text.into(), algorithm }),
            None => Err(InvalidDigest(text.to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Makes a digest from bytes that come in pieces.
#[derive(Clone, Debug)]
pub struct Hasher(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// The algorithm it was made for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes it took.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_hash(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Digest::from_hash(Algorithm::Sha512, &state.finalize()),
        }
    }

    /// The state as bytes, so that another process can go on from here. Only sha256 can; sha512 gives nothing.
    ///
    /// These are sha2's own bytes (`SerializableState`): eight words of the chaining value, the number of whole blocks,
    /// the last block in part. They carry no checksum and no length; who stores them adds both.
    #[must_use]
    pub fn save(&self) -> Option<Vec<u8>> {
        match &self.0 {
            State::Sha256(state) => Some(state.serialize().to_vec()),
            State::Sha512(_) => None,
        }
    }

    /// Goes on from what [`save`](Self::save) gave. Nothing for sha512 and for bytes that cannot be a state.
    ///
    /// Most damaged states still look like one (sha2 takes any chaining value), so a checksum beside them is needed.
    #[must_use]
    pub fn restore(algorithm: Algorithm, state: &[u8]) -> Option<Self> {
        if algorithm != Algorithm::Sha256 {
            return None;
        }
        // The count of blocks must leave room for the length in bits, or finishing would overflow.
        let blocks = u64::from_le_bytes(state.get(32..40)?.try_into().ok()?);
        if blocks > u64::MAX >> 12 {
            return None;
        }
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        Some(Self(State::Sha256(Sha256::deserialize(&state).ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_of_known_bytes_are_known() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").as_str(), EMPTY);
        assert_eq!(
            Digest::of(Algorithm::Sha512, b"abc").as_str(),
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn a_digest_prints_as_it_was_read() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.algorithm(), Algorithm::Sha256);
        assert_eq!(digest.hex(), &EMPTY[7..]);
        let long = Digest::of(Algorithm::Sha512, b"");
        assert_eq!(long.as_str().parse::<Digest>().unwrap(), long);
        assert_eq!(long.hex().len(), 128);
    }

    #[test]
    fn what_is_not_quite_a_digest_is_refused_with_its_text() {
        let hex = &EMPTY[7..];
        for text in [
            String::new(),
            ":".into(),
            "sha256".into(),
            "sha256:".into(),
            hex.into(),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{hex}0"),
            format!("sha256:{}", hex.to_uppercase()),
            format!("SHA256:{hex}"),
            format!(" sha256:{hex}"),
            format!("sha256:{hex} "),
            format!("sha256:{hex}\n"),
            format!("sha512:{hex}"),
            format!("sha256:{hex}{hex}"),
            format!("sha384:{hex}{}", &hex[..32]),
            format!("md5:{}", &hex[..32]),
            format!("sha256:{}é", &hex[2..]),
            format!("sha256:g{}", &hex[1..]),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(InvalidDigest(text.clone())));
        }
    }

    #[test]
    fn digests_are_ordered_as_their_text_is() {
        let mut digests: Vec<Digest> = Vec::new();
        for n in 0..20_u8 {
            digests.push(Digest::of(Algorithm::Sha512, &[n]));
            digests.push(Digest::of(Algorithm::Sha256, &[n]));
        }
        let mut texts: Vec<String> = digests.iter().map(ToString::to_string).collect();
        digests.sort();
        texts.sort();
        assert_eq!(digests.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn hashing_in_pieces_gives_the_digest_of_the_whole() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            bytes.chunks(7).for_each(|chunk| hasher.update(chunk));
            assert_eq!(hasher.algorithm(), algorithm);
            assert_eq!(hasher.finish(), Digest::of(algorithm, &bytes));
        }
    }

    #[test]
    fn a_saved_sha256_state_goes_on_where_it_stopped() {
        let bytes: Vec<u8> = (0..300_u32).map(|n| (n % 251) as u8).collect();
        for stop in 0..bytes.len() {
            let mut first = Hasher::new(Algorithm::Sha256);
            first.update(&bytes[..stop]);
            let state = first.save().unwrap();
            let mut second = Hasher::restore(Algorithm::Sha256, &state).unwrap();
            second.update(&bytes[stop..]);
            assert_eq!(second.finish(), Digest::of(Algorithm::Sha256, &bytes));
        }
    }

    #[test]
    fn sha512_states_are_not_saved() {
        assert_eq!(Hasher::new(Algorithm::Sha512).save(), None);
        let state = Hasher::new(Algorithm::Sha256).save().unwrap();
        assert!(Hasher::restore(Algorithm::Sha512, &state).is_none());
    }

    #[test]
    fn a_state_that_has_seen_more_than_can_be_counted_is_none() {
        let mut state = Hasher::new(Algorithm::Sha256).save().unwrap();
        let most = u64::MAX >> 12;
        state[32..40].copy_from_slice(&most.to_le_bytes());
        let mut hasher = Hasher::restore(Algorithm::Sha256, &state).expect("so many blocks can be counted");
        hasher.update(b"more");
        assert_eq!(hasher.finish().algorithm(), Algorithm::Sha256);
        state[32..40].copy_from_slice(&(most + 1).to_le_bytes());
        assert!(Hasher::restore(Algorithm::Sha256, &state).is_none());
    }

    #[test]
    fn bytes_that_cannot_be_a_state_are_refused_and_never_panic() {
        let state = Hasher::new(Algorithm::Sha256).save().unwrap();
        assert!(Hasher::restore(Algorithm::Sha256, &[]).is_none());
        assert!(Hasher::restore(Algorithm::Sha256, &state[1..]).is_none());
        assert!(Hasher::restore(Algorithm::Sha256, &[&state[..], &[0]].concat()).is_none());
        for value in [0, 1, 63, 64, 65, 127, 255] {
            for at in 0..state.len() {
                let mut damaged = state.clone();
                damaged[at] = value;
                if let Some(mut hasher) = Hasher::restore(Algorithm::Sha256, &damaged) {
                    hasher.update(&[1; 200]);
                    let _ = hasher.finish();
                }
            }
        }
    }
}
