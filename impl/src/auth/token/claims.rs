//! What a token says, once it is known who signed it.
//!
//! Source: `distribution`'s "Docker Registry v2 authentication", RFC 7519. Where a claim that `distribution` needs is missing, it
//! reads zero or an empty text there, which then fails; so it is here.

use serde::{Deserialize, Deserializer};

use super::super::{Access, Action};

/// By how many seconds clocks may differ.
const LEEWAY: i64 = 60;

/// The claims that count.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(default, rename = "iss")]
    issuer: String,
    #[serde(default, rename = "sub")]
    pub(super) subject: String,
    #[serde(default, rename = "aud", deserialize_with = "one_or_several")]
    audience: Vec<String>,
    #[serde(default, rename = "exp", deserialize_with = "seconds")]
    expires: i64,
    #[serde(default, rename = "nbf", deserialize_with = "seconds")]
    not_before: i64,
    #[serde(default, deserialize_with = "null_is_none")]
    access: Vec<Grant>,
}

/// What may be done to one resource.
#[derive(Debug, Deserialize)]
struct Grant {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "null_is_none")]
    actions: Vec<String>,
}

impl Claims {
    /// Whether the token is from this issuer, for this service, and good now, in seconds since 1970; else why not.
    pub(super) fn hold(&self, issuer: &str, service: &str, now: u64) -> Result<(), &'static str> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        if self.issuer != issuer {
            Err("the token is from another issuer")
        } else if !self.audience.iter().any(|audience| audience == service) {
            Err("the token is for another service")
        } else if now > self.expires.saturating_add(LEEWAY) {
            Err("the token has expired")
        } else if now < self.not_before.saturating_sub(LEEWAY) {
            Err("the token is not good yet")
        } else {
            Ok(())
        }
    }

    /// Whether the token grants this. Names are compared exactly; the action `*` is every action.
    pub(super) fn grant(&self, wanted: &Access) -> bool {
        let (kind, name) = wanted.resource.parts();
        let action = wanted.action.to_string();
        self.access
            .iter()
            .filter(|grant| grant.kind == kind && grant.name == name)
            .any(|grant| grant.actions.iter().any(|granted| *granted == action || *granted == Action::All.to_string()))
    }
}

fn null_is_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(input)?.unwrap_or_default())
}

fn one_or_several<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrSeveral {
        One(String),
        Several(Vec<String>),
    }
    Ok(match OneOrSeveral::deserialize(input)? {
        OneOrSeveral::One(one) => vec![one],
        OneOrSeveral::Several(several) => several,
    })
}

/// A `NumericDate` may have a fraction. What is too large for the field is as large as can be.
fn seconds<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumericDate {
        Whole(i64),
        Fraction(f64),
    }
    Ok(match NumericDate::deserialize(input)? {
        NumericDate::Whole(seconds) => seconds,
        // `as` cuts the fraction and stops at the bounds, and no JSON number is NaN.
        #[allow(clippy::cast_possible_truncation, reason = "it is to be cut")]
        NumericDate::Fraction(seconds) => seconds as i64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_token_holds_from_its_issuer_for_its_service_in_its_time() {
        let token = claims(r#"{"iss":"i","aud":"s","exp":2000,"nbf":1000}"#);
        for now in [940, 1000, 2000, 2060] {
            assert_eq!(token.hold("i", "s", now), Ok(()), "{now}");
        }
        for now in [0, 939, 2061, u64::MAX] {
            assert!(token.hold("i", "s", now).is_err(), "{now}");
        }
        assert!(token.hold("j", "s", 1500).is_err());
        assert!(token.hold("i", "t", 1500).is_err());
        let several = claims(r#"{"iss":"i","aud":["t","s"],"exp":2000.9}"#);
        assert_eq!(several.hold("i", "s", 1500), Ok(()));
        assert!(several.hold("i", "u", 1500).is_err());
    }

    #[test]
    fn a_missing_claim_never_helps() {
        for text in [r#"{"aud":"s","exp":2000}"#, r#"{"iss":"i","exp":2000}"#, r#"{"iss":"i","aud":"s"}"#, "{}"] {
            assert!(claims(text).hold("i", "s", 1500).is_err(), "{text}");
        }
        assert!(claims(r#"{"iss":"i","aud":[],"exp":2000}"#).hold("i", "s", 1500).is_err());
    }

    #[test]
    fn a_claim_of_another_kind_makes_the_token_malformed() {
        for text in [
            r#"{"iss":1}"#,
            r#"{"aud":{}}"#,
            r#"{"exp":"2000"}"#,
            r#"{"exp":null}"#,
            r#"{"access":{}}"#,
            r#"{"access":[1]}"#,
            r#"{"access":[{"actions":"pull"}]}"#,
            r#"{"iss":"a","iss":"i"}"#,
        ] {
            assert!(serde_json::from_str::<Claims>(text).is_err(), "{text}");
        }
        claims(r#"{"access":null,"exp":1e400}"#.replace("1e400", "1e300").as_str());
    }

    #[test]
    fn exactly_what_is_granted_may_be_done() {
        let token = claims(
            r#"{"access":[{"type":"repository","name":"a","actions":["pull"]},{"type":"repository","name":"b","actions":["*"]},
                {"type":"repository","name":"a","actions":["push"]},{"type":"registry","name":"catalog","actions":["*"]},
                {"type":"repository","name":"c","actions":null}]}"#,
        );
        for wanted in [Access::pull("a"), Access::delete("b"), Access::catalog()].iter().chain(&Access::push("a")) {
            assert!(token.grant(wanted), "{wanted:?}");
        }
        for wanted in
            [Access::delete("a"), Access::pull("A"), Access::pull("c"), Access::pull("d"), Access::pull("catalog")]
        {
            assert!(!token.grant(&wanted), "{wanted:?}");
        }
        // Everything is more than every action one by one.
        let all = Access { action: Action::All, ..Access::pull("a") };
        assert!(!token.grant(&all));
        assert!(!claims("{}").grant(&Access::pull("a")));
    }
}
