//! Text of others in XML and HTML.

use super::foreign;

/// The text so that it stands for itself between tags and in attributes, in HTML and in XML 1.0.
///
/// What a terminal obeys is escaped as everywhere, but for line breaks; what XML cannot hold at all becomes U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| foreign(line, usize::MAX)).collect();
    let mut out = String::with_capacity(text.len());
    for character in lines.join("\n").chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_escaped_is_markup() {
        let text = "<script>\"it's\" & \u{0}\u{1b}[1m\u{202e}\u{ffff}]]>\né";
        let expected = "&lt;script&gt;&quot;it&#39;s&quot; &amp; \\u{0}\\u{1b}[1m\\u{202e}\u{fffd}]]&gt;\né";
        assert_eq!(escaped(text), expected);
    }
}
