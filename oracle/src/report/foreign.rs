//! Text that somebody else wrote: a registry, a manifest, a file.
//!
//! It may be of any length, and a terminal obeys some of its characters. Whatever is shown goes through here.

use std::fmt::Write as _;

/// Characters of one text that are shown where nothing else is said.
pub const SHOWN: usize = 3_000;

/// The text with every character escaped that a terminal obeys or that does not show, cut after `most` characters of it.
///
/// What is cut says how long the whole is. Text that was rendered once is left as it is.
///
/// ```
/// use proofhouse::report::foreign;
/// assert_eq!(foreign("plain text", 80), "plain text");
/// assert_eq!(foreign("\x1b[31mred\u{202e}", 80), r"\u{1b}[31mred\u{202e}");
/// assert_eq!(foreign("abcdef", 3), "abc… (6 bytes)");
/// ```
pub fn foreign(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for (count, character) in text.chars().enumerate() {
        if count == most {
            let _ = write!(out, "… ({} bytes)", text.len());
            break;
        }
        if is_obeyed(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// JSON with the same characters escaped, which changes no value.
pub(super) fn in_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for character in document.chars() {
        // Line breaks stand between values; in them they are escaped already.
        if is_obeyed(character) && character != '\n' {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, marks and overrides of direction, line separators, and what has no width.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        let all: String = ('\0'..='\u{e0fff}').filter(|it| is_obeyed(*it)).collect();
        let shown = foreign(&all, usize::MAX);
        assert!(shown.is_ascii() && !shown.contains(char::is_control), "{shown}");
        assert_eq!(foreign(&shown, usize::MAX), shown, "once is enough");
        assert_eq!(foreign("é… 日本 \\n", 80), "é… 日本 \\n");
    }

    #[test]
    fn a_long_text_is_cut_and_says_how_long_it_is() {
        assert_eq!(foreign(&"é".repeat(1_000_000), 2), "éé… (2000000 bytes)");
        assert_eq!(foreign("ab", 2), "ab");
    }

    #[test]
    fn json_means_the_same_when_it_is_shown() {
        let value = serde_json::json!({"a\u{202e}": "\u{1b}\u{9b}\u{e0041}\n é"});
        let shown = in_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.contains(|it| is_obeyed(it) && it != '\n'), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
