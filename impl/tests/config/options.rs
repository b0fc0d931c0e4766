//! What a configuration says, and the registry that is built by it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proofhouse_registry::auth::{HtpasswdOptions, SigningAlgorithms, TokenOptions};
use proofhouse_registry::config::{Address, Auth, Config, LogFormat, LogLevel, StorageDriver, UploadPurging};
use proofhouse_registry::driver::{Memory, SystemClock};
use proofhouse_registry::manifest::PlatformFilter;
use proofhouse_registry::tls::{CipherSuites, ClientAuth, TlsOptions, TlsVersion};

use super::{LEAST, config, read, with};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn the_defaults_are_those_of_the_server() {
    let (config, warnings) = Config::parse(LEAST, []).unwrap();
    assert_eq!(warnings, []);
    let storage = &config.storage;
    assert_eq!(storage.driver, StorageDriver::InMemory);
    assert!(!storage.delete && storage.redirect && !storage.read_only);
    assert_eq!((storage.tag_lookup_limit, storage.cached_descriptors), (0, None));
    let purging = UploadPurging { age: 168 * HOUR, interval: 24 * HOUR, dry_run: false };
    assert_eq!(storage.upload_purging, Some(purging));
    assert_eq!(purging.age_seconds(), 604_800);
    assert_eq!(config.auth, None);
    assert!(config.authorizer(Arc::new(SystemClock)).unwrap().is_none());
    assert!(config.validation.urls.permits("http://a/").is_err(), "no URL is allowed");
    assert!(config.validation.indexes.enabled && config.validation.indexes.platforms.is_empty());
    assert_eq!((config.catalog_max, config.tags_max), (1_000, 1_000));
    let http = &config.http;
    assert_eq!((&http.address, &http.host, &*http.prefix, &http.secret), (&None, &None, "/", &None));
    assert_eq!((http.relative_urls, http.drain_timeout, &http.tls, &http.debug), (false, None, &None, &None));
    assert!(http.headers.is_empty());
    assert_eq!((config.log.level, config.log.format, config.log.access), (LogLevel::Info, LogFormat::Text, true));
}

#[test]
fn a_filesystem_has_a_place_and_threads() {
    let of = |text: &str| config(text).storage.driver;
    let at = |root: &str, max_threads| StorageDriver::Filesystem { root: PathBuf::from(root), max_threads };
    assert_eq!(of("storage: filesystem"), at("/var/lib/registry", 100));
    assert_eq!(of("storage: {filesystem: }"), at("/var/lib/registry", 100));
    assert_eq!(of("storage: {filesystem: {rootdirectory: /srv, maxthreads: 3}}"), at("/srv", 25));
    assert_eq!(of("storage: {filesystem: {rootdirectory: /srv, maxthreads: '300'}}"), at("/srv", 300));
}

#[test]
fn another_directory_has_the_threads_that_were_said() {
    for (said, max_threads) in [("{filesystem: {rootdirectory: /srv, maxthreads: 300}}", 300), ("inmemory", 100)] {
        let mut driver = config(&format!("storage: {said}")).storage.driver;
        driver.move_to("/other".into());
        assert_eq!(driver, StorageDriver::Filesystem { root: "/other".into(), max_threads });
    }
}

#[test]
fn neither_allow_nor_deny_allows_nothing_and_one_of_them_is_one_of_them() {
    let permits = |urls: &str, url: &str| {
        with(&format!("validation: {{manifests: {{urls: {urls}}}}}")).validation.urls.permits(url).is_ok()
    };
    for urls in ["{}", "{allow: [], deny: []}", ""] {
        assert!(!permits(urls, "http://a/"));
    }
    assert!(permits("{deny: [bad]}", "http://a/") && !permits("{deny: [x, bad]}", "http://a/bad"));
    let allow = "{allow: ['^https://a/', '^https://b/|^http://b/'], deny: [bad]}";
    for (url, permitted) in [
        ("https://a/", true),
        ("http://b/", true),
        ("http://a/", false),
        ("https://a/bad", false),
        ("https://c/", false),
    ] {
        assert_eq!(permits(allow, url), permitted, "{url}");
    }
}

#[test]
fn which_entries_of_an_index_must_exist() {
    let of = |indexes: &str| with(&format!("validation: {{manifests: {{indexes: {indexes}}}}}")).validation.indexes;
    let list = "platformlist: [{architecture: amd64, os: linux}, {architecture: arm64}]";
    for all in ["{}".to_owned(), "{platforms: all}".into(), format!("{{platforms: ALL, {list}}}")] {
        assert!(of(&all).enabled && of(&all).platforms.is_empty(), "{all}");
    }
    assert!(!of("{platforms: none}").enabled);
    let some = of(&format!("{{platforms: List, {list}}}"));
    assert!(some.enabled);
    assert_eq!(some.platforms, [PlatformFilter::new("amd64", "linux"), PlatformFilter::new("arm64", "")]);
}

