//! How the registry is served.

use ::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::error::{ConfigError, Warning};
use super::reader::{Entry, Reader};
use super::types::{Address, Debugging, Http, Secret};
use crate::tls::{CipherSuites, ClientAuth, TlsOptions, TlsVersion};

const METRICS: &str = "/metrics";
/// What a client reads an answer by; a constant in their place would break every one.
const FRAMING: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

pub(super) fn http(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Http, ConfigError> {
    let network = reader.at("http.net");
    if let Some(other) = network.text()?.filter(|network| *network != "tcp") {
        let why = format!("nothing listens on {other:?}; use tcp");
        return Err(ConfigError::Refused { key: network.path.to_owned(), why });
    }
    Ok(Http {
        address: address(reader.at("http.addr"))?,
        host: host(reader.at("http.host"))?,
        prefix: prefix(reader.at("http.prefix"))?,
        secret: reader.at("http.secret").text()?.map(Secret::new),
        relative_urls: reader.at("http.relativeurls").flag()?,
        drain_timeout: reader.at("http.draintimeout").duration()?,
        tls: tls(reader)?,
        headers: headers(reader.at("http.headers"))?,
        debug: debugging(reader, warnings)?,
    })
}

fn address(entry: Entry<'_>) -> Result<Option<Address>, ConfigError> {
    let Some(text) = entry.text()? else { return Ok(None) };
    let wrong = || entry.unusable(format!("{text:?} is not HOST:PORT"));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten().ok_or_else(wrong)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
        None if !host.contains([':', '[', ']', '/', ' ']) => host,
        _ => return Err(wrong()),
    };
    Ok(Some(Address { host: Some(host.to_owned()).filter(|host| !host.is_empty()), port }))
}

fn host(entry: Entry<'_>) -> Result<Option<Url>, ConfigError> {
    let Some(text) = entry.text()? else { return Ok(None) };
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Some(url)),
        _ => Err(entry.unusable(format!("{text:?} is no URL; write it like https://registry.example:5000"))),
    }
}

fn prefix(entry: Entry<'_>) -> Result<String, ConfigError> {
    match entry.text()? {
        None => Ok("/".to_owned()),
        Some(text) if text.starts_with('/') && text.ends_with('/') && !text.contains("//") => Ok(text.to_owned()),
        Some(_) => Err(entry.unusable("it must have one slash at each end, as in /images/")),
    }
}

fn tls(reader: Reader<'_>) -> Result<Option<TlsOptions>, ConfigError> {
    let (certificate, key) = (reader.at("http.tls.certificate"), reader.at("http.tls.key"));
    let authorities = reader.at("http.tls.clientcas");
    let client_auth = reader.at("http.tls.clientauth");
    let suites = reader.at("http.tls.ciphersuites");
    let words = [
        ("require-and-verify-client-cert", ClientAuth::Required),
        ("verify-client-cert-if-given", ClientAuth::Optional),
    ];
    let wanted = "require-and-verify-client-cert or verify-client-cert-if-given";
    let chosen_client_auth = client_auth.word(&words, wanted)?;
    let client_cas: Vec<_> = authorities.texts()?.into_iter().map(Into::into).collect();
    let versions = [("tls1.2", TlsVersion::Tls12), ("tls1.3", TlsVersion::Tls13)];
    let minimum = reader.at("http.tls.minimumtls").word(&versions, "tls1.2 or tls1.3")?.unwrap_or_default();
    let suites = CipherSuites::named(&suites.texts()?).map_err(|error| suites.unusable(error.to_string()))?;
    if chosen_client_auth.is_some() && client_cas.is_empty() {
        return Err(authorities.missing("http.tls.clientauth needs it to verify with"));
    }
    match (certificate.file()?, key.file()?) {
        (Some(certificate), Some(key)) => Ok(Some(TlsOptions {
            certificate,
            key,
            client_cas,
            client_auth: chosen_client_auth.unwrap_or_default(),
            minimum,
            suites,
        })),
        (Some(_), None) => Err(key.missing("the certificate needs it")),
        (None, Some(_)) => Err(certificate.missing("the key is of no use without it")),
        // `distribution` would serve without TLS, and let everybody in.
        (None, None) if !client_cas.is_empty() => Err(certificate.missing("http.tls.clientcas need TLS")),
        (None, None) => Ok(None),
    }
}

fn headers(entry: Entry<'_>) -> Result<HeaderMap, ConfigError> {
    let wanted = "a mapping of names to lists of texts";
    let mut headers = HeaderMap::new();
    for (name, values) in entry.mapping(wanted)? {
        let header: HeaderName = name.parse().map_err(|_| entry.unusable(format!("{name:?} is no header")))?;
        if FRAMING.contains(&header) {
            return Err(entry.unusable(format!("{name} says where an answer ends; only the server can know")));
        }
        let Value::Array(values) = values else { return Err(entry.item_error(values, wanted)) };
        for value in values {
            let text = value.as_str().ok_or_else(|| entry.item_error(value, wanted))?;
            let value: HeaderValue =
                text.parse().map_err(|_| entry.unusable(format!("{name} cannot have the value {text:?}")))?;
            headers.append(header.clone(), value);
        }
    }
    Ok(headers)
}

fn debugging(reader: Reader<'_>, warnings: &mut Vec<Warning>) -> Result<Option<Debugging>, ConfigError> {
    let enabled = reader.at("http.debug.prometheus.enabled");
    let path = reader.at("http.debug.prometheus.path");
    let metrics = path.text()?.unwrap_or(METRICS);
    if !metrics.starts_with('/') {
        return Err(path.unusable("it must begin with a slash"));
    }
    let metrics = enabled.flag()?.then(|| metrics.to_owned());
    let address = address(reader.at("http.debug.addr"))?;
    if metrics.is_some() && address.is_none() {
        warnings.push(Warning::new(enabled.path, "it has no effect without http.debug.addr"));
    }
    Ok(address.map(|address| Debugging { address, metrics }))
}
