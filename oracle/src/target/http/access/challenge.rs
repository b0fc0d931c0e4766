//! What a registry wants to see before it answers: the challenges of `WWW-Authenticate` (RFC 9110, 11.6.1).
//!
//! There may be several in one header, and several headers; parameters of a challenge and the next challenge are both told by a
//! comma. A header that does not keep the grammar tells nothing: half of a challenge could name another realm than was meant.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One way to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Challenge {
    /// In lower case.
    pub(super) scheme: String,
    /// Names in lower case.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Challenge {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// Those of all headers that can be read, in their order.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.filter_map(|value| parse(&String::from_utf8_lossy(value.as_bytes()))).flatten().collect()
}

/// None: it is not what the grammar allows.
fn parse(text: &str) -> Option<Vec<Challenge>> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = Rest(text);
    // The first parameter follows its scheme without a comma, everything else follows one.
    let mut first = true;
    loop {
        let comma = rest.separators();
        if rest.0.is_empty() {
            return Some(found);
        }
        let name = rest.token()?.to_ascii_lowercase();
        let space = rest.spaces();
        match found.last_mut() {
            Some(challenge) if rest.eat('=') => {
                rest.spaces();
                let value = rest.value()?;
                if !(first || comma) || challenge.parameters.insert(name, value).is_some() {
                    return None;
                }
                first = false;
            }
            last => {
                let follows = last.is_none() || comma;
                if !follows || !(space || rest.0.is_empty() || rest.0.starts_with(',')) {
                    return None;
                }
                found.push(Challenge { scheme: name, parameters: BTreeMap::new() });
                first = !(space && rest.token68());
            }
        }
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes characters while they are such.
    fn take(&mut self, mut such: impl FnMut(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !such(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn eat(&mut self, c: char) -> bool {
        self.0.strip_prefix(c).map(|rest| self.0 = rest).is_some()
    }

    fn spaces(&mut self) -> bool {
        !self.take(|c| matches!(c, ' ' | '\t')).is_empty()
    }

    /// Was a comma among them?
    fn separators(&mut self) -> bool {
        self.take(|c| matches!(c, ' ' | '\t' | ',')).contains(',')
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        (!token.is_empty()).then_some(token)
    }

    /// The word that stands in place of parameters; false, and nothing is taken, if there is none.
    fn token68(&mut self) -> bool {
        let mut ahead = Rest(self.0);
        let word = ahead.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let padding = ahead.take(|c| c == '=');
        ahead.spaces();
        // A lone word is no less a scheme of its own, but for that no comma came before it.
        let is = !word.is_empty() && (ahead.0.is_empty() || ahead.0.starts_with(',')) && padding.len() <= 2;
        if is {
            self.0 = ahead.0;
        }
        is
    }

    /// A token, or a quoted string without its quotes and backslashes.
    fn value(&mut self) -> Option<String> {
        if !self.eat('"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                other => value.push(other),
            }
        }
        self.0 = characters.as_str();
        // Something must separate it from what follows.
        (self.0.is_empty() || self.0.starts_with([',', ' ', '\t'])).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Challenge { scheme: scheme.into(), parameters }
    }

    #[test]
    fn a_challenge_is_read_with_its_parameters() {
        let bearer =
            r#"Bearer realm="https://auth.example/token?a=b",service="house",scope="repository:a/b:pull,push""#;
        let parameters =
            [("realm", "https://auth.example/token?a=b"), ("scope", "repository:a/b:pull,push"), ("service", "house")];
        assert_eq!(parse(bearer), Some(vec![one("bearer", &parameters)]));
        assert_eq!(parse(r#"BASIC  REALM = "a \"b\" \\" "#), Some(vec![one("basic", &[("realm", r#"a "b" \"#)])]));
        assert_eq!(parse("Basic realm=here"), Some(vec![one("basic", &[("realm", "here")])]));
    }

    #[test]
    fn several_challenges_are_told_apart_in_one_header_and_in_many() {
        let basic = one("basic", &[("realm", "x, y")]);
        let bearer = one("bearer", &[("realm", "r"), ("scope", "s")]);
        for text in [
            r#"Basic realm="x, y", Bearer realm="r", scope=s"#,
            r#",Basic realm="x, y" ,, Bearer realm="r" ,scope="s","#,
        ] {
            assert_eq!(parse(text), Some(vec![basic.clone(), bearer.clone()]), "{text}");
        }
        let negotiate = parse(r#"Negotiate, Kerberos YWJj==, Basic realm="x, y""#);
        assert_eq!(negotiate, Some(vec![one("negotiate", &[]), one("kerberos", &[]), basic]));
        let mut headers = HeaderMap::new();
        for value in ["Basic realm=\"a", "Basic realm=b", "Bearer realm=c"] {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        let realms: Vec<_> = challenges(&headers).iter().map(|it| it.parameter("realm").unwrap().to_owned()).collect();
        assert_eq!(realms, ["b", "c"], "one that breaks off tells nothing, and keeps nobody from reading the others");
    }

    #[test]
    fn what_breaks_the_grammar_tells_nothing() {
        for text in [
            r#"Bearer realm="r"#,
            r#"Bearer realm="r\"#,
            r#"Bearer realm="r"x"#,
            r#"Bearer realm="r",realm="s""#,
            r#"Bearer realm="r" service="s""#,
            "Bearer realm=https://auth.example/token",
            "Bearer realm=,x=",
            r#"Bearer "r""#,
            r#"="r""#,
            "Negotiate Basic realm=r",
            "\u{e4}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(""), Some(vec![]));
    }
}
