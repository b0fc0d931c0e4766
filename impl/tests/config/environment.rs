//! What the environment changes of a configuration.

use proofhouse_registry::config::{Config, ConfigError, StorageDriver, Warning};

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigError> {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(&format!("version: 0.1\n{text}"), owned)
}

fn changed(text: &str, variables: &[(&str, &str)]) -> Config {
    let (config, warnings) = parse(text, variables).unwrap();
    assert_eq!(warnings, []);
    config
}

fn root(config: &Config) -> &str {
    match &config.storage.driver {
        StorageDriver::Filesystem { root, .. } => root.to_str().unwrap(),
        StorageDriver::InMemory => "memory",
    }
}

#[test]
fn a_variable_changes_a_key_and_leaves_its_neighbours() {
    let text = "storage: {filesystem: {rootdirectory: /a, maxthreads: 30}, delete: {enabled: false}}";
    let config = changed(
        text,
        &[("REGISTRY_STORAGE_DELETE_ENABLED", "true"), ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/b")],
    );
    assert!(config.storage.delete);
    assert_eq!(root(&config), "/b");
    assert!(matches!(config.storage.driver, StorageDriver::Filesystem { max_threads: 30, .. }));
}

#[test]
fn a_variable_makes_the_sections_it_needs() {
    assert_eq!(root(&changed("", &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/b")])), "/b");
    assert_eq!(root(&changed("storage: filesystem", &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/b")])), "/b");
    assert_eq!(root(&changed("", &[("REGISTRY_STORAGE", "inmemory")])), "memory");
    let token = [
        ("REGISTRY_STORAGE", "inmemory"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "r"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/p"),
        ("REGISTRY_AUTH", "htpasswd"),
    ];
    assert!(changed("", &token).auth.is_some());
}

#[test]
fn a_variable_may_be_a_whole_section_which_replaces_what_was_there() {
    let text = "storage: {filesystem: {rootdirectory: /a}, delete: {enabled: true}}";
    let config = changed(text, &[("REGISTRY_STORAGE", "{inmemory: , tag: {concurrencylimit: 3}}")]);
    assert_eq!((root(&config), config.storage.delete, config.storage.tag_lookup_limit), ("memory", false, 3));
    let config = changed(
        "storage: inmemory",
        &[("REGISTRY_VALIDATION_MANIFESTS_URLS", "allow:\n  - ^https://a/\n"), ("REGISTRY_CATALOG", "maxentries: 7")],
    );
    assert!(config.validation.urls.permits("https://a/").is_ok());
    assert_eq!(config.catalog_max, 7);
}

#[test]
fn a_section_goes_in_before_what_is_in_it_whatever_the_order_they_come_in() {
    let section = ("REGISTRY_STORAGE", "{filesystem: {rootdirectory: /a}}");
    let key = ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/b");
    assert_eq!(root(&changed("", &[section, key])), "/b");
    assert_eq!(root(&changed("", &[key, section])), "/b");
}

#[test]
fn a_list_is_changed_item_by_item_or_whole() {
    let suites = |text: &str, variables: &[(&str, &str)]| {
        let all = [&[("REGISTRY_HTTP_TLS_CERTIFICATE", "/c"), ("REGISTRY_HTTP_TLS_KEY", "/k")], variables].concat();
        let tls = changed(&format!("storage: inmemory\n{text}"), &all).http.tls.unwrap();
        tls.client_cas.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let text = "http: {tls: {clientcas: [/a, /b]}}";
    assert_eq!(
        suites(text, &[("REGISTRY_HTTP_TLS_CLIENTCAS_1", "/x"), ("REGISTRY_HTTP_TLS_CLIENTCAS_2", "/y")]),
        ["/a", "/x", "/y"]
    );
    assert_eq!(suites(text, &[("REGISTRY_HTTP_TLS_CLIENTCAS", "[/z]")]), ["/z"]);
    assert_eq!(suites("", &[("REGISTRY_HTTP_TLS_CLIENTCAS_0", "/x")]), ["/x"]);
    let platforms = changed(
        "storage: inmemory",
        &[
            ("REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS", "list"),
            ("REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_ARCHITECTURE", "arm64"),
            ("REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_OS", "linux"),
        ],
    );
    assert_eq!(platforms.validation.indexes.platforms.len(), 1);
    assert_eq!(platforms.validation.indexes.platforms[0].architecture, "arm64");
    for name in ["REGISTRY_HTTP_TLS_CLIENTCAS_4", "REGISTRY_HTTP_TLS_CLIENTCAS_A"] {
        let error = parse(&format!("storage: inmemory\n{text}"), &[(name, "/x")]).unwrap_err();
        assert!(matches!(&error, ConfigError::Variable { variable, .. } if variable == name), "{error}");
    }
}

#[test]
fn a_text_that_looks_like_something_else_needs_no_quotes() {
    for (value, text) in
        [("12345", "12345"), ("0123", "0123"), ("1e3", "1e3"), ("true", "true"), ("'quoted'", "quoted"), ("a b", "a b")]
    {
        let config = changed("storage: inmemory", &[("REGISTRY_HTTP_SECRET", value)]);
        assert_eq!(config.http.secret.unwrap().expose(), text);
    }
    let none = changed("storage: inmemory\nhttp: {secret: a}", &[("REGISTRY_HTTP_SECRET", "")]);
    assert_eq!(none.http.secret, None);
}

#[test]
fn names_are_compared_without_regard_to_case_after_the_prefix() {
    let config = changed(
        "storage: inmemory",
        &[("REGISTRY_Storage_Delete_enabled", "true"), ("registry_http_addr", "nonsense")],
    );
    assert!(config.storage.delete);
    let headers =
        changed("storage: inmemory\nhttp: {headers: {X-A: [b]}}", &[("REGISTRY_HTTP_HEADERS_X-A", "[c]")]).http.headers;
    assert_eq!(headers.into_iter().collect::<Vec<_>>(), [(Some("x-a".parse().unwrap()), "c".parse().unwrap())]);
}

#[test]
fn what_the_table_refuses_is_refused_from_the_environment_too() {
    for (name, value, key) in [
        ("REGISTRY_AUTH", "silly", "auth.silly"),
        ("REGISTRY_AUTH_SILLY_REALM", "r", "auth.silly"),
        ("REGISTRY_STORAGE_S3_BUCKET", "b", "storage.s3"),
        ("REGISTRY_PROXY_REMOTEURL", "https://r", "proxy"),
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL", "a@b", "http.tls.letsencrypt"),
        ("REGISTRY_MIDDLEWARE_REGISTRY", "[{name: a}]", "middleware"),
    ] {
        let error = parse("storage: inmemory", &[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key} cannot be used")), "{name}: {error}");
    }
    for name in ["REGISTRY_AUTH_HTPASSWD_GROUP", "REGISTRY_HTTP_TLS_CRL", "REGISTRY_VALIDATION_URLS"] {
        let error = parse("storage: inmemory", &[(name, "x")]).unwrap_err().to_string();
        assert_eq!(error, format!("{name}: there is no such key"));
    }
}

#[test]
fn a_variable_that_means_nothing_is_a_warning_with_its_name() {
    // Kubernetes sets such ones in a cluster that has a service of this name.
    let names =
        ["REGISTRY_", "REGISTRY_PORT", "REGISTRY_PORT_5000_TCP_ADDR", "REGISTRY_SERVICE_HOST", "REGISTRY_VERSION"];
    let variables = names.map(|name| (name, "tcp://10.0.0.1:5000"));
    let (_, warnings) = parse("storage: inmemory", &variables).unwrap();
    let named: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(named, names);
}

#[test]
fn what_is_not_meant_for_the_registry_is_passed_over() {
    let config =
        changed("storage: inmemory", &[("PATH", "["), ("REGISTRY_CONFIGURATION_PATH", "["), ("REGISTRYX", "[")]);
    assert!(!config.storage.delete);
}

#[test]
fn a_variable_that_cannot_be_taken_is_named() {
    for (name, value, expected) in [
        ("REGISTRY_CATALOG", "{", "REGISTRY_CATALOG: malformed YAML"),
        ("REGISTRY_STORAGE_DELETE_ENABLED", "maybe", "storage.delete.enabled is \"maybe\""),
        ("REGISTRY_CATALOG_MAXENTRIES", "many", "catalog.maxentries is \"many\""),
        ("REGISTRY_LOG_LEVEL", "[debug]", "log.level is a list"),
    ] {
        let error = parse("storage: inmemory", &[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
    let error = parse("storage: inmemory\nlog: text", &[("REGISTRY_LOG_LEVEL", "debug")]).unwrap_err().to_string();
    assert!(error.starts_with("REGISTRY_LOG_LEVEL: the configuration has a single value there"), "{error}");
}
