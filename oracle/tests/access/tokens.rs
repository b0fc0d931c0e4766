//! A registry that sends its clients elsewhere for tokens.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::served::Served;

/// Gives Alice all that she asks for, and everybody else what only reads.
pub(super) struct Issuer {
    address: String,
    jwks: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    pub(super) fn start() -> Issuer {
        let pair = KeyPair::generate().unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        let public = DecodingKey::from_ec_der(pair.public_key_raw());
        let mut jwk = serde_json::to_value(Jwk::from_decoding_key(&public, None).unwrap()).unwrap();
        jwk["kid"] = json!("k");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let Some(target) = lines.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                log.lock().unwrap().push(target.to_owned());
                let shown = lines.iter().find_map(|line| line.strip_prefix("authorization: "));
                let (status, body) = match shown {
                    Some("Basic YWxpY2U6c2VjcmV0") => (200, token(&key, target, true)),
                    None => (200, token(&key, target, false)),
                    Some(_) => (401, json!({})),
                };
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close", body.len());
                let _ = write!(stream, "{head}\r\n\r\n{body}");
            }
        });
        Issuer { address, jwks: json!({"keys": [jwk]}).to_string(), asked }
    }

    /// A registry that believes it.
    pub(super) fn registry(&self) -> Served {
        self.registry_that_believes(self)
    }

    /// A registry that sends its clients here, and believes another.
    fn registry_that_believes(&self, other: &Issuer) -> Served {
        Served::start(|directory| {
            let path = directory.join("jwks");
            fs::write(&path, &other.jwks).unwrap();
            let (address, jwks) = (&self.address, path.display());
            format!("auth: {{token: {{realm: 'http://{address}/t', service: house, issuer: me, jwks: {jwks}}}}}\n")
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn token(key: &EncodingKey, target: &str, everything: bool) -> Value {
    let url = url::Url::parse(&format!("http://issuer{target}")).unwrap();
    let scopes = url.query_pairs().filter(|(name, _)| name == "scope");
    let access: Vec<Value> = scopes
        .filter_map(|(_, scope)| {
            let (rest, actions) = scope.rsplit_once(':')?;
            let (kind, name) = rest.split_once(':')?;
            let actions: Vec<&str> = actions.split(',').filter(|it| everything || *it == "pull").collect();
            Some(json!({"type": kind, "name": name, "actions": actions}))
        })
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "me", "sub": "alice", "aud": "house", "exp": now + 600, "nbf": now - 60, "iat": now, "jti": "1",
        "access": access,
    });
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::ES256) };
    json!({"token": jsonwebtoken::encode(&header, &claims, key).unwrap(), "expires_in": 300})
}

#[test]
fn a_registry_is_checked_with_tokens_that_are_got_with_a_password() {
    let issuer = Issuer::start();
    let served = issuer.registry();
    served.check(&["--username", "alice", "--password-stdin"]).stdin("secret").run().conforms();
    let asked = issuer.asked();
    assert!(asked.iter().all(|target| target.starts_with("/t?service=house")), "{asked:?}");
    assert!(asked.iter().any(|target| target.contains("pull%2Cpush")), "{asked:?}");
    let distinct: BTreeSet<&String> = asked.iter().collect();
    assert_eq!(distinct.len(), asked.len(), "a token is asked for once while it is good: {asked:?}");
}

#[test]
fn whoever_gives_tokens_to_nobody_but_its_own_is_told() {
    let issuer = Issuer::start();
    let served = issuer.registry();
    let wrong = served.check(&["--username", "alice", "--password-stdin"]).stdin("wrong").run();
    let why = format!("http://{}/t refuses these credentials: the request for a token", issuer.address);
    assert!(wrong.could_not().contains(&why), "{wrong:?}");
    // A token without a password reads only.
    let nobody = served.check(&[]).run();
    assert!(nobody.could_not().contains(&format!("{} wants credentials: POST /v2/", served.url)), "{nobody:?}");
}

#[test]
fn a_token_that_was_got_before_is_shown_as_it_is() {
    let issuer = Issuer::start();
    let served = issuer.registry();
    let shown = served.check(&[]).env("PROOFHOUSE_TOKEN", "a.b.c").run();
    assert!(shown.could_not().contains("refuses these credentials: GET /v2/ is answered with 401"), "{shown:?}");
    assert!(issuer.asked().is_empty());
}

#[test]
fn a_registry_that_takes_no_token_of_its_own_token_server_is_told() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let served = issuer.registry_that_believes(&other);
    let shown = served.check(&["--username", "alice", "--password-stdin"]).stdin("secret").run();
    let line = shown.could_not();
    assert!(line.contains("refuses these credentials: GET /v2/ is answered with 401"), "{line}");
    let giver = format!("also with the token that http://{}/t has just given for it: see that ", issuer.address);
    assert!(line.contains(&giver) && line.contains("the issuer, the service, the key and the clock"), "{line}");
    assert_eq!(issuer.asked().len(), 1, "it is asked once");
}
