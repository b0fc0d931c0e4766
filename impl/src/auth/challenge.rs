//! The value of `WWW-Authenticate`: a scheme and its parameters, quoted so that nothing a client wrote can add to them.
//!
//! Source: RFC 9110, section 11.6.1; for bearer tokens RFC 6750, section 3.

/// `Basic realm="…",service="…"`.
pub(super) fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
    format!("{scheme} {}", parameters.join(","))
}

/// What may stand between quotes in a header. What no header may hold becomes a question mark.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_parameter_ends_it() {
        assert_eq!(challenge("Basic", &[("realm", "a b")]), r#"Basic realm="a b""#);
        assert_eq!(
            challenge("Bearer", &[("realm", r#"x",error="y\"#), ("scope", "a\r\nB: c\u{e9}\0")]),
            r#"Bearer realm="x\",error=\"y\\",scope="a??B: c??""#
        );
    }
}
