//! What a registry repeats of what it was shown.
//!
//! An answer is shown to whoever reads a report, and a page of errors may have the request in it. So in the headers of every answer, and in the
//! body of each that refuses or fails, secrets are written over: what was shown with the request, the password, the token. Bodies of
//! answers that succeed are what was pushed, and stay as they are.

use reqwest::header::HeaderValue;

use super::{Credentials, Secret};
use crate::wire::Answer;

/// What is shorter stands in many words, and is not worth hiding.
const SHORTEST: usize = 4;

impl Credentials {
    /// Writes over each secret in an answer to a request with that header.
    pub(in super::super) fn mask(&self, header: &HeaderValue, answer: &mut Answer) {
        // Basic or Bearer; what follows is the secret.
        let header = header.as_bytes();
        let shown = header.iter().position(|byte| *byte == b' ').map_or(header, |space| &header[space + 1..]);
        let own = match self {
            Credentials::Password { password: secret, .. }
            | Credentials::Identity(secret)
            | Credentials::Token(secret) => Some(secret),
            Credentials::Nobody | Credentials::Helper { .. } => None,
        };
        for secret in [Some(shown), own.map(Secret::told).map(str::as_bytes)].into_iter().flatten() {
            for value in answer.headers.values_mut() {
                let masked = over(value.as_bytes(), secret).and_then(|masked| HeaderValue::from_bytes(&masked).ok());
                masked.into_iter().for_each(|masked| *value = masked);
            }
            if !(200..300).contains(&answer.status) {
                over(&answer.body, secret).into_iter().for_each(|masked| answer.body = masked);
            }
        }
    }
}

/// The same length, so that what says how long it is stays right. None: it is not in there.
fn over(text: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    if secret.len() < SHORTEST {
        return None;
    }
    let mut masked = text.to_vec();
    let mut at = 0;
    while let Some(found) = masked[at..].windows(secret.len()).position(|part| part == secret) {
        at += found;
        masked[at..at + secret.len()].fill(b'*');
    }
    (masked != text).then_some(masked)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn what_is_repeated_of_a_secret_is_written_over_and_what_was_pushed_is_not() {
        let credentials = Credentials::password("bob", Secret::new("hush123")).unwrap();
        let header = HeaderValue::from_static("Basic Ym9iOmh1c2gxMjM=");
        let answer = |status, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-echo", HeaderValue::from_static("bob:hush123"));
            Answer { status, headers, body: body.into(), ..Answer::default() }
        };
        for (status, body, masked) in [
            (500, "Basic Ym9iOmh1c2gxMjM=, hush123hush123", "Basic ****************, **************"),
            (307, "hush123", "*******"),
            (200, "hush123", "hush123"),
            (404, "nothing", "nothing"),
        ] {
            let mut answer = answer(status, body);
            credentials.mask(&header, &mut answer);
            assert_eq!(String::from_utf8_lossy(&answer.body), masked);
            assert_eq!(answer.headers["x-echo"], "bob:*******");
        }
        let short = Credentials::password("bob", Secret::new("a")).unwrap();
        let mut answer = answer(500, "a banana");
        short.mask(&HeaderValue::from_static("Basic Ym9iOmE="), &mut answer);
        assert_eq!(answer.body, b"a banana");
    }
}
