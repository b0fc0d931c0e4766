//! Finding everything that looks like a digest in bytes of any kind.
//!
//! Another registry may have taken a document that this one refuses to read, with keys in another case, say. What it names is
//! then not known, but it is surely among the digests that are written in it, plainly or with JSON's escapes. Bytes come in
//! pieces of any size; held are the last few of them, and what was found.

use std::collections::BTreeSet;

use futures::StreamExt as _;

use crate::digest::{Algorithm, Digest};
use crate::driver::{Driver, DriverError};
use crate::paths;

/// One byte less than the longest digest has: what must be kept when more bytes come.
const KEPT: usize = 134;

/// Every digest that stands in the bytes of `digest`.
pub(super) async fn digests_in(driver: &dyn Driver, digest: &Digest) -> Result<BTreeSet<Digest>, DriverError> {
    let mut content = driver.reader(&paths::blob_data(digest), 0, None).await?;
    let mut scan = Scan::default();
    while let Some(chunk) = content.next().await {
        scan.push(&chunk?);
    }
    Ok(scan.found)
}

#[derive(Default)]
struct Scan {
    /// An escape whose end has not come yet.
    escape: Vec<u8>,
    /// The last bytes, without escapes.
    text: Vec<u8>,
    found: BTreeSet<Digest>,
}

impl Scan {
    fn push(&mut self, chunk: &[u8]) {
        let mut rest = [std::mem::take(&mut self.escape), chunk.to_vec()].concat();
        let mut at = 0;
        while let Some(plain) = rest[at..].iter().position(|byte| *byte == b'\\') {
            self.text.extend_from_slice(&rest[at..at + plain]);
            at += plain;
            let Some((byte, length)) = unescape(&rest[at..]) else {
                self.escape = rest.split_off(at);
                self.search();
                return;
            };
            self.text.push(byte);
            at += length;
        }
        self.text.extend_from_slice(&rest[at..]);
        self.search();
    }

    fn search(&mut self) {
        let text = &self.text;
        for colon in (0..text.len()).filter(|at| text[*at] == b':') {
            for algorithm in Algorithm::ALL {
                let start = colon.checked_sub(algorithm.as_str().len());
                let written = start.and_then(|start| text.get(start..=colon + algorithm.hex_len()));
                let written = written.and_then(|written| std::str::from_utf8(written).ok());
                self.found.extend(written.and_then(|written| written.parse::<Digest>().ok()));
            }
        }
        let done = self.text.len().saturating_sub(KEPT);
        self.text.drain(..done);
    }
}

/// What an escape at the beginning of these bytes means, and how long it is; nothing if more bytes must come. What is no digit,
/// letter or colon may mean anything, since no digest has it.
fn unescape(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes.get(1)? {
        b'u' => {
            let digits = bytes.get(2..6)?;
            let code = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
            // What is no escape after all is taken as it stands.
            Some(code.map_or((b'\\', 1), |code| (u8::try_from(code).unwrap_or(b'?'), 6)))
        }
        _ => Some((b'\\', 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> Vec<Digest> {
        let mut scan = Scan::default();
        pieces.iter().for_each(|piece| scan.push(piece));
        scan.found.into_iter().collect()
    }

    #[test]
    fn digests_are_found_wherever_they_stand_and_however_the_bytes_come() {
        let (short, long) = (Digest::of(Algorithm::Sha256, b"a"), Digest::of(Algorithm::Sha512, b"b"));
        let escaped: String = short.as_str().bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        let texts = [
            format!("{short}{long}"),
            format!("{{\"x\":[\"{short}\"],\"{long}\":\u{fffd}"),
            format!("\\\\{escaped}\\n\\{long}00"),
            format!("\\uD800\\u{short}\\/sha512\\u003A{}", long.hex()),
        ];
        for text in texts {
            let expected = [short.clone(), long.clone()];
            assert_eq!(found(&[text.as_bytes()]), expected, "{text}");
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(found(&single), expected, "{text}");
            for at in 0..text.len() {
                assert_eq!(found(&[&text.as_bytes()[..at], &text.as_bytes()[at..]]), expected, "{text} at {at}");
            }
        }
    }

    #[test]
    fn what_is_no_digest_is_not_found() {
        let hex = "0".repeat(63);
        for text in ["sha256:", &format!("sha256:{hex}"), &format!("sha256:{hex}G"), &format!("sha384:{hex}00"), ":::"]
        {
            assert!(found(&[text.as_bytes()]).is_empty(), "{text}");
        }
    }
}
