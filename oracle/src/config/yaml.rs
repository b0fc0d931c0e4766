//! YAML (and so JSON) as a tree in which every value knows its line.
//!
//! Whether a text was quoted is known as well: `yes` is a boolean to `distribution`, and `"yes"` is none.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::ConfigError;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Counted from 1; 0 if it stands in no file.
    pub(super) line: u64,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    /// And whether it was quoted.
    Text(String, bool),
    List(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// A text that stands in no file, as it is.
    pub(super) fn text(text: &str) -> Node {
        Node { line: 0, value: Value::Text(text.to_owned(), true) }
    }

    /// The value under these keys. None: it is not there, or it is null, which says as much.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Node> {
        let found = path.iter().try_fold(self, |node, key| match &node.value {
            Value::Mapping(members) => members.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        });
        found.filter(|node| node.value != Value::Null)
    }

    /// The words of YAML 1.1 count, as they do for `distribution`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Boolean(boolean) => Some(*boolean),
            Value::Text(word, false) => match word.to_lowercase().as_str() {
                "yes" | "on" | "y" => Some(true),
                "no" | "off" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self.value { Some(number) } else { None }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text, _) = &self.value { Some(text) } else { None }
    }

    pub(super) fn list(&self) -> Option<&[Node]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    pub(super) fn mapping(&self) -> Option<&[(String, Node)]> {
        if let Value::Mapping(members) = &self.value { Some(members) } else { None }
    }

    /// It is not what it must be.
    pub(super) fn wrong(&self, key: &str, wanted: &'static str) -> ConfigError {
        ConfigError::Kind { key: key.to_owned(), found: self.to_string(), at: at(self.line), wanted }
    }

    fn new(spanned: Spanned<Value>, source: &str) -> Node {
        let line = spanned.referenced.line();
        let column = spanned.referenced.column();
        let index = |at: u64| usize::try_from(at.saturating_sub(1)).unwrap_or(usize::MAX);
        let first = source.lines().nth(index(line)).and_then(|line| line.chars().nth(index(column)));
        let value = match spanned.value {
            Value::Text(text, _) => Value::Text(text, matches!(first, Some('"' | '\''))),
            other => other,
        };
        Node { line, value }
    }
}

/// ` (line 3)`; nothing for what stands in no file.
pub(super) fn at(line: u64) -> String {
    if line == 0 { String::new() } else { format!(" (line {line})") }
}

/// As a message shows it: in the manner of JSON, and not too long.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        let shown = match &self.value {
            Value::Null => "empty".to_owned(),
            Value::Boolean(boolean) => boolean.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text, _) => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        };
        match shown.char_indices().nth(LONGEST) {
            Some((cut, _)) => write!(f, "{}…", &shown[..cut]),
            None => f.write_str(&shown),
        }
    }
}

/// Reads a document. Nothing at all is null.
pub(super) fn parse(text: &str) -> Result<Node, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Node { line: 0, value: Value::Null });
    }
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let options = serde_saphyr::options! { with_snippet: false };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ConfigError::Malformed(one_line(error.to_string())))?;
    Ok(raw.value.placed(raw.referenced, text))
}

/// What the parser gives, before it is known whether texts were quoted.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(String, Spanned<Raw>)>),
}

impl Raw {
    fn placed(self, location: serde_saphyr::Location, source: &str) -> Node {
        let placed = |raw: Spanned<Raw>| raw.value.placed(raw.referenced, source);
        let value = match self {
            Raw::Scalar(value) => value,
            Raw::List(items) => Value::List(items.into_iter().map(placed).collect()),
            Raw::Mapping(members) => {
                Value::Mapping(members.into_iter().map(|(name, raw)| (name, placed(raw))).collect())
            }
        };
        Node::new(Spanned::new(value, location, location), source)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, boolean: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Boolean(boolean)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Integer(number)))
    }

    #[allow(clippy::cast_precision_loss, reason = "no key takes so large a number, so its last digits tell nothing")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(i64::try_from(number).map_or(Value::Number(number as f64), Value::Integer)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Number(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(text.to_owned(), false)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Raw, A::Error> {
        let mut mapping: Vec<(String, Spanned<Raw>)> = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, _>()? {
            if mapping.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("the key {name} stands twice")));
            }
            mapping.push((name, value));
        }
        Ok(Raw::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line_and_whether_it_was_quoted() {
        let tree = parse("a: 1\nb:\n  - yes\n  - \"yes\"\n  - {c: 'on',\n     d: null}\n").unwrap();
        let list = tree.find(&["b"]).and_then(Node::list).unwrap();
        assert_eq!(list.iter().map(|node| node.line).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((list[0].boolean(), list[1].boolean()), (Some(true), None));
        assert_eq!(list[2].find(&["c"]).map(|node| (node.line, node.boolean())), Some((5, None)));
        assert!(list[2].find(&["d"]).is_none() && list[2].find(&["e"]).is_none());
        assert_eq!(tree.find(&["a"]).and_then(Node::integer), Some(1));
    }

    #[test]
    fn json_is_read_too_and_a_key_stands_once() {
        let tree = parse(r#"{"a": {"b": [true, 1.5, "x"]}}"#).unwrap();
        assert_eq!(tree.find(&["a", "b"]).and_then(Node::list).map(<[Node]>::len), Some(3));
        assert!(parse("a: 1\na: 2").is_err());
        assert_eq!(parse(" \n").unwrap().value, Value::Null);
    }
}
