//! Every row of the table of keys is true, and `docs/config.md` has exactly these rows.

use std::collections::BTreeMap;

use proofhouse_registry::config::{Config, ConfigError, KEYS, Kind, Standing, Warning};
use serde_json::{Value, json};

const HTPASSWD: &str = r#"{"auth": {"htpasswd": {"realm": "r", "path": "/p"}}}"#;
const TOKEN: &str = r#"{"auth": {"token": {"realm": "r", "service": "s", "issuer": "i", "jwks": "/j"}}}"#;
const REDIRECTED: &str =
    r#"{"auth": {"token": {"realm": "r", "service": "s", "issuer": "i", "jwks": "/j", "autoredirect": true}}}"#;
const TLS: &str = r#"{"http": {"tls": {"certificate": "/c", "key": "/k"}}}"#;
const CLIENTS: &str = r#"{"http": {"tls": {"certificate": "/c", "key": "/k", "clientcas": ["/a"]}}}"#;
const DEBUG: &str = r#"{"http": {"debug": {"addr": ":1"}}}"#;
const METRICS: &str = r#"{"http": {"debug": {"addr": ":1", "prometheus": {"enabled": true}}}}"#;
const MEMORY: &str = r#"{"storage": {"inmemory": {}}}"#;
const CACHE: &str = r#"{"storage": {"inmemory": {}, "cache": {"blobdescriptor": "inmemory"}}}"#;
const FILES: &str = r#"{"storage": {"filesystem": {}}}"#;
const LISTED: &str = r#"{"validation": {"manifests": {"indexes": {"platforms": "list"}}}}"#;
const OFF: &str = r#"{"validation": {"disabled": true}}"#;

/// For each key: a value that makes a difference, and what must stand beside it for that.
fn examples() -> BTreeMap<&'static str, (Value, &'static str)> {
    BTreeMap::from([
        ("version", (json!("0.2"), MEMORY)),
        ("storage.filesystem.rootdirectory", (json!("/srv"), FILES)),
        ("storage.filesystem.maxthreads", (json!(200), FILES)),
        // With the other one there are two.
        ("storage.inmemory", (Value::Null, FILES)),
        ("storage.*", (Value::Null, "{}")),
        ("storage.delete.enabled", (json!(true), MEMORY)),
        ("storage.redirect.disable", (json!(true), MEMORY)),
        ("storage.tag.concurrencylimit", (json!(5), MEMORY)),
        ("storage.cache.blobdescriptor", (json!("inmemory"), MEMORY)),
        ("storage.cache.layerinfo", (json!("inmemory"), MEMORY)),
        ("storage.cache.blobdescriptorsize", (json!(5), CACHE)),
        ("storage.maintenance.uploadpurging.enabled", (json!(false), MEMORY)),
        ("storage.maintenance.uploadpurging.age", (json!("1h"), MEMORY)),
        ("storage.maintenance.uploadpurging.interval", (json!("1h"), MEMORY)),
        ("storage.maintenance.uploadpurging.dryrun", (json!(true), MEMORY)),
        ("storage.maintenance.readonly.enabled", (json!(true), MEMORY)),
        // Without it there is one scheme, with it there are two.
        ("auth.none", (Value::Null, HTPASSWD)),
        ("auth.htpasswd.realm", (json!("other"), HTPASSWD)),
        ("auth.htpasswd.path", (json!("/other"), HTPASSWD)),
        ("auth.token.realm", (json!("other"), TOKEN)),
        ("auth.token.service", (json!("other"), TOKEN)),
        ("auth.token.issuer", (json!("other"), TOKEN)),
        ("auth.token.rootcertbundle", (json!("/b"), TOKEN)),
        ("auth.token.jwks", (json!("/other"), TOKEN)),
        ("auth.token.signingalgorithms", (json!(["ES256"]), TOKEN)),
        ("auth.token.autoredirect", (json!(true), TOKEN)),
        ("auth.token.autoredirectpath", (json!("/t"), REDIRECTED)),
        ("auth.*", (Value::Null, MEMORY)),
        ("http.addr", (json!(":1"), MEMORY)),
        ("http.net", (json!("unix"), MEMORY)),
        ("http.host", (json!("https://r"), MEMORY)),
        ("http.prefix", (json!("/a/"), MEMORY)),
        ("http.secret", (json!("s"), MEMORY)),
        ("http.relativeurls", (json!(true), MEMORY)),
        ("http.draintimeout", (json!("1s"), MEMORY)),
        ("http.tls.certificate", (json!("/other"), TLS)),
        ("http.tls.key", (json!("/other"), TLS)),
        ("http.tls.clientcas", (json!(["/a"]), TLS)),
        ("http.tls.clientauth", (json!("verify-client-cert-if-given"), CLIENTS)),
        ("http.tls.minimumtls", (json!("tls1.3"), TLS)),
        ("http.tls.ciphersuites", (json!(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]), TLS)),
        ("http.tls.letsencrypt", (json!({"email": "a@b"}), MEMORY)),
        ("http.headers", (json!({"X-A": ["b"]}), MEMORY)),
        ("http.debug.addr", (json!(":1"), MEMORY)),
        ("http.debug.prometheus.enabled", (json!(true), DEBUG)),
        ("http.debug.prometheus.path", (json!("/m"), METRICS)),
        ("http.http2", (json!({"disabled": false, "x": 1}), MEMORY)),
        ("http.h2c", (json!({"enabled": true}), MEMORY)),
        ("validation.enabled", (json!(true), OFF)),
        ("validation.disabled", (json!(true), MEMORY)),
        ("validation.manifests.urls.allow", (json!(["a"]), MEMORY)),
        ("validation.manifests.urls.deny", (json!(["a"]), MEMORY)),
        ("validation.manifests.indexes.platforms", (json!("none"), MEMORY)),
        ("validation.manifests.indexes.platformlist", (json!([{"architecture": "a", "os": "b"}]), LISTED)),
        ("catalog.maxentries", (json!(5), MEMORY)),
        ("tags.maxtags", (json!(5), MEMORY)),
        ("log.level", (json!("debug"), MEMORY)),
        ("log.formatter", (json!("json"), MEMORY)),
        ("log.fields", (json!({"a": "b"}), MEMORY)),
        ("log.accesslog.disabled", (json!(true), MEMORY)),
        ("log.hooks", (json!([{"type": "mail"}]), MEMORY)),
        ("log.reportcaller", (json!(true), MEMORY)),
        ("loglevel", (json!("debug"), MEMORY)),
        ("middleware", (json!({"storage": [{"name": "a"}]}), MEMORY)),
        ("proxy", (json!({"remoteurl": "https://r"}), MEMORY)),
        ("policy", (json!({"repository": {"classes": ["image"]}}), MEMORY)),
        ("notifications", (json!({"endpoints": [{"name": "a"}]}), MEMORY)),
        ("redis", (json!({"addrs": ["a:1"]}), MEMORY)),
        ("reporting", (json!({"bugsnag": {"apikey": "a"}}), MEMORY)),
        ("health", (json!({"storagedriver": {"enabled": true}}), MEMORY)),
        ("compatibility", (json!({"schema1": {"enabled": true}}), MEMORY)),
    ])
}

