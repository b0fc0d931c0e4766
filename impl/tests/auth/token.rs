//! Tokens: whose are believed, for what, and what is said to the others.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proofhouse_registry::auth::{
    Access, Authorizer as _, Denied, Presented, SigningAlgorithms, Token, TokenError, TokenOptions,
};
use proofhouse_registry::driver::ManualClock;
use rcgen::Certificate;
use serde_json::{Value, json};

use super::issuer::{Signer, kid, raw, set, x5c};
use super::{ask, challenge};

const NOW: u64 = 1_700_000_000;
const YEARS: (i32, i32) = (2000, 2100);

fn options(directory: &Path) -> TokenOptions {
    let at = |name: &str| Some(directory.join(name)).filter(|path| path.exists());
    TokenOptions {
        realm: "https://auth.example/token".into(),
        service: "house".into(),
        issuer: "auth".into(),
        root_cert_bundle: at("bundle"),
        jwks: at("jwks"),
        algorithms: SigningAlgorithms::default(),
        auto_redirect: None,
    }
}

/// A verifier of tokens with these keys and certificates.
fn house(keys: &[(&str, Value)], roots: &[&Certificate]) -> Token {
    let directory = tempfile::tempdir().unwrap();
    if !keys.is_empty() {
        std::fs::write(directory.path().join("jwks"), set(keys)).unwrap();
    }
    if !roots.is_empty() {
        let bundle: String = roots.iter().map(|root| root.pem()).collect();
        std::fs::write(directory.path().join("bundle"), bundle).unwrap();
    }
    Token::open(options(directory.path()), Arc::new(ManualClock::at(NOW))).unwrap()
}

/// Good now, for pulling from and pushing to `a/b`.
fn claims() -> Value {
    json!({
        "iss": "auth", "sub": "alice", "aud": "house", "exp": NOW + 300, "nbf": NOW - 5, "iat": NOW - 5, "jti": "1",
        "access": [{"type": "repository", "name": "a/b", "actions": ["pull", "push"]}],
    })
}

async fn show(house: &Token, token: &str, wanted: &[Access]) -> Result<String, Denied> {
    ask(house, Some(&format!("Bearer {token}")), wanted).await
}