#[test]
fn validation_is_off_only_if_it_is_disabled_and_not_enabled() {
    let on = |flags: &str| {
        let validation = with(&format!("validation: {{{flags}}}")).validation;
        assert_eq!(validation.urls.allow.is_some(), validation.indexes.enabled);
        validation.indexes.enabled
    };
    for flags in ["", "disabled: false", "enabled: true", "disabled: true, enabled: yes", "enabled: false"] {
        assert!(on(flags), "{flags}");
    }
    assert!(!on("disabled: true"));
    assert!(!on("disabled: on, enabled: off, manifests: {urls: {allow: [a]}, indexes: {platforms: all}}"));
}

#[test]
fn users_and_tokens_are_told_by_whom_they_are_known() {
    let htpasswd = with("auth: {htpasswd: {realm: r, path: /p}}").auth;
    assert_eq!(htpasswd, Some(Auth::Htpasswd(HtpasswdOptions { realm: "r".into(), path: "/p".into() })));
    let token = with("auth: {token: {realm: r, service: s, issuer: i, jwks: /j, signingalgorithms: [ES256]}}").auth;
    let expected = TokenOptions {
        realm: "r".into(),
        service: "s".into(),
        issuer: "i".into(),
        root_cert_bundle: None,
        jwks: Some("/j".into()),
        algorithms: SigningAlgorithms::named(&["ES256"]).unwrap(),
        auto_redirect: None,
    };
    assert_eq!(token, Some(Auth::Token(expected)));
    let redirect = |more: &str| match with(&format!(
        "auth: {{token: {{realm: r, service: s, issuer: i, rootcertbundle: /b, autoredirect: true{more}}}}}"
    ))
    .auth
    {
        Some(Auth::Token(options)) => options.auto_redirect.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(redirect(""), "/auth/token");
    assert_eq!(redirect(", autoredirectpath: /t"), "/t");
    for none in ["auth: none", "auth: {none: }", "auth:", "auth: {}", "auth: ''"] {
        assert_eq!(with(none).auth, None, "{none}");
    }
    let absent = with("auth: {htpasswd: {realm: r, path: /nowhere/at/all}}").authorizer(Arc::new(SystemClock));
    assert!(absent.unwrap_err().to_string().starts_with("auth.htpasswd: cannot read /nowhere/at/all"));
}

#[test]
fn how_it_is_served() {
    let http = with(
        "http: {addr: ':5000', host: 'https://r.example:5000', prefix: /a/b/, secret: s3, relativeurls: true, draintimeout: 1m30s,
           headers: {X-Content-Type-Options: [nosniff], x-two: [a, b]},
           debug: {addr: 'localhost:5001', prometheus: {enabled: true, path: /m}},
           tls: {certificate: /c, key: /k, clientcas: [/a, /b], clientauth: verify-client-cert-if-given, minimumtls: tls1.3,
                 ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}}",
    )
    .http;
    assert_eq!(http.address, Some(Address { host: None, port: 5000 }));
    assert_eq!(http.host.unwrap().as_str(), "https://r.example:5000/");
    assert_eq!((&*http.prefix, http.relative_urls, http.drain_timeout), ("/a/b/", true, Some(Duration::from_secs(90))));
    let secret = http.secret.unwrap();
    assert_eq!((secret.expose(), &*format!("{secret:?}")), ("s3", "Secret"));
    let mut headers: Vec<_> =
        http.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort_unstable();
    assert_eq!(headers, [("x-content-type-options", "nosniff"), ("x-two", "a"), ("x-two", "b")]);
    let debug = http.debug.unwrap();
    assert_eq!((debug.address.to_string(), debug.metrics), ("localhost:5001".into(), Some("/m".into())));
    let expected = TlsOptions {
        client_cas: vec!["/a".into(), "/b".into()],
        client_auth: ClientAuth::Optional,
        minimum: TlsVersion::Tls13,
        suites: CipherSuites::named(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]).unwrap(),
        ..TlsOptions::new("/c", "/k")
    };
    assert_eq!(http.tls, Some(expected));
    let plain = with("http: {tls: {certificate: /c, key: /k}, debug: {addr: ':1'}}").http;
    assert_eq!(plain.tls, Some(TlsOptions::new("/c", "/k")));
    assert_eq!(plain.debug.unwrap().metrics, None);
}

