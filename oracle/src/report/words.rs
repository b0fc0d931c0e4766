//! Operations in words, and text in lines.
//!
//! For people: digests are cut short (twelve digits tell those of one sequence apart) and lines are broken at the width of a
//! terminal. Machines read the JSON, where nothing is cut.

use proofhouse_model::{Content, Op, Range, UploadRef};

/// Hexadecimal digits of a digest that are shown.
const SHOWN_DIGITS: usize = 12;

/// Characters of a text that are shown.
const SHOWN_CHARACTERS: usize = 1_500;

/// Bytes of what is no text that are shown.
const SHOWN_BYTES: usize = 32;

/// `1 case`, `1,234 cases`.
pub fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What is asked, in words.
pub fn request(op: &Op) -> String {
    match op {
        Op::HeadBlob { repo, digest } => format!("HEAD blob {digest} in {}", name(repo)),
        Op::GetBlob { repo, digest, range } => {
            format!("GET blob {digest} in {}{}", name(repo), range.map(part).unwrap_or_default())
        }
        Op::DeleteBlob { repo, digest } => format!("DELETE blob {digest} in {}", name(repo)),
        Op::MountBlob { repo, digest, from, upload } => {
            let from = from.as_ref().map_or_else(|| "anywhere".to_owned(), |from| name(from));
            format!("mount blob {digest} into {} from {from}, or start {}", name(repo), number(*upload))
        }
        Op::StartUpload { repo, upload } => format!("start {} in {}", number(*upload), name(repo)),
        Op::PutBlob { repo, digest, bytes, upload } => {
            let (upload, bytes) = (number(*upload), content(bytes));
            format!("push blob {digest} to {} in one request, or start {upload}: {bytes}", name(repo))
        }
        Op::Append { repo, upload, range, bytes } => {
            let range = range.map(|(first, last)| format!(" as bytes {first}-{last}")).unwrap_or_default();
            format!("append to {} in {}{range}: {}", number(*upload), name(repo), content(bytes))
        }
        Op::UploadStatus { repo, upload } => format!("ask how far {} in {} is", number(*upload), name(repo)),
        Op::FinishUpload { repo, upload, digest, range, bytes } => {
            let digest = digest.as_deref().unwrap_or("(no digest)");
            let range = range.map(|(first, last)| format!(" as bytes {first}-{last}")).unwrap_or_default();
            let chunk = match bytes.is_empty() && range.is_empty() {
                true => String::new(),
                false => format!(", with a last chunk{range}: {}", content(bytes)),
            };
            format!("finish {} in {} as {digest}{chunk}", number(*upload), name(repo))
        }
        Op::CancelUpload { repo, upload } => format!("cancel {} in {}", number(*upload), name(repo)),
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            let kind = content_type.as_ref().map_or_else(|| "no type".to_owned(), |it| name(it));
            let tags = if tags.is_empty() { String::new() } else { format!(" and tags {}", tags.join(", ")) };
            format!("push manifest {} to {}{tags} as {kind}: {}", name(reference), name(repo), content(bytes))
        }
        Op::HeadManifest { repo, reference } => format!("HEAD manifest {} in {}", name(reference), name(repo)),
        Op::GetManifest { repo, reference } => format!("GET manifest {} in {}", name(reference), name(repo)),
        Op::DeleteManifest { repo, reference } => format!("DELETE manifest {} in {}", name(reference), name(repo)),
        Op::ListTags { repo, n, last } => format!("list the tags of {}{}", name(repo), page(n.as_ref(), last.as_ref())),
        Op::ListRepositories { n, last } => format!("list the repositories{}", page(n.as_ref(), last.as_ref())),
        Op::WalkRepositories { n } => format!("list all repositories, {n} a page"),
        Op::Referrers { repo, digest, artifact_type } => {
            let filter = artifact_type.as_ref().map(|it| format!(" of type {}", name(it))).unwrap_or_default();
            format!("list the referrers of {digest} in {}{filter}", name(repo))
        }
        Op::TagsOf { repo, digest } => format!("look up the tags of {digest} in {}", name(repo)),
        Op::TagHistory { repo, tag } => format!("look up all digests that tag {} had in {}", name(tag), name(repo)),
        Op::ListBlobs => "list all blobs on disk".to_owned(),
        Op::RemoveRepository { repo } => format!("remove the repository {}", name(repo)),
        Op::CollectGarbage { delete_untagged, dry_run, grace_seconds } => {
            let untagged = if *delete_untagged { ", untagged manifests too" } else { "" };
            let dry = if *dry_run { ", as a dry run" } else { "" };
            let grace = match grace_seconds {
                0 => String::new(),
                seconds => format!(", with {seconds} s of grace"),
            };
            format!("collect garbage{untagged}{grace}{dry}")
        }
        Op::PurgeUploads { older_than, dry_run } => {
            let dry = if *dry_run { ", as a dry run" } else { "" };
            format!("purge uploads from {older_than} s of age on{dry}")
        }
        Op::Advance { seconds } => format!("let {seconds} s pass"),
        Op::Restart => "restart the registry".to_owned(),
        other => format!("{other:?}"),
    }
}