/// What stands beside the key, and a driver if that names none; with the value at its path, if there is one.
fn document(beside: &str, at: Option<(&str, &Value)>) -> String {
    let mut document: Value = serde_json::from_str(beside).unwrap();
    document["version"] = json!("0.1");
    let needs_driver = document.get("storage").is_none() && at.is_none_or(|(path, _)| !path.starts_with("storage."));
    if needs_driver {
        document["storage"] = json!({"inmemory": null});
    }
    if let Some((path, value)) = at {
        let keys: Vec<_> = path.split('.').map(|key| if key == "*" { "else" } else { key }).collect();
        let (last, above) = keys.split_last().unwrap();
        let section = above.iter().fold(&mut document, |section, key| &mut section[*key]);
        section[*last] = value.clone();
    }
    // JSON is YAML.
    document.to_string()
}

fn parse(text: &str) -> Result<(Config, Vec<Warning>), ConfigError> {
    Config::parse(text, [])
}

#[test]
fn every_row_is_true() {
    let examples = examples();
    for row in KEYS {
        let (value, beside) = &examples[row.path];
        let without = parse(&document(beside, None));
        let with = parse(&document(beside, Some((row.path, value))));
        let named = row.path.replace('*', "else");
        match row.standing {
            Standing::Supported => {
                assert_ne!(format!("{with:?}"), format!("{without:?}"), "{} makes no difference", row.path);
                let warnings = with.map_or(Vec::new(), |(_, warnings)| warnings);
                assert_eq!(warnings, [], "{}", row.path);
            }
            Standing::Warned => {
                let ((with, warnings), (without, _)) = (with.unwrap(), without.unwrap());
                assert_eq!(format!("{with:?}"), format!("{without:?}"), "{}", row.path);
                assert_eq!(warnings.len(), 1, "{}: {warnings:?}", row.path);
                assert_eq!((&*warnings[0].key, &*warnings[0].says), (&*named, row.says));
            }
            Standing::Refused => {
                let expected = ConfigError::Refused { key: named, why: row.says.to_owned() };
                assert_eq!(with.unwrap_err(), expected);
            }
        }
    }
    assert_eq!(examples.len(), KEYS.len(), "an example is of no row");
}

#[test]
fn a_supported_key_with_a_value_of_the_wrong_kind_is_named() {
    let examples = examples();
    for row in KEYS.iter().filter(|row| row.standing == Standing::Supported && row.path != "version") {
        let wrong: &[Value] = match row.kind {
            Kind::Any => continue,
            Kind::Text => &[json!({"a": 1}), json!(["a"]), json!(1.5), json!(true)],
            Kind::Flag => &[json!({"a": 1}), json!([true]), json!(1), json!("maybe")],
            Kind::Integer => &[json!({"a": 1}), json!([1]), json!(1.5), json!(true)],
            Kind::Duration => &[json!({"a": 1}), json!(["1h"]), json!(5), json!("5"), json!(true)],
            Kind::Texts => &[json!({"a": 1}), json!("a"), json!([1]), json!([["a"]]), json!([null]), json!(true)],
            Kind::Headers => &[json!("a"), json!({"a": "b"}), json!({"a": [1]}), json!(["a"]), json!(1)],
            Kind::Fields => &[json!("a"), json!({"a": ["b"]}), json!({"a": {"b": 1}}), json!(["a"]), json!(1)],
            Kind::Platforms => &[json!("a"), json!(["a"]), json!([{"os": 1}]), json!({"os": "a"}), json!(1)],
        };
        for value in wrong {
            let result = parse(&document(examples[row.path].1, Some((row.path, value))));
            match result {
                Err(ConfigError::Kind { key, .. }) => assert_eq!(key, row.path, "{value}"),
                other => panic!("{} {value}: {other:?}", row.path),
            }
        }
    }
}

#[test]
fn the_documentation_has_exactly_these_rows() {
    let standing = |standing| match standing {
        Standing::Supported => "supported",
        Standing::Warned => "warned",
        Standing::Refused => "refused",
    };
    let rows: Vec<String> = KEYS
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} |", row.path, row.kind.words(), standing(row.standing), row.says))
        .collect();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md")).unwrap();
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(written, rows, "the table of docs/config.md must be:\n{}", rows.join("\n"));
}
