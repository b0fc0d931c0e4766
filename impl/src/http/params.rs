//! The parameters of a request's query, decoded once.
//!
//! They are written as forms are (`+` is a space), which is how Go's servers read them too. A parameter that is wanted once and
//! stands twice counts by its first value. Bytes that are no UTF-8 become U+FFFD, which no name, digest or tag holds.

/// The parameters of one request, in their order.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The first value; an empty one is one.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A query of these parameters, without the `?`.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_once() {
        let params = Params::of(Some("tag=a&tag=b%2525&last=x+y&empty=&bare"));
        assert_eq!(params.all("tag"), ["a", "b%25"]);
        assert_eq!((params.first("tag"), params.first("last")), (Some("a"), Some("x y")));
        assert_eq!((params.first("empty"), params.first("bare"), params.first("none")), (Some(""), Some(""), None));
        assert_eq!(Params::of(None).first("tag"), None);
        assert_eq!(Params::of(Some("last=%FF")).first("last"), Some("\u{FFFD}"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "a b+c&d=é%/\"";
        assert_eq!(Params::of(Some(&query(&[("last", text)]))).first("last"), Some(text));
    }
}