/// As it is if it is plain, else quoted.
fn name(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if plain { text.to_owned() } else { format!("{text:?}") }
}

fn number(upload: UploadRef) -> String {
    format!("upload {}", upload.0)
}

fn part(range: Range) -> String {
    match range {
        Range::FromTo(first, last) => format!(", bytes {first}-{last}"),
        Range::From(first) => format!(", bytes {first}-"),
        Range::Last(count) => format!(", the last {count} bytes"),
    }
}

fn page(n: Option<&String>, last: Option<&String>) -> String {
    let n = n.map(|n| format!(", {} at most", name(n))).unwrap_or_default();
    let last = last.map(|last| format!(", after {}", name(last))).unwrap_or_default();
    n + &last
}

/// How many bytes, and which.
pub fn content(bytes: &Content) -> String {
    let count = match bytes.len() {
        0 => return "nothing".to_owned(),
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    };
    match std::str::from_utf8(bytes).map(|text| (text.trim_ascii_end(), text)) {
        Ok((seen, text)) if !seen.contains(char::is_control) && !seen.is_empty() => {
            // It makes a document another, and says nothing.
            let blanks = match text.len() - seen.len() {
                0 => String::new(),
                blanks => format!(" and {blanks} of white space"),
            };
            match seen.char_indices().nth(SHOWN_CHARACTERS) {
                Some((at, _)) => format!("{count} {}…{blanks}", &seen[..at]),
                None => format!("{count} {seen}{blanks}"),
            }
        }
        _ => {
            let shown: String = bytes.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
            let more = if bytes.len() > SHOWN_BYTES { "…" } else { "" };
            format!("{count} (in hexadecimal) {shown}{more}")
        }
    }
}

/// Cuts digests short.
pub fn shorten(text: &str) -> String {
    cut_digests(text, "")
}

/// Cuts digests short, and says so: for readers who might copy them.
pub fn marked(text: &str) -> String {
    cut_digests(text, "…")
}

fn cut_digests(text: &str, mark: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("sha256:").into_iter().chain(rest.find("sha512:")).min() {
        let start = at + "sha256:".len();
        let digits = rest[start..].bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        let whole = if rest[at..].starts_with("sha256:") { 64 } else { 128 };
        let shown = if digits == whole { SHOWN_DIGITS } else { digits };
        out.push_str(&rest[..start + shown]);
        if shown < digits {
            out.push_str(mark);
        }
        rest = &rest[start + digits..];
    }
    out + rest
}

