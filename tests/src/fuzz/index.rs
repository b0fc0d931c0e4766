//! Options of the index validation, and an index to push under them.
//!
//! The index is built from entries with platforms that are there, null, missing or odd, or is given as raw bytes. Each of
//! four children is nowhere, in the repository, or only in another one. Both sides must take the index, or refuse it with
//! the same digests in the same order.

use arbitrary::{Arbitrary, Result, Unstructured};
use proofhouse_model::{Options, Platform, digest_of};
use proofhouse_registry::manifest::ManifestType;

use super::Taken;
use super::pair::Pair;

/// What architectures and systems are called here; few, so that filters and entries meet.
const WORDS: [&str; 10] =
    ["amd64", "linux", "arm64", "windows", "", "AMD64", "amd64 ", "null", "\u{17f}390x", "\\u0000\""];

/// What may stand in JSON where a string or an object is due.
const ODD: [&str; 8] = ["null", "0", "true", "[]", "{}", "\"\"", "[\"linux\"]", "{\"os\":\"linux\"}"];

/// Reads the options and the index from the bytes, and pushes it.
///
/// # Panics
/// Where they disagree.
pub fn index_platforms(data: &[u8]) -> Taken {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return Taken::No };
    let mut pair =
        Pair::new(Options { validate_index: case.validate, platforms: case.filters.clone(), ..Options::default() });
    for (number, place) in case.places.iter().enumerate() {
        let (repo, algorithm) = match place {
            Place::Nowhere => continue,
            Place::Here => ("a", "sha256"),
            Place::HereBySha512 => ("a", "sha512"),
            Place::Elsewhere => ("b", "sha256"),
        };
        let child = child(number);
        let reference = digest_of(algorithm, child.as_bytes());
        assert!(pair.put(repo, &reference, ManifestType::OciIndex.as_str(), child.as_bytes()));
    }
    let taken = pair.put("a", "t", case.kind.as_str(), &case.document);
    if taken {
        pair.get("a", "t", &case.document);
    }
    Taken::of(taken)
}

/// An index that names nothing, so that it can be pushed under any options.
fn child(number: usize) -> String {
    format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"child":"{number}"}}}}"#)
}

/// Where a child is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Nowhere,
    Here,
    HereBySha512,
    Elsewhere,
}

#[derive(Debug)]
struct Case {
    validate: bool,
    filters: Vec<Platform>,
    places: [Place; 4],
    kind: ManifestType,
    document: Vec<u8>,
}

// By hand and from the front only, one byte a choice, so that a seed can be written by hand as well:
// flags (1 validate, 2 Docker, 4 raw), the number of filters, an architecture and a system for each, four places, and then
// either raw bytes or entries until they end.
impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let flags: u8 = u.arbitrary()?;
        let filters = (0..u.int_in_range(0..=3)?)
            .map(|_| Ok(Platform { architecture: (*u.choose(&WORDS)?).into(), os: (*u.choose(&WORDS)?).into() }))
            .collect::<Result<_>>()?;
        let mut place = || u.choose(&[Place::Nowhere, Place::Here, Place::HereBySha512, Place::Elsewhere]).copied();
        let places = [place()?, place()?, place()?, place()?];
        let kind = if flags & 2 == 0 { ManifestType::OciIndex } else { ManifestType::DockerList };
        let document = if flags & 4 == 0 {
            written(kind, u)?.into_bytes()
        } else {
            {
                let rest = u.len();
                u.bytes(rest)?.to_vec()
            }
        };
        Ok(Case { validate: flags & 1 == 1, filters, places, kind, document })
    }
}

/// An index with entries for as long as there are bytes, eight at most.
fn written(kind: ManifestType, u: &mut Unstructured) -> Result<String> {
    let mut entries = Vec::new();
    while !u.is_empty() && entries.len() < 8 {
        entries.push(entry(u)?);
    }
    Ok(format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{}]}}"#, entries.join(",")))
}

fn entry(u: &mut Unstructured) -> Result<String> {
    let digest = match u.int_in_range(0..=9)? {
        number @ 0..=3 => digest_of("sha256", child(number).as_bytes()),
        number @ 4..=7 => digest_of("sha512", child(number - 4).as_bytes()),
        8 => digest_of("sha256", b"never pushed"),
        _ => "sha256:0".to_owned(),
    };
    let platform = match u.int_in_range(0..=9)? {
        0 => String::new(),
        1 => r#","platform":null"#.to_owned(),
        2 => format!(r#","platform":{}"#, u.choose(&ODD)?),
        3 => format!(r#","platform":{{{}}},"platform":{{}}"#, members(u)?),
        4 => format!(r#","Platform":{{{}}}"#, members(u)?),
        _ => format!(r#","platform":{{{}}}"#, members(u)?),
    };
    Ok(format!(r#"{{"mediaType":"","digest":"{digest}","size":0{platform}}}"#))
}

/// The members of a platform.
fn members(u: &mut Unstructured) -> Result<String> {
    let mut members = Vec::new();
    for key in ["architecture", "os"] {
        let value = match u.int_in_range(0..=7)? {
            0 => continue,
            1 => (*u.choose(&ODD)?).to_owned(),
            2 => escaped(u.choose(&WORDS)?),
            _ => quoted(u.choose(&WORDS)?),
        };
        members.push(format!(r#""{key}":{value}"#));
    }
    match u.int_in_range(0..=9)? {
        0 => members.push(r#""OS":"linux""#.to_owned()),
        1 => members.push(r#""os":"linux""#.to_owned()),
        2 => members.push("\"o\u{17f}\":\"linux\"".to_owned()),
        3 => members.push(r#""variant":null,"os.version":[],"variant":7"#.to_owned()),
        4 => members.reverse(),
        _ => {}
    }
    Ok(members.join(","))
}

/// A JSON string, as it is usually written.
fn quoted(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => unit(c as u16),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// The same string with every character escaped.
fn escaped(text: &str) -> String {
    format!("\"{}\"", text.encode_utf16().map(unit).collect::<String>())
}

fn unit(unit: u16) -> String {
    format!("\\u{unit:04x}")
}
