//! JSON text, with everything that a well-behaved serializer would not write.
//!
//! Keys and scalars are kept as they will stand in the text, so that a key may stand twice, be written with escapes, or a
//! number be none.

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// As it will stand in the text.
    Raw(String),
    List(Vec<Node>),
    /// Keys as they will stand between the quotes.
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn text(text: &str) -> Node {
        Node::Raw(serde_json::Value::from(text).to_string())
    }

    pub(super) fn number(number: u64) -> Node {
        Node::Raw(number.to_string())
    }

    pub(super) fn members(&mut self) -> Option<&mut Vec<(String, Node)>> {
        if let Node::Object(members) = self { Some(members) } else { None }
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.members()?.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text; `gap` stands between all tokens.
    pub(super) fn write(&self, gap: &str, out: &mut String) {
        match self {
            Node::Raw(raw) => out.push_str(raw),
            Node::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    out.push_str(gap);
                    item.write(gap, out);
                }
                out.push_str(gap);
                out.push(']');
            }
            Node::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    out.push_str(gap);
                    out.push('"');
                    out.push_str(key);
                    out.push_str("\":");
                    out.push_str(gap);
                    value.write(gap, out);
                }
                out.push_str(gap);
                out.push('}');
            }
        }
    }
}