/// Breaks text into lines of at most `width` characters. The first begins with `first`, the others with as many spaces.
///
/// Lines break at spaces; a word that is longer than a line breaks after a comma or slash, or anywhere.
pub fn wrap(first: &str, text: &str, width: usize) -> String {
    let indent = first.chars().count();
    let room = width.saturating_sub(indent).max(10);
    let mut lines = Vec::new();
    let mut line: Vec<char> = Vec::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let space = usize::from(!line.is_empty());
        if !line.is_empty() && line.len() + space + word.len() > room && word.len() <= room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while line.len() + word.len() > room {
            let fits = room - line.len().min(room);
            let rest = word.split_off(break_before(&word[..fits]));
            line.append(&mut word);
            lines.push(std::mem::take(&mut line));
            word = rest;
        }
        line.append(&mut word);
    }
    lines.push(line);
    let between = format!("\n{}", " ".repeat(indent));
    let lines: Vec<String> = lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect();
    format!("{first}{}", lines.join(&between))
}

/// Where the part of a long word that fits into a line is best broken: after the last comma or slash, unless that wastes
/// more than half of it.
fn break_before(fits: &[char]) -> usize {
    let after = fits.iter().rposition(|character| matches!(character, ',' | '/')).map_or(0, |at| at + 1);
    if after > fits.len() / 2 { after } else { fits.len() }
}

/// Of a command that never came to its end.
pub fn command_cut_off(command: &str) -> String {
    format!(
        "`{command}` never came to its end, and was cut off with the run: nothing is known of what it does. Give the run more \
         --time, or say with --cmd-timeout how long it may take."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_told_in_the_singular() {
        assert_eq!(
            [0, 1, 2, 1_234_567].map(|number| counted(number, "case")),
            ["0 cases", "1 case", "2 cases", "1,234,567 cases"]
        );
    }

    #[test]
    fn operations_are_told_in_words() {
        let digest = proofhouse_model::digest_of("sha256", b"layer");
        let put = Op::PutBlob { repo: "a".into(), digest, bytes: "layer".into(), upload: UploadRef(3) };
        assert_eq!(
            shorten(&request(&put)),
            "push blob sha256:dac1d7cfa950 to a in one request, or start upload 3: 5 bytes layer"
        );
        let list = Op::ListTags { repo: String::new(), n: Some("-1".into()), last: Some("a b".into()) };
        assert_eq!(request(&list), r#"list the tags of "", -1 at most, after "a b""#);
        let collect = Op::CollectGarbage { delete_untagged: true, dry_run: true, grace_seconds: 9 };
        assert_eq!(request(&collect), "collect garbage, untagged manifests too, with 9 s of grace, as a dry run");
        assert_eq!(content(&Content::from(&b"\0\xff"[..])), "2 bytes (in hexadecimal) 00ff");
        assert_eq!(content(&"{} \t".into()), "4 bytes {} and 2 of white space");
        assert_eq!(content(&"{\t}".into()), "3 bytes (in hexadecimal) 7b097d");
    }

    #[test]
    fn only_whole_digests_are_cut_short() {
        let whole = format!("sha256:{}, sha512:{}.", "a".repeat(64), "b".repeat(128));
        assert_eq!(shorten(&whole), "sha256:aaaaaaaaaaaa, sha512:bbbbbbbbbbbb.");
        assert_eq!(marked(&whole), "sha256:aaaaaaaaaaaa…, sha512:bbbbbbbbbbbb….");
        for text in ["sha256:", "sha256:abc", "sha512:../x", "nothing"] {
            assert_eq!((shorten(text), marked(text)), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn lines_are_no_wider_than_the_terminal() {
        assert_eq!(wrap("1. ", "one two three", 11), "1. one two\n   three");
        assert_eq!(wrap("", "x", 80), "x");
        let long = format!("GET {} in {}", "l".repeat(255), "/x".repeat(90));
        let wrapped = wrap("     ", &long, 80);
        assert!(wrapped.lines().all(|line| line.chars().count() <= 80), "{wrapped}");
        let joined: String = wrapped.split_whitespace().collect();
        assert_eq!(joined, long.replace(' ', ""), "nothing is lost");
    }
}
