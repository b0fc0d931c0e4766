//! JSON, with everything that a security rule must see.
//!
//! `serde_json::Value` has already dropped duplicate keys when a rule looks. This reader keeps an object as the list of
//! its keys and values, in order, and tells an integer from every other number.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};

/// A JSON value. What documents have most comes first: it is tried in this order.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Json {
    Text(String),
    Object(#[serde(deserialize_with = "members")] Vec<(String, Json)>),
    List(Vec<Json>),
    /// Written as an integer from 0 to 2^64-1.
    Integer(u64),
    /// Every other number.
    Number(f64),
    Bool(bool),
    Null,
}

impl Json {
    /// Reads a whole document: UTF-8, one value, nothing after it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Json, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// How deep lists and objects nest; a scalar is 0 deep.
    pub(crate) fn depth(&self) -> usize {
        let inner = match self {
            Json::List(items) => items.iter().map(Json::depth).max(),
            Json::Object(members) => members.iter().map(|(_, value)| value.depth()).max(),
            _ => return 0,
        };
        1 + inner.unwrap_or(0)
    }

    /// The value of a key of an object; the last one where it stands twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The same; null is as good as nothing.
    pub(crate) fn given(&self, key: &str) -> Option<&Json> {
        self.get(key).filter(|value| **value != Json::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn list(&self) -> Option<&[Json]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }
}

/// Upper case, then lower case, so that `ſ` counts as `s`.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The keys and values of an object, in order.
fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Json)>, D::Error> {
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Vec<(String, Json)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            std::iter::from_fn(|| members.next_entry().transpose()).collect()
        }
    }
    deserializer.deserialize_map(Reader)
}
