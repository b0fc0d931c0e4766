//! The configuration as a tree, before anything of it means something: parsed, changed by the environment, held to the table.
//!
//! A value of the environment stands in the tree as if the file had it, so that there is one way of reading a key.

use serde_json::{Map, Value};

use super::error::{ConfigError, Warning, one_line};
use super::keys::{Kind, Place, Standing, is_guarded, place};
use super::tree::Tree;

/// What an overriding variable's name begins with.
const PREFIX: &str = "REGISTRY_";
/// For whoever looks for the file; it says nothing about the registry.
const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// YAML to a tree. Nothing at all is an empty mapping.
pub(super) fn parse(text: &str) -> Result<Value, ConfigError> {
    match yaml(text).map_err(ConfigError::Yaml)? {
        Value::Null => Ok(Value::Object(Map::new())),
        mut document @ Value::Object(_) => {
            spell_out(&mut document);
            Ok(document)
        }
        other => Err(kind_error("the document", &other, "a mapping")),
    }
}

fn yaml(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let tree = serde_saphyr::from_str_with_options::<Tree>(text, options);
    tree.map(|Tree(value)| value).map_err(|error| one_line(&error.to_string()))
}

/// `storage: filesystem` is short for a driver without parameters, and so is `auth: none`.
fn spell_out(document: &mut Value) {
    for section in ["storage", "auth"] {
        if let Some(value @ Value::String(_)) = document.get_mut(section)
            && let Value::String(name) = value.take()
            && !name.is_empty()
        {
            *value = Value::Object(Map::from_iter([(name, Value::Null)]));
        }
    }
}

/// Puts the environment's values into the tree. In the order of their names, so that a section goes in before what is in it.
pub(super) fn override_by(
    document: &mut Value,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Warning>, ConfigError> {
    let mut variables: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && name != PATH_VARIABLE).collect();
    variables.sort();
    let mut warnings = Vec::new();
    for (variable, text) in variables {
        let failed = |problem: String| ConfigError::Variable { variable: variable.clone(), problem };
        let lower = variable[PREFIX.len()..].to_lowercase();
        let segments: Vec<_> = lower.split('_').collect();
        let place = place(&segments);
        // The version says how to read the file, and the file must say it itself.
        if matches!(place, Place::Unknown) || segments == ["version"] {
            if is_guarded(&segments.join(".")) {
                return Err(failed("there is no such key".to_owned()));
            }
            warnings.push(Warning::new(variable, "there is no such key; it is passed over"));
            continue;
        }
        let mut value = yaml(&text).map_err(|problem| failed(format!("malformed YAML: {problem}")))?;
        // A text that looks like something else need not be quoted here; YAML would need quotes within quotes.
        if let Place::Row(row) = place
            && matches!(row.kind, Kind::Text | Kind::Texts)
            && matches!(value, Value::Number(_) | Value::Bool(_))
        {
            value = Value::String(text.trim().to_owned());
        }
        set(document, &segments, value).map_err(|problem| failed(problem.to_owned()))?;
        spell_out(document);
    }
    Ok(warnings)
}

fn set(node: &mut Value, segments: &[&str], value: Value) -> Result<(), &'static str> {
    let Some((first, rest)) = segments.split_first() else {
        *node = value;
        return Ok(());
    };
    let index = first.parse::<usize>().ok();
    if node.is_null() {
        *node = if index.is_some() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    match (node, index) {
        (Value::Object(map), _) => {
            let key = map.keys().find(|key| key.eq_ignore_ascii_case(first)).cloned();
            set(map.entry(key.unwrap_or_else(|| (*first).to_owned())).or_insert(Value::Null), rest, value)
        }
        (Value::Array(items), Some(index)) if index <= items.len() => {
            if index == items.len() {
                items.push(Value::Null);
            }
            set(&mut items[index], rest, value)
        }
        (Value::Array(_), Some(_)) => Err("the list is shorter than that"),
        (Value::Array(_), None) => Err("this is an item of a list, whose number must follow"),
        _ => Err("the configuration has a single value there, and nothing below it"),
    }
}

/// Holds every key to the table.
pub(super) fn check(document: &Value) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    walk(document, &mut Vec::new(), &mut warnings)?;
    Ok(warnings)
}

fn walk<'a>(value: &'a Value, path: &mut Vec<&'a str>, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    let name = || path.join(".");
    match place(path) {
        Place::Section => match value {
            Value::Object(map) => {
                for (key, below) in map {
                    path.push(key);
                    walk(below, path, warnings)?;
                    path.pop();
                }
            }
            Value::Null => {}
            other => return Err(kind_error(&name(), other, "a mapping")),
        },
        Place::Row(row) => {
            match row.standing {
                Standing::Supported => {}
                Standing::Warned if is_off(value) => {}
                Standing::Warned => warnings.push(Warning::new(name(), row.says)),
                // Being named is enough for a driver or a scheme, even with nothing to say about it.
                Standing::Refused if is_off(value) && !row.is_rest() => {}
                Standing::Refused => {
                    spelling(path)?;
                    return Err(ConfigError::Refused { key: name(), why: row.says.to_owned() });
                }
            }
        }
        Place::Unknown => {
            spelling(path)?;
            if is_guarded(&name().to_lowercase()) {
                return Err(ConfigError::Unknown { key: name(), hint: String::new() });
            }
            warnings.push(Warning::new(name(), "there is no such key; it is passed over"));
        }
    }
    Ok(())
}

/// Keys are compared exactly, as in Go. One that would be known in lower case was meant to be.
fn spelling(path: &[&str]) -> Result<(), ConfigError> {
    let lower: Vec<_> = path.iter().map(|segment| segment.to_lowercase()).collect();
    let known = match place(&lower) {
        Place::Section => true,
        Place::Row(row) => !row.is_rest(),
        Place::Unknown => false,
    };
    if lower == path || !known {
        return Ok(());
    }
    Err(ConfigError::Unknown { key: path.join("."), hint: format!("; write {}", lower.join(".")) })
}

/// Whether this says nothing, or says that it is off. Nothing is lost by passing it over.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_off),
        Value::Object(map) => {
            map.get("disabled") == Some(&Value::Bool(true))
                || map.get("enabled") == Some(&Value::Bool(false))
                || map.values().all(is_off)
        }
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// The keys whose values nobody else should see.
const SECRET: [&str; 1] = ["http.secret"];

pub(super) fn kind_error(key: &str, found: &Value, wanted: &'static str) -> ConfigError {
    let found = match found {
        Value::Null => "empty".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        _ if SECRET.contains(&key) => "no text in quotes".to_owned(),
        scalar => {
            let text = scalar.to_string();
            let cut: String = text.chars().take(60).collect();
            if cut == text { cut } else { cut + "…" }
        }
    };
    ConfigError::Kind { key: key.to_owned(), found, wanted }
}
