//! What is not taken, and how that is said: in one line that names the key.

use proofhouse_registry::config::Config;

use super::{error, read};

#[test]
fn what_would_weaken_the_registry_if_it_were_passed_over_is_refused() {
    for (text, key) in [
        ("auth: silly", "auth.silly"),
        ("auth: {silly: {realm: r, service: s}}", "auth.silly"),
        ("auth: {ldap: }", "auth.ldap"),
        ("auth: {htpasswd: {realm: r, path: /p}, token: {realm: r, service: s, issuer: i, jwks: /j}}", "auth"),
        ("auth: {htpasswd: {realm: r, path: /p}, none: }", "auth"),
        ("auth: {htpasswd: {realm: r, path: /p, group: g}}", "auth.htpasswd.group"),
        ("auth.htpasswd: {realm: r, path: /p}", "auth.htpasswd"),
        ("Auth: {htpasswd: {realm: r, path: /p}}", "Auth"),
        ("http: {tls: {letsencrypt: {cachefile: /c, hosts: [a]}}}", "http.tls.letsencrypt"),
        ("http: {tls: {certificate: /c, key: /k, minimumtls: tls1.0}}", "http.tls.minimumtls"),
        ("http: {tls: {certificate: /c, key: /k, minimumtls: tls1.4}}", "http.tls.minimumtls"),
        (
            "http: {tls: {certificate: /c, key: /k, ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]}}",
            "http.tls.ciphersuites",
        ),
        (
            "http: {tls: {certificate: /c, key: /k, clientcas: [/a], clientauth: request-client-cert}}",
            "http.tls.clientauth",
        ),
        (
            "http: {tls: {certificate: /c, key: /k, clientcas: [/a], clientauth: require-any-client-cert}}",
            "http.tls.clientauth",
        ),
        ("http: {tls: {certificate: /c, key: /k, clientauth: require-and-verify-client-cert}}", "http.tls.clientcas"),
        ("http: {tls: {certificate: /c, key: /k, crl: /l}}", "http.tls.crl"),
        ("http: {tls: {certificate: /c}}", "http.tls.key"),
        ("http: {tls: {key: /k}}", "http.tls.certificate"),
        ("http: {tls: {clientcas: [/a]}}", "http.tls.certificate"),
        ("http: {TLS: {certificate: /c, key: /k}}", "http.TLS"),
        ("http: {net: unix, addr: /s}", "http.net"),
        ("proxy: {remoteurl: 'https://r'}", "proxy"),
        ("middleware: {repository: [{name: guard}]}", "middleware"),
        ("policy: {repository: {classes: [image]}}", "policy"),
        ("validation: {manifests: {urls: {allowed: [a]}}}", "validation.manifests.urls.allowed"),
        (
            "validation: {manifests: {indexes: {platforms: list, platformlist: [{arch: a}]}}}",
            "validation.manifests.indexes.platformlist.arch",
        ),
    ] {
        let error = error(&format!("storage: inmemory\n{text}"));
        let named = error.starts_with(&format!("{key} ")) || error.starts_with(&format!("{key}: "));
        assert!(named || error.starts_with(&format!("there is no key {key}")), "{text}: {error}");
    }
}

#[test]
fn a_storage_that_there_is_not_is_refused() {
    for (text, expected) in [
        ("storage: s3", "storage.s3 cannot be used"),
        ("storage: {s3: {bucket: b}}", "storage.s3 cannot be used"),
        ("storage: {s3: }", "storage.s3 cannot be used"),
        ("storage: {filesystem: , azure: }", "storage.azure cannot be used"),
        ("storage: {filesystem: , inmemory: }", "storage: there are two drivers"),
        ("storage: {delete: {enabled: true}}", "storage is missing: name a driver"),
        ("log: {}", "storage is missing: name a driver"),
        ("storage:", "storage is missing: name a driver"),
    ] {
        assert!(error(text).starts_with(expected), "{text}: {}", error(text));
    }
}