/// Whether the token is believed at all, whatever it grants.
async fn believed(house: &Token, token: &str) -> bool {
    match show(house, token, &[]).await {
        Ok(name) => name == "alice",
        Err(denied) => {
            assert!(challenge(Err(denied)).ends_with(r#",error="invalid_token""#));
            false
        }
    }
}

#[tokio::test]
async fn a_token_of_every_algorithm_is_verified_by_the_key_it_names() {
    let (rsa, p256, p384, ed) = (
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("p256", Algorithm::ES256),
        Signer::new("p384", Algorithm::ES384),
        Signer::new("ed", Algorithm::EdDSA),
    );
    let house = house(&[("rsa", rsa.jwk()), ("p256", p256.jwk()), ("p384", p384.jwk()), ("ed", ed.jwk())], &[]);
    for (id, signer) in [("p256", &p256), ("p384", &p384), ("ed", &ed)] {
        assert!(believed(&house, &signer.sign(kid(id), &claims())).await, "{id}");
        assert!(!believed(&house, &signer.sign(kid("rsa"), &claims())).await, "{id}");
        assert!(!believed(&house, &signer.sign(kid("none"), &claims())).await, "{id}");
        assert!(!believed(&house, &signer.sign(Header::default(), &claims())).await, "{id}");
    }
    for algorithm in
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
    {
        let header = Header { alg: algorithm, ..kid("rsa") };
        let token = jsonwebtoken::encode(&header, &claims(), &rsa.key).unwrap();
        assert!(believed(&house, &token).await, "{algorithm:?}");
    }
}

#[tokio::test]
async fn exactly_what_the_token_grants_may_be_done() {
    let signer = Signer::new("a", Algorithm::ES256);
    let house = house(&[("k", signer.jwk())], &[]);
    let token = signer.sign(kid("k"), &claims());
    for wanted in [vec![], vec![Access::pull("a/b")], Access::push("a/b").to_vec()] {
        assert_eq!(show(&house, &token, &wanted).await.unwrap(), "alice");
    }
    for (wanted, scope) in [
        (vec![Access::delete("a/b")], "repository:a/b:delete"),
        (vec![Access::pull("a")], "repository:a:pull"),
        (vec![Access::pull("a/b"), Access::pull("c")], "repository:a/b:pull repository:c:pull"),
        (vec![Access::catalog()], "registry:catalog:*"),
    ] {
        let expected = format!(
            r#"Bearer realm="https://auth.example/token",service="house",scope="{scope}",error="insufficient_scope""#
        );
        assert_eq!(challenge(show(&house, &token, &wanted).await), expected);
    }
    let mut generous = claims();
    generous["access"] = json!([{"type": "repository", "name": "c", "actions": ["*"]}]);
    let token = signer.sign(kid("k"), &generous);
    assert!(show(&house, &token, &[Access::delete("c"), Access::pull("c")]).await.is_ok());
}

#[tokio::test]
async fn whoever_shows_no_token_is_told_where_to_get_which() {
    let signer = Signer::new("a", Algorithm::ES256);
    let house = house(&[("k", signer.jwk())], &[]);
    for shown in [None, Some("Basic YTpi"), Some("Bearer"), Some("Bearer ")] {
        let answer = ask(&house, shown, &Access::push("a/b")).await;
        let expected = r#"Bearer realm="https://auth.example/token",service="house",scope="repository:a/b:pull,push""#;
        assert_eq!(challenge(answer), expected, "{shown:?}");
        let answer = ask(&house, shown, &[]).await;
        assert_eq!(challenge(answer), r#"Bearer realm="https://auth.example/token",service="house""#);
    }
}

#[tokio::test]
async fn a_token_counts_from_its_issuer_for_its_service_in_its_time_give_or_take_a_minute() {
    let signer = Signer::new("a", Algorithm::ES256);
    let house = house(&[("k", signer.jwk())], &[]);
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signer.sign(kid("k"), &claims)
    };
    for (name, value) in [("exp", json!(NOW - 60)), ("nbf", json!(NOW + 60)), ("aud", json!(["other", "house"]))] {
        assert!(believed(&house, &with(name, value.clone())).await, "{name} {value}");
    }
    for (name, value) in [
        ("exp", json!(NOW - 61)),
        ("nbf", json!(NOW + 61)),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("iss", json!("other")),
        ("iss", json!("")),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("access", json!({"type": "repository"})),
    ] {
        assert!(!believed(&house, &with(name, value.clone())).await, "{name} {value}");
    }
    for name in ["iss", "aud", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(!believed(&house, &signer.sign(kid("k"), &claims)).await, "{name}");
    }
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_not_believed() {
    let signer = Signer::new("a", Algorithm::ES256);
    let house = house(&[("k", signer.jwk())], &[]);
    let token = signer.sign(kid("k"), &claims());
    let parts: Vec<_> = token.split('.').collect();
    let mut more = claims();
    more["access"][0]["name"] = json!("other");
    let other = signer.sign(kid("k"), &more);
    let others: Vec<_> = other.split('.').collect();
    let (bare, no_algorithm) = (URL_SAFE_NO_PAD.encode("{}"), json!({"typ": "JWT", "kid": "k"}));
    for forged in [
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{bare}.{}.{}", parts[1], parts[2]),
        format!("{}.%%%.{}", parts[0], parts[2]),
        raw(&no_algorithm, &claims(), b"x"),
        raw(&json!({"alg": "none", "kid": "k"}), &claims(), b""),
        raw(&json!({"alg": "none", "kid": "k"}), &claims(), b"x"),
        "..".into(),
        "x".into(),
        "\u{e9}.\u{e9}.\u{e9}".into(),
    ] {
        assert!(!believed(&house, &forged).await, "{forged}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let signer = Signer::new("a", Algorithm::RS256);
    let root = signer.self_signed();
    let house = house(&[("k", signer.jwk())], &[&root]);
    assert!(believed(&house, &signer.sign(kid("k"), &claims())).await);
    for secret in [signer.public_pem().into_bytes(), root.pem().into_bytes(), root.der().to_vec()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { alg: algorithm, ..kid("k") };
            let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
            assert!(!believed(&house, &token).await);
        }
    }
}

#[tokio::test]
async fn a_key_without_a_name_is_found_by_its_thumbprint() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::new("a", Algorithm::ES256);
    std::fs::write(directory.path().join("jwks"), json!({"keys": [signer.jwk()]}).to_string()).unwrap();
    let house = Token::open(options(directory.path()), Arc::new(ManualClock::at(NOW))).unwrap();
    assert!(believed(&house, &signer.sign(kid(&signer.thumbprint()), &claims())).await);
    for header in [kid(""), kid("k"), Header::default()] {
        assert!(!believed(&house, &signer.sign(header, &claims())).await);
    }
}

#[tokio::test]
async fn only_the_algorithms_that_were_chosen_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let (rsa, curve) = (Signer::new("a", Algorithm::RS256), Signer::new("b", Algorithm::ES256));
    let mut for_one = rsa.jwk();
    for_one["alg"] = json!("RS512");
    let keys = set(&[("rsa", rsa.jwk()), ("curve", curve.jwk()), ("one", for_one)]);
    std::fs::write(directory.path().join("jwks"), keys).unwrap();
    let algorithms = SigningAlgorithms::named(&["RS256"]).unwrap();
    let chosen = TokenOptions { algorithms, ..options(directory.path()) };
    let house = Token::open(chosen, Arc::new(ManualClock::at(NOW))).unwrap();
    assert!(believed(&house, &rsa.sign(kid("rsa"), &claims())).await);
    assert!(!believed(&house, &curve.sign(kid("curve"), &claims())).await);
    // The key says what it is for.
    assert!(!believed(&house, &rsa.sign(kid("one"), &claims())).await);
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_counts_for_nothing() {
    let (signer, thief) = (Signer::new("a", Algorithm::ES256), Signer::new("b", Algorithm::ES256));
    let house = house(&[("k", signer.jwk())], &[]);
    let mut own = thief.jwk();
    for id in ["k", "other"] {
        own["kid"] = json!(id);
        for named in [None, Some("k".to_owned())] {
            let jwk = Some(serde_json::from_value(own.clone()).unwrap());
            let header = Header { jwk, kid: named, ..Header::default() };
            assert!(!believed(&house, &thief.sign(header, &claims())).await);
        }
    }
    let url = Header { jku: Some("https://thief.example".into()), ..kid("k") };
    assert!(!believed(&house, &thief.sign(url, &claims())).await);
}

#[tokio::test]
async fn a_header_that_demands_more_than_is_understood_is_refused() {
    let signer = Signer::new("a", Algorithm::ES256);
    let house = house(&[("k", signer.jwk())], &[]);
    let header = Header { crit: Some(vec!["exp".into()]), ..kid("k") };
    assert!(!believed(&house, &signer.sign(header, &claims())).await);
}

#[tokio::test]
async fn a_certificate_of_the_bundle_signs_under_its_thumbprint_and_as_itself() {
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        let (root, other) = (Signer::new("root", algorithm), Signer::new("other", algorithm));
        let certificate = root.self_signed();
        let house = house(&[], &[&certificate]);
        assert!(believed(&house, &root.sign(kid(&root.thumbprint()), &claims())).await, "{algorithm:?}");
        assert!(believed(&house, &root.sign(x5c(&[&certificate]), &claims())).await, "{algorithm:?}");
        assert!(!believed(&house, &other.sign(kid(&root.thumbprint()), &claims())).await);
        assert!(!believed(&house, &other.sign(x5c(&[&certificate]), &claims())).await);
        assert!(!believed(&house, &other.sign(x5c(&[&other.self_signed()]), &claims())).await);
    }
}

#[tokio::test]
async fn the_bundle_vouches_for_a_chain() {
    let (root, between, leaf) = (
        Signer::new("root", Algorithm::ES384),
        Signer::new("between", Algorithm::ES256),
        Signer::new("leaf", Algorithm::RS256),
    );
    let (root_certificate, between_certificate) = (root.self_signed(), root.certify(&between, true, YEARS));
    let leaf_certificate = between.certify(&leaf, false, YEARS);
    let house = house(&[], &[&root_certificate]);
    assert!(believed(&house, &leaf.sign(x5c(&[&leaf_certificate, &between_certificate]), &claims())).await);
    for chain in [
        vec![&leaf_certificate],
        vec![&between_certificate, &leaf_certificate],
        [vec![&leaf_certificate], vec![&between_certificate; 8]].concat(),
    ] {
        assert!(!believed(&house, &leaf.sign(x5c(&chain), &claims())).await);
    }
    // An empty chain is none, and one that cannot be read is not passed over for the key that is named as well.
    let named = Header { x5c: Some(vec![]), ..kid(&root.thumbprint()) };
    assert!(believed(&house, &root.sign(named, &claims())).await);
    let named = Header { x5c: Some(vec!["AAAA".into()]), ..kid(&root.thumbprint()) };
    assert!(!believed(&house, &root.sign(named, &claims())).await);
    // A leaf vouches for nobody.
    let beyond = Signer::new("beyond", Algorithm::ES256);
    let chain = [&leaf.certify(&beyond, false, YEARS), &leaf_certificate, &between_certificate];
    assert!(!believed(&house, &beyond.sign(x5c(&chain), &claims())).await);
}

#[tokio::test]
async fn a_certificate_counts_in_its_time_only() {
    let (root, leaf) = (Signer::new("root", Algorithm::ES256), Signer::new("leaf", Algorithm::ES256));
    let house_of = |certificate: &Certificate| house(&[], &[certificate]);
    let certificate = root.self_signed();
    for years in [(2000, 2010), (2050, 2100)] {
        let expired = root.certify(&leaf, false, years);
        assert!(!believed(&house_of(&certificate), &leaf.sign(x5c(&[&expired]), &claims())).await, "{years:?}");
        // In the bundle itself: it neither signs nor vouches.
        let old = root.certify(&root, true, years);
        let house = house_of(&old);
        let good = root.certify(&leaf, false, YEARS);
        assert!(!believed(&house, &leaf.sign(x5c(&[&good]), &claims())).await, "{years:?}");
        assert!(!believed(&house, &root.sign(kid(&root.thumbprint()), &claims())).await, "{years:?}");
        assert!(!believed(&house, &root.sign(x5c(&[&old]), &claims())).await, "{years:?}");
    }
    let good = root.certify(&leaf, false, YEARS);
    assert!(believed(&house_of(&certificate), &leaf.sign(x5c(&[&good]), &claims())).await);
}

#[tokio::test]
async fn with_auto_redirect_the_realm_is_on_the_host_that_was_asked() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::new("a", Algorithm::ES256);
    std::fs::write(directory.path().join("jwks"), set(&[("k", signer.jwk())])).unwrap();
    let redirecting = TokenOptions { auto_redirect: Some("/auth/token".into()), ..options(directory.path()) };
    let house = Token::open(redirecting, Arc::new(ManualClock::at(NOW))).unwrap();
    for (host, forwarded_proto, realm) in [
        (Some("r.example:5000"), None, "https://r.example:5000/auth/token"),
        (Some("r.example"), Some("http"), "http://r.example/auth/token"),
        (Some("r.example"), Some("gopher"), "https://r.example/auth/token"),
        (None, None, "https://auth.example/token"),
    ] {
        let request = Presented { authorization: None, host, forwarded_proto };
        let answer = house.authorize(request, &[]).await.map(|identity| identity.name);
        assert_eq!(challenge(answer), format!(r#"Bearer realm="{realm}",service="house""#));
    }
}

#[test]
fn keys_that_cannot_be_used_are_an_error_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::new("a", Algorithm::ES256);
    let open = |options: TokenOptions| Token::open(options, Arc::new(ManualClock::at(NOW))).map(|_| ());
    let base = options(directory.path());
    assert!(matches!(open(base.clone()), Err(TokenError::NoKey)));
    let jwks = TokenOptions { jwks: Some(directory.path().join("jwks")), ..base.clone() };
    assert!(matches!(open(jwks.clone()), Err(TokenError::File { .. })));
    let secret = json!({"kty": "oct", "k": "c2VjcmV0"});
    for (text, problem) in [
        ("nonsense".to_owned(), "expected"),
        ("[]".to_owned(), "no key set"),
        (set(&[("s", secret)]), "key 1 is a shared secret"),
        (set(&[("k", signer.jwk()), ("k", signer.jwk())]), "key 2 has the kid"),
    ] {
        std::fs::write(directory.path().join("jwks"), &text).unwrap();
        let error = open(jwks.clone()).unwrap_err();
        assert!(matches!(error, TokenError::Jwks { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains(problem), "{text}: {error}");
    }
    let mut encrypting = signer.jwk();
    encrypting["use"] = json!("enc");
    std::fs::write(directory.path().join("jwks"), set(&[("e", encrypting)])).unwrap();
    assert!(matches!(open(jwks), Err(TokenError::NoKey)));
    let bundle = TokenOptions { root_cert_bundle: Some(directory.path().join("bundle")), ..base };
    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &signer.public_pem()]
    {
        std::fs::write(directory.path().join("bundle"), text).unwrap();
        assert!(matches!(open(bundle.clone()), Err(TokenError::Bundle { .. })), "{text}");
    }
}
