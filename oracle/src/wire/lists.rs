//! Rules about lists: tags, repositories, referrers.

use proofhouse_model::{Dialect, Op};
use serde_json::Value;

use super::answers::glimpse;
use super::headers::next_link;
use super::{Exchange, Verdict};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn is_tags(exchange: &Exchange) -> bool {
    matches!(exchange.op, Op::ListTags { .. }) && exchange.status() == 200
}

fn is_catalog(exchange: &Exchange) -> bool {
    matches!(exchange.op, Op::ListRepositories { .. } | Op::WalkRepositories { .. }) && exchange.status() == 200
}

fn is_referrers(exchange: &Exchange) -> bool {
    matches!(exchange.op, Op::Referrers { .. }) && exchange.status() == 200
}

fn document(exchange: &Exchange) -> Result<Value, String> {
    serde_json::from_slice(&exchange.answer.body).map_err(|error| format!("{error}{}", glimpse(&exchange.answer.body)))
}

/// A list of strings; null for an empty one is common, and passes where no rule of our own forbids it.
fn is_names(exchange: &Exchange, list: &Value) -> bool {
    let names = list.as_array().is_some_and(|names| names.iter().all(Value::is_string));
    names || (list.is_null() && exchange.dialect != Dialect::Proofhouse)
}

pub(super) fn tags(exchange: &Exchange) -> Verdict {
    if !is_tags(exchange) {
        return Verdict::Silent;
    }
    let check = |document: Value| match (&document["name"], document.get("tags")) {
        (Value::String(name), Some(tags)) if name == exchange.repository && is_names(exchange, tags) => Ok(()),
        _ => Err(glimpse(&exchange.answer.body).trim_start_matches(", with ").to_owned()),
    };
    document(exchange).and_then(check).into()
}

pub(super) fn catalog(exchange: &Exchange) -> Verdict {
    if !is_catalog(exchange) {
        return Verdict::Silent;
    }
    let check = |document: Value| match document.get("repositories") {
        Some(repositories) if is_names(exchange, repositories) => Ok(()),
        _ => Err(glimpse(&exchange.answer.body).trim_start_matches(", with ").to_owned()),
    };
    document(exchange).and_then(check).into()
}

pub(super) fn link(exchange: &Exchange) -> Verdict {
    let lists = is_tags(exchange) || is_catalog(exchange) || is_referrers(exchange);
    if !lists || !exchange.answer.headers.contains_key("link") {
        return Verdict::Silent;
    }
    next_link(&exchange.answer.headers).map(|_| ()).into()
}

pub(super) fn referrers_type(exchange: &Exchange) -> Verdict {
    match exchange.header("content-type") {
        _ if !is_referrers(exchange) => Verdict::Silent,
        Some(value) if value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(INDEX)) => {
            Verdict::Kept
        }
        value => Verdict::Broken(format!("Content-Type: {}", value.unwrap_or("(none)"))),
    }
}

pub(super) fn referrers_body(exchange: &Exchange) -> Verdict {
    if !is_referrers(exchange) {
        return Verdict::Silent;
    }
    let check = |document: Value| {
        let Some(manifests) = document["manifests"].as_array() else {
            return Err("there is no array `manifests`".into());
        };
        if document["schemaVersion"] != 2 {
            return Err(format!("`schemaVersion` is {}", document["schemaVersion"]));
        }
        if document.get("mediaType").is_some_and(|media_type| media_type != INDEX) {
            return Err(format!("`mediaType` is {}", document["mediaType"]));
        }
        match manifests.iter().find(|descriptor| !is_descriptor(descriptor)) {
            Some(descriptor) => Err(format!("no descriptor: {descriptor}")),
            None => Ok(()),
        }
    };
    document(exchange).and_then(check).into()
}

fn is_descriptor(value: &Value) -> bool {
    let optional = |key: &str, is: fn(&Value) -> bool| value.get(key).is_none_or(is);
    let is_strings = |value: &Value| value.as_object().is_some_and(|map| map.values().all(Value::is_string));
    value["mediaType"].is_string()
        && value["digest"].is_string()
        && value["size"].is_u64()
        && optional("artifactType", Value::is_string)
        && optional("annotations", is_strings)
}
