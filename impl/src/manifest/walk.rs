//! The first of two passes over a document: every byte of it is parsed and held to the tables of [`shape`].
//!
//! It walks with the parser, building nothing: serde calls in where a value of some kind begins, and the walk knows which
//! [`Shape`] is due there. Values that are free are parsed all the same (never skipped with `IgnoredAny`, which does not decode
//! strings and numbers), so that half a surrogate pair or a number beyond every double is found wherever it is.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::malformed::{Found, Malformed, Pointer, Step, Wanted};
use super::shape::{self, Member, Presence, Shape};
use super::{MAX_DEPTH, ManifestType};
use crate::digest::Digest;

/// Holds a whole document to the shape of its type.
pub(super) fn walk(kind: ManifestType, text: &str) -> Result<(), Malformed> {
    let mut walk = Walk { kind, path: Vec::new(), depth: 0, refusal: None };
    let mut parser = serde_json::Deserializer::from_str(text);
    let document = Value { walk: &mut walk, shape: shape::of(kind), null: false };
    match document.deserialize(&mut parser).and_then(|()| parser.end()) {
        Ok(()) => Ok(()),
        Err(error) => Err(walk.refusal.unwrap_or(Malformed::NotJson(error))),
    }
}

/// Where the walk is.
struct Walk {
    kind: ManifestType,
    // Only as far as the tables reach; below a free value it stays.
    path: Vec<Step>,
    // Objects and arrays that are open.
    depth: usize,
    // Why the walk ended. A parser's error can carry no more than text, so it is kept here.
    refusal: Option<Malformed>,
}

impl Walk {
    fn refuse<E: serde::de::Error>(&mut self, reason: Malformed) -> E {
        self.refusal = Some(reason);
        E::custom("refused")
    }

    fn here(&self) -> Pointer {
        Pointer::new(&self.path)
    }

    fn at(&self, key: &'static str) -> Pointer {
        Pointer::new(&[&self.path[..], &[Step::Key(key)]].concat())
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.refuse(Malformed::TooDeep { at: self.here() })) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// One value, and what it must be.
struct Value<'w> {
    walk: &'w mut Walk,
    shape: Shape,
    // Whether null will do, whatever the shape.
    null: bool,
}

