//! From the tree to what it says. Defaults are those of `distribution`'s server.

use std::path::PathBuf;

use serde_json::Value;

use super::error::{ConfigError, Warning};
use super::reader::{Entry, Reader};
use super::types::{Auth, Config, DEFAULT_THREADS, Log, LogFormat, LogLevel, Storage, StorageDriver};
use super::{http, validation};
use crate::auth::{HtpasswdOptions, SigningAlgorithms, TokenOptions};
use crate::server::UploadPurging;

const DEFAULT_ROOT: &str = "/var/lib/registry";
/// `distribution` takes fewer for a mistake as well.
const MIN_THREADS: usize = 25;
const DEFAULT_DESCRIPTORS: u64 = 10_000;
const DEFAULT_PAGE: usize = 1_000;
const TOKEN_PATH: &str = "/auth/token";

pub(super) fn config(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Config, ConfigError> {
    Ok(Config {
        storage: storage(reader, warnings)?,
        http: http::http(reader, warnings)?,
        auth: auth(reader)?,
        validation: validation::validation(reader, warnings)?,
        catalog_max: reader.at("catalog.maxentries").page(DEFAULT_PAGE)?,
        tags_max: reader.at("tags.maxtags").page(DEFAULT_PAGE)?,
        log: log(reader, warnings)?,
    })
}

/// The version says how the rest is to be read, so it is asked first.
pub(super) fn version(document: &Value) -> Result<(), ConfigError> {
    match document.get("version") {
        None | Some(Value::Null) => Err(ConfigError::Missing { key: "version".to_owned(), why: "it must be 0.1" }),
        Some(Value::String(text)) if text == "0.1" => Ok(()),
        Some(Value::Number(number)) if number.to_string() == "0.1" => Ok(()),
        Some(other) => Err(ConfigError::Version(other.to_string())),
    }
}

fn storage(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Storage, ConfigError> {
    let limit = reader.at("storage.tag.concurrencylimit");
    let tag_lookup_limit = u32::try_from(limit.count()?.unwrap_or(0)).map_err(|_| limit.unusable("it is too large"))?;
    Ok(Storage {
        driver: driver(reader)?,
        delete: reader.at("storage.delete.enabled").flag()?,
        redirect: !reader.at("storage.redirect.disable").flag()?,
        tag_lookup_limit,
        cached_descriptors: cached_descriptors(reader, warnings)?,
        upload_purging: upload_purging(reader)?,
        read_only: reader.at("storage.maintenance.readonly.enabled").flag()?,
    })
}

fn driver(reader: Reader<'_>) -> Result<StorageDriver, ConfigError> {
    let storage = reader.at("storage");
    let root = reader.at("storage.filesystem.rootdirectory").file()?;
    let threads = count_or_text(reader.at("storage.filesystem.maxthreads"))?;
    let threads = threads.map_or(DEFAULT_THREADS, |threads| usize::try_from(threads).unwrap_or(usize::MAX));
    match (reader.has("storage.filesystem"), reader.has("storage.inmemory")) {
        (true, true) => Err(storage.unusable("there are two drivers; keep one of filesystem and inmemory")),
        (true, false) => Ok(StorageDriver::Filesystem {
            root: root.unwrap_or_else(|| PathBuf::from(DEFAULT_ROOT)),
            max_threads: threads.max(MIN_THREADS),
        }),
        (false, true) => Ok(StorageDriver::InMemory),
        (false, false) => Err(storage.missing("name a driver: filesystem or inmemory")),
    }
}

/// `distribution` takes some numbers in quotes as well.
fn count_or_text(entry: Entry<'_>) -> Result<Option<u64>, ConfigError> {
    match entry.text() {
        Ok(Some(text)) => text.parse().map(Some).map_err(|_| entry.unusable("it is no whole number")),
        _ => entry.count(),
    }
}

fn cached_descriptors(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Option<u64>, ConfigError> {
    let (new, old) = (reader.at("storage.cache.blobdescriptor"), reader.at("storage.cache.layerinfo"));
    let old_kind = old.text()?;
    let (entry, kind) = match new.text()? {
        Some(kind) => (new, Some(kind)),
        None => (old, old_kind),
    };
    let size = count_or_text(reader.at("storage.cache.blobdescriptorsize"))?.unwrap_or(DEFAULT_DESCRIPTORS);
    match kind {
        None => Ok(None),
        // As large as a cache can be.
        Some("inmemory") => Ok(Some(if size == 0 { u64::MAX } else { size })),
        Some(other) => {
            warnings.push(Warning::new(entry.path, format!("there is no cache {other:?}; nothing is remembered")));
            Ok(None)
        }
    }
}

fn upload_purging(reader: Reader<'_>) -> Result<Option<UploadPurging>, ConfigError> {
    let enabled = reader.at("storage.maintenance.uploadpurging.enabled").flag_or_true()?;
    let interval = reader.at("storage.maintenance.uploadpurging.interval");
    let default = UploadPurging::default();
    let purging = UploadPurging {
        age: reader.at("storage.maintenance.uploadpurging.age").duration()?.unwrap_or(default.age),
        interval: interval.duration()?.unwrap_or(default.interval),
        dry_run: reader.at("storage.maintenance.uploadpurging.dryrun").flag()?,
    };
    if purging.interval.is_zero() {
        return Err(interval.unusable("it must be above zero"));
    }
    Ok(enabled.then_some(purging))
}

fn auth(reader: Reader<'_>) -> Result<Option<Auth>, ConfigError> {
    let schemes = [reader.has("auth.htpasswd"), reader.has("auth.token"), reader.has("auth.none")];
    match schemes {
        [false, false, _] => Ok(None),
        [true, false, false] => Ok(Some(Auth::Htpasswd(HtpasswdOptions {
            realm: reader
                .at("auth.htpasswd.realm")
                .required("clients show it to whom they ask for a password")?
                .to_owned(),
            path: PathBuf::from(reader.at("auth.htpasswd.path").required("it is the file of users")?),
        }))),
        [false, true, false] => Ok(Some(Auth::Token(token(reader)?))),
        _ => Err(reader.at("auth").unusable("there is more than one scheme; keep one")),
    }
}

fn token(reader: Reader<'_>) -> Result<TokenOptions, ConfigError> {
    let algorithms = reader.at("auth.token.signingalgorithms");
    let (bundle, jwks) = (reader.at("auth.token.rootcertbundle"), reader.at("auth.token.jwks"));
    let path = reader.at("auth.token.autoredirectpath");
    let redirect_path = path.text()?.unwrap_or(TOKEN_PATH);
    if !redirect_path.starts_with('/') {
        return Err(path.unusable("it must begin with a slash"));
    }
    let options = TokenOptions {
        realm: reader.at("auth.token.realm").required("clients get tokens there")?.to_owned(),
        service: reader.at("auth.token.service").required("a token must be for it")?.to_owned(),
        issuer: reader.at("auth.token.issuer").required("a token must be from it")?.to_owned(),
        root_cert_bundle: bundle.file()?,
        jwks: jwks.file()?,
        algorithms: SigningAlgorithms::named(&algorithms.texts()?)
            .map_err(|error| algorithms.unusable(error.to_string()))?,
        auto_redirect: reader.at("auth.token.autoredirect").flag()?.then(|| redirect_path.to_owned()),
    };
    if options.root_cert_bundle.is_none() && options.jwks.is_none() {
        return Err(bundle.missing("give this or auth.token.jwks, to verify tokens with"));
    }
    Ok(options)
}

fn log(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Log, ConfigError> {
    let levels =
        [("error", LogLevel::Error), ("warn", LogLevel::Warn), ("info", LogLevel::Info), ("debug", LogLevel::Debug)];
    let level = |path| reader.at(path).word(&levels, "error, warn, info or debug");
    let old = level("loglevel")?;
    let formatter = reader.at("log.formatter");
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json), ("logstash", LogFormat::Json)];
    let format = formatter.word(&formats, "text, json or logstash")?.unwrap_or(LogFormat::Text);
    if formatter.text()?.is_some_and(|word| word.eq_ignore_ascii_case("logstash")) {
        warnings.push(Warning::new(formatter.path, "there is no logstash format; json is used"));
    }
    Ok(Log {
        level: level("log.level")?.or(old).unwrap_or(LogLevel::Info),
        format,
        access: !reader.at("log.accesslog.disabled").flag()?,
        fields: fields(reader.at("log.fields"))?,
    })
}

/// A value that is none is as good as not there.
fn fields(entry: Entry<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let wanted = "a mapping of names to single values";
    let mut fields = Vec::new();
    for (name, value) in entry.mapping(wanted)? {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(entry.item_error(value, wanted)),
        };
        fields.push((name.to_owned(), text));
    }
    Ok(fields)
}