#[test]
fn what_is_off_refuses_nothing_and_warns_of_nothing() {
    let (_, warnings) = read(
        "storage: inmemory\nproxy: {remoteurl: '', username: }\nmiddleware: {storage: [{name: a, disabled: true}], registry: []}
log: {hooks: [{type: mail, disabled: true, levels: [panic]}]}\nhealth: {storagedriver: {enabled: false, interval: 10s}}
notifications: {endpoints: [{name: a, disabled: true, url: u}]}\nhttp: {tls: {letsencrypt: {cachefile: ''}}}\npolicy:\nredis: {}",
    )
    .unwrap();
    assert_eq!(warnings, []);
}

#[test]
fn an_unknown_key_elsewhere_is_a_warning_with_its_path() {
    let (_, warnings) =
        read("storage: {inmemory: , delete: {enabeld: true}}\nfoo: 1\nhttp: {addr: ':1', bar: {baz: 2}}").unwrap();
    let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let passed_over = |key: &str| format!("{key}: there is no such key; it is passed over");
    assert_eq!(shown, [passed_over("foo"), passed_over("http.bar"), passed_over("storage.delete.enabeld")]);
}

#[test]
fn a_list_of_no_platforms_is_every_platform_with_a_warning() {
    for list in ["", ", platformlist: []"] {
        let indexes = format!("validation: {{manifests: {{indexes: {{platforms: list{list}}}}}}}");
        let (config, warnings) = read(&format!("storage: inmemory\n{indexes}")).unwrap();
        assert!(config.validation.indexes.enabled && config.validation.indexes.platforms.is_empty());
        let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        let expected =
            "validation.manifests.indexes.platformlist: the list is empty, so the images of every platform must exist";
        assert_eq!(shown, [expected]);
    }
}

#[test]
fn a_key_in_the_wrong_case_is_an_error_with_the_right_one() {
    for (text, expected) in [
        ("storage: {inmemory: , Delete: {enabled: true}}", "there is no key storage.Delete; write storage.delete"),
        (
            "storage: {inmemory: , delete: {Enabled: true}}",
            "there is no key storage.delete.Enabled; write storage.delete.enabled",
        ),
    ] {
        assert_eq!(error(text), expected);
    }
}