impl Value<'_> {
    fn wanted(&self) -> Wanted {
        match self.shape {
            Shape::Two => Wanted::Two,
            Shape::TypeName => Wanted::TypeName(self.walk.kind),
            Shape::Digest => Wanted::Digest,
            Shape::Size => Wanted::Size,
            Shape::Array(_) => Wanted::Array,
            Shape::Object(_) | Shape::Annotations => Wanted::Object,
            // A free value is never wrong.
            Shape::Text | Shape::Free => Wanted::Text,
        }
    }

    fn accept<E: serde::de::Error>(self, fits: bool, found: impl FnOnce() -> Found) -> Result<(), E> {
        if fits || matches!(self.shape, Shape::Free) {
            return Ok(());
        }
        let reason = Malformed::Wrong { at: self.walk.here(), wanted: self.wanted(), found: found() };
        Err(self.walk.refuse(reason))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.wanted(), f)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        let fits = self.null;
        self.accept(fits, || Found::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.accept(false, || Found::Bool)
    }

    // An integer without sign that 64 bits hold. What is written `2.0`, `2e0` or `-0` comes as a double.
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        let fits = match self.shape {
            Shape::Two => number == 2,
            Shape::Size => i64::try_from(number).is_ok(),
            _ => false,
        };
        self.accept(fits, || Found::Integer(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.accept(false, || Found::Negative(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.accept(false, || Found::Float(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let fits = match self.shape {
            Shape::Text => true,
            Shape::Digest => Digest::check(text).is_some(),
            Shape::TypeName => text == self.walk.kind.as_str(),
            _ => false,
        };
        self.accept(fits, || Found::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let walk = self.walk;
        let element = match self.shape {
            Shape::Array(element) => *element,
            Shape::Free => Shape::Free,
            shape => return Value { walk, shape, null: false }.accept(false, || Found::Array),
        };
        let tracked = !matches!(self.shape, Shape::Free);
        walk.enter()?;
        for index in 0.. {
            if tracked {
                walk.path.push(Step::Index(index));
            }
            if array.next_element_seed(Value { walk, shape: element, null: false })?.is_none() {
                if tracked {
                    walk.path.pop();
                }
                break;
            }
            if tracked {
                walk.path.pop();
            }
        }
        walk.leave();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        let walk = self.walk;
        walk.enter()?;
        match self.shape {
            Shape::Object(members) => walk_members(walk, members, object)?,
            Shape::Annotations => walk_annotations(walk, object)?,
            Shape::Free => walk_free(walk, object)?,
            shape => return Value { walk, shape, null: false }.accept(false, || Found::Object),
        }
        walk.leave();
        Ok(())
    }
}

fn walk_free<'de, A: MapAccess<'de>>(walk: &mut Walk, mut object: A) -> Result<(), A::Error> {
    while object.next_key_seed(Key(|_: &str| ()))?.is_some() {
        object.next_value_seed(Value { walk, shape: Shape::Free, null: true })?;
    }
    Ok(())
}

fn walk_members<'de, A: MapAccess<'de>>(
    walk: &mut Walk,
    members: &'static [Member],
    mut object: A,
) -> Result<(), A::Error> {
    // One bit for each member that was seen; no table has more than eight.
    let mut seen = 0_u8;
    while let Some(key) = object.next_key_seed(Key(|key: &str| classify(members, key)))? {
        let index = match key {
            Classified::Free => {
                object.next_value_seed(Value { walk, shape: Shape::Free, null: true })?;
                continue;
            }
            Classified::LookAlike(known, key) => {
                return Err(walk.refuse(Malformed::LookAlike { at: walk.here(), key, known }));
            }
            Classified::Known(index) => index,
        };
        let Member { key, presence, shape } = members[index];
        if seen & 1 << index != 0 {
            return Err(walk.refuse(Malformed::Twice { at: walk.here(), key: key.to_owned() }));
        }
        seen |= 1 << index;
        if presence == Presence::Forbidden {
            return Err(walk.refuse(Malformed::Foreign { at: walk.at(key), kind: walk.kind }));
        }
        walk.path.push(Step::Key(key));
        object.next_value_seed(Value { walk, shape, null: presence == Presence::Nullable })?;
        walk.path.pop();
    }
    for (index, member) in members.iter().enumerate() {
        if member.presence == Presence::Required && seen & 1 << index == 0 {
            let wanted = Value { walk, shape: member.shape, null: false }.wanted();
            return Err(walk.refuse(Malformed::Missing { at: walk.at(member.key), wanted }));
        }
    }
    Ok(())
}

fn walk_annotations<'de, A: MapAccess<'de>>(walk: &mut Walk, mut object: A) -> Result<(), A::Error> {
    let mut seen = HashSet::new();
    while let Some(key) = object.next_key::<String>()? {
        object.next_value_seed(Value { walk, shape: Shape::Text, null: false })?;
        if let Some(key) = seen.replace(key) {
            return Err(walk.refuse(Malformed::Twice { at: walk.here(), key }));
        }
    }
    Ok(())
}

/// A key, and what is to be found out about it. It is looked at in place, not copied.
struct Key<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Key<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Key<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}

enum Classified {
    Free,
    Known(usize),
    LookAlike(&'static str, String),
}

fn classify(members: &[Member], key: &str) -> Classified {
    if let Some(index) = members.iter().position(|member| member.key == key) {
        return Classified::Known(index);
    }
    match members.iter().find(|member| looks_like(key, member.key)) {
        Some(member) => Classified::LookAlike(member.key, key.to_owned()),
        None => Classified::Free,
    }
}

/// Whether a key equals a known one (which is ASCII) up to case: each character upper-cased, then lower-cased.
fn looks_like(key: &str, known: &str) -> bool {
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(known);
    }
    let folded = key.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.eq(known.chars().map(|c| c.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_alike_up_to_unicode_case() {
        for (key, known) in [
            ("SIZE", "size"),
            ("ſize", "size"),
            ("ſiZe", "size"),
            ("digeſt", "digest"),
            ("dıgest", "digest"),
            ("dige\u{fb06}", "digest"),
            ("con\u{fb01}g", "config"),
            ("mediatype", "mediaType"),
            ("ANNOTATIONS", "annotations"),
            ("o\u{17f}", "os"),
        ] {
            assert!(looks_like(key, known), "{key}");
        }
        // The Kelvin sign is a k, though no known key has one.
        assert!(looks_like("\u{212a}", "k"));
        for (key, known) in
            [("size ", "size"), ("sïze", "size"), ("d\u{130}gest", "digest"), ("", "os"), ("о\u{455}", "os")]
        {
            assert!(!looks_like(key, known), "{key}");
        }
    }
}