#[test]
fn an_address_may_be_a_name_or_of_either_kind() {
    let of = |text: &str| with(&format!("http: {{addr: '{text}'}}")).http.address.unwrap();
    for (text, host, port) in [
        ("localhost:5000", Some("localhost"), 5000),
        ("127.0.0.1:0", Some("127.0.0.1"), 0),
        ("[::1]:65535", Some("::1"), 65535),
        (":80", None, 80),
    ] {
        assert_eq!(of(text), Address { host: host.map(Into::into), port }, "{text}");
        assert_eq!(of(text).to_string(), text);
    }
}

#[test]
fn what_is_logged() {
    let log = with("log: {level: DEBUG, formatter: json, accesslog: {disabled: true}}").log;
    assert_eq!((log.level, log.format, log.access), (LogLevel::Debug, LogFormat::Json, false));
    let fields = with("log: {fields: {service: registry, replica: 2, canary: true, empty: }}").log.fields;
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(fields, [("canary", "true"), ("replica", "2"), ("service", "registry")]);
    assert_eq!(with("loglevel: error").log.level, LogLevel::Error);
    assert_eq!(
        with(
            "loglevel: error
log: {level: warn}"
        )
        .log
        .level,
        LogLevel::Warn
    );
}

#[test]
fn pages_have_a_bound_and_the_catalog_s_default_does_not_exceed_it() {
    for (value, max) in [("0", 1_000), ("-5", 1_000), ("50", 50), ("5000", 5_000)] {
        let config = with(&format!("catalog: {{maxentries: {value}}}\ntags: {{maxtags: {value}}}"));
        assert_eq!((config.catalog_max, config.tags_max), (max, max));
        let api = config.api_config();
        assert_eq!((api.catalog_max, api.catalog_default, api.tags_max), (max, max.min(100), Some(max)));
    }
}

#[test]
fn a_cache_is_as_large_as_it_is_said() {
    let of = |cache: &str| config(&format!("storage: {{inmemory: , cache: {cache}}}")).storage.cached_descriptors;
    assert_eq!(of("{blobdescriptor: inmemory}"), Some(10_000));
    assert_eq!(of("{layerinfo: inmemory, blobdescriptorsize: 7}"), Some(7));
    assert_eq!(of("{blobdescriptor: inmemory, blobdescriptorsize: '8'}"), Some(8));
    assert_eq!(of("{blobdescriptor: inmemory, blobdescriptorsize: 0}"), Some(u64::MAX));
    assert_eq!(of("{blobdescriptor: ''}"), None);
    let (redis, warnings) = read("storage: {inmemory: , cache: {blobdescriptor: redis}}\nredis: {addrs: [a]}").unwrap();
    assert_eq!(redis.storage.cached_descriptors, None);
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["redis", "storage.cache.blobdescriptor"]);
}

/// The builder says what it was told when it is shown.
#[test]
fn the_builder_is_told_everything() {
    let shown = |text: &str| format!("{:?}", config(text).builder(Arc::new(Memory::default())));
    let plain = shown("storage: inmemory");
    for (text, there) in [
        ("storage: {inmemory: , delete: {enabled: true}}", "delete: true"),
        ("storage: {inmemory: , redirect: {disable: true}}", "redirect: false"),
        ("storage: {inmemory: , tag: {concurrencylimit: 777}}", "tag_lookup_limit: 777"),
        ("storage: {inmemory: , cache: {blobdescriptor: inmemory, blobdescriptorsize: 0}}", "cache: Some"),
        ("storage: inmemory\nvalidation: {manifests: {urls: {allow: [abc]}}}", "allow: Some(Regex(\"(?:abc)\"))"),
        (
            "storage: inmemory\nvalidation: {manifests: {urls: {deny: [abc]}}}",
            "allow: None, deny: Some(Regex(\"(?:abc)\"))",
        ),
        ("storage: inmemory\nvalidation: {manifests: {indexes: {platforms: none}}}", "enabled: false"),
        (
            "storage: inmemory\nvalidation: {manifests: {indexes: {platforms: list, platformlist: [{architecture: a, os: b}]}}}",
            "enabled: true, platforms: [PlatformFilter { architecture: \"a\", os: \"b\" }]",
        ),
    ] {
        assert!(!plain.contains(there), "{there}");
        assert!(shown(text).contains(there), "{there}: {}", shown(text));
    }
    assert!(plain.contains("redirect: true") && plain.contains("enabled: true, platforms: []"));
    assert!(plain.contains(r#"allow: Some(Regex("^$"))"#));
    assert!(config("storage: inmemory").builder(Arc::new(Memory::default())).build().is_ok());
}

#[test]
fn the_driver_is_the_one_that_is_named() {
    assert_eq!(config("storage: inmemory").driver().name(), "memory");
    assert_eq!(config("storage: {filesystem: {rootdirectory: /nowhere/at/all}}").driver().name(), "filesystem");
}