#[test]
fn only_version_0_1_is_known() {
    for (text, expected) in [
        ("storage: inmemory", "version is missing: it must be 0.1"),
        ("version: 0.2", "version is 0.2; it must be 0.1"),
        ("version: 1", "version is 1; it must be 0.1"),
        ("version: [0.1]", "version is [0.1]; it must be 0.1"),
        ("", "version is missing: it must be 0.1"),
    ] {
        assert_eq!(Config::parse(text, []).unwrap_err().to_string(), expected);
    }
    for version in ["0.1", "'0.1'", "\"0.1\""] {
        assert!(Config::parse(&format!("version: {version}\nstorage: inmemory"), []).is_ok(), "{version}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_said_with_its_key() {
    for (text, expected) in [
        ("validation: {manifests: {urls: {allow: [a, '(']}}}", "validation.manifests.urls.allow: regex parse error"),
        ("validation: {manifests: {urls: {deny: ['a)|(b']}}}", "validation.manifests.urls.deny: regex parse error"),
        ("validation: {disabled: true, manifests: {urls: {deny: ['(']}}}", "validation.manifests.urls.deny: regex"),
        (
            "validation: {manifests: {indexes: {platforms: some}}}",
            "validation.manifests.indexes.platforms is \"some\"; it must be all",
        ),
        ("auth: {htpasswd: {path: /p}}", "auth.htpasswd.realm is missing"),
        ("auth: {htpasswd: {realm: r}}", "auth.htpasswd.path is missing"),
        ("auth: {htpasswd: }", "auth.htpasswd.realm is missing"),
        ("auth: {token: {realm: r, service: s, issuer: i}}", "auth.token.rootcertbundle is missing"),
        ("auth: {token: {realm: r, service: s, issuer: '', jwks: /j}}", "auth.token.issuer is missing"),
        (
            "auth: {token: {realm: r, service: s, issuer: i, jwks: /j, signingalgorithms: [HS256]}}",
            "auth.token.signingalgorithms: tokens signed with \"HS256\"",
        ),
        ("http: {addr: '5000'}", "http.addr: \"5000\" is not HOST:PORT"),
        ("http: {addr: 'a:b'}", "http.addr: \"a:b\" is not HOST:PORT"),
        ("http: {addr: ':+1'}", "http.addr: \":+1\" is not HOST:PORT"),
        ("http: {addr: ':65536'}", "http.addr: \":65536\" is not HOST:PORT"),
        ("http: {addr: '::1:5000'}", "http.addr: \"::1:5000\" is not HOST:PORT"),
        ("http: {addr: '[a]:5000'}", "http.addr: \"[a]:5000\" is not HOST:PORT"),
        ("http: {addr: ':'}", "http.addr: \":\" is not HOST:PORT"),
        ("http: {host: r.example}", "http.host: \"r.example\" is no URL"),
        ("http: {host: 'ftp://r.example'}", "http.host: \"ftp://r.example\" is no URL"),
        ("http: {prefix: /a}", "http.prefix: it must have one slash at each end"),
        ("http: {prefix: a/}", "http.prefix: it must have one slash at each end"),
        ("http: {draintimeout: 60}", "http.draintimeout is 60; it must be a duration"),
        ("http: {draintimeout: -1s}", "http.draintimeout is \"-1s\"; it must be a duration"),
        ("http: {headers: {X-A: b}}", "http.headers is something with \"b\" in it"),
        ("http: {headers: {X-A: [1]}}", "http.headers is something with 1 in it"),
        ("http: {headers: {Content-Length: ['0']}}", "http.headers: Content-Length says where an answer ends"),
        ("http: {headers: {'X A': [b]}}", "http.headers: \"X A\" is no header"),
        ("http: {headers: {X-A: [\"a\\nb\"]}}", "http.headers: X-A cannot have the value"),
        ("http: {secret: 12345}", "http.secret is no text in quotes"),
        ("log: {level: loud}", "log.level is \"loud\"; it must be error"),
        ("log: {formatter: xml}", "log.formatter is \"xml\"; it must be text"),
        ("storage: ", "storage is missing"),
    ] {
        let storage = if text.starts_with("storage") { "" } else { "storage: inmemory\n" };
        let error = error(&format!("{storage}{text}"));
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(!error.contains("12345"), "{error}");
    }
    for (below, expected) in [
        ("tag: {concurrencylimit: -1}", "storage.tag.concurrencylimit: it is below zero"),
        ("tag: {concurrencylimit: 5000000000}", "storage.tag.concurrencylimit: it is too large"),
        ("tag: {concurrencylimit: '8'}", "storage.tag.concurrencylimit is \"8\"; it must be a whole number"),
        (
            "cache: {blobdescriptor: inmemory, blobdescriptorsize: many}",
            "storage.cache.blobdescriptorsize: it is no whole number",
        ),
        (
            "maintenance: {uploadpurging: {interval: 0s}}",
            "storage.maintenance.uploadpurging.interval: it must be above zero",
        ),
        ("maintenance: {uploadpurging: true}", "storage.maintenance.uploadpurging is true; it must be a mapping"),
        ("delete: true", "storage.delete is true; it must be a mapping"),
        ("delete: {enabled: maybe}", "storage.delete.enabled is \"maybe\"; it must be true or false"),
    ] {
        let error = error(&format!("storage: {{inmemory: , {below}}}"));
        assert!(error.starts_with(expected), "{below}: {error}");
    }
}

#[test]
fn what_is_no_mapping_in_yaml_is_refused() {
    for text in [
        "- a",
        "a",
        "3",
        "version: 0.1\nstorage: {",
        "version: 0.1\nversion: 0.1\nstorage: inmemory",
        "\tx: [",
        "a: *b",
    ] {
        let error = Config::parse(text, []).unwrap_err().to_string();
        assert!(error.starts_with("malformed YAML: ") || error.starts_with("the document is "), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_key_that_stands_twice_is_an_error_whatever_its_tags() {
    for (first, second) in [("enabled", "enabled"), ("!!set enabled", "enabled"), ("!!set enabled", "!!str enabled")] {
        let text = format!("storage: inmemory\nvalidation:\n  {first}: true\n  {second}: false");
        let error = error(&text);
        assert!(error.starts_with("malformed YAML: ") && error.contains("enabled"), "{text}: {error}");
    }
}
