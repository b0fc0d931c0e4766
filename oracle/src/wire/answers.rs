//! Rules about any answer: its status, its errors, where it points to.

use proofhouse_model::{Content, Op};
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::headers::{is_warning, single, text, upload_range as last_byte};
use super::{Exchange, Verdict};
use crate::report::foreign;
use crate::report::words::content;

/// 416 to `distribution` is known to promise a body that does not come.
pub(super) fn whole(exchange: &Exchange) -> Verdict {
    match &exchange.answer.failure {
        Some(_) if exchange.distribution() && exchange.status() == 416 => Verdict::Silent,
        Some(failure) => Verdict::Broken(failure.clone()),
        None => Verdict::Kept,
    }
}

/// `wire.status.server-error` would be a guess, and a refusal another.
pub(super) fn is_status(exchange: &Exchange) -> Verdict {
    match exchange.status() {
        100..600 => Verdict::Kept,
        status => Verdict::Broken(format!("{status} is not a status{}", glimpse(&exchange.answer.body))),
    }
}

/// `distribution` answers some nonsense with a 500 that says what it is; the model knows which.
pub(super) fn server_error(exchange: &Exchange) -> Verdict {
    match exchange.status() {
        0..500 => Verdict::Kept,
        500 if exchange.distribution() && (exchange.is_head() || matches!(errors(exchange), Some(Ok(_)))) => {
            Verdict::Kept
        }
        status => Verdict::Broken(format!("{status}{}", glimpse(&exchange.answer.body))),
    }
}

/// The statuses of success; 400 to 499 are refusals, which the model judges.
pub(super) fn expected_status(exchange: &Exchange) -> Verdict {
    let expected: &[u16] = match exchange.op {
        Op::GetBlob { .. } if exchange.redirects => &[307],
        Op::GetBlob { range: Some(_), .. } => &[200, 206],
        Op::MountBlob { .. } | Op::PutBlob { .. } => &[201, 202],
        Op::StartUpload { .. } | Op::Append { .. } | Op::DeleteBlob { .. } | Op::DeleteManifest { .. } => &[202],
        Op::FinishUpload { .. } | Op::PutManifest { .. } => &[201],
        // The text of 1.1 has no such request; the one after it says SHOULD.
        Op::CancelUpload { .. } if !exchange.strict() => &[200, 202, 204],
        Op::UploadStatus { .. } | Op::CancelUpload { .. } => &[204],
        _ => &[200],
    };
    match exchange.status() {
        400.. => Verdict::Silent,
        status if expected.contains(&status) => Verdict::Kept,
        status => {
            let expected: Vec<String> = expected.iter().map(u16::to_string).collect();
            let to = text(&exchange.answer.headers, "location").filter(|_| (300..400).contains(&status));
            let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
            Verdict::Broken(format!("{status}{to}, where success is {}", expected.join(" or ")))
        }
    }
}

const SINGLE: &[&str] = &[
    "location",
    "docker-content-digest",
    "docker-upload-uuid",
    "content-range",
    "content-type",
    "range",
    "oci-subject",
];

pub(super) fn single_headers(exchange: &Exchange) -> Verdict {
    let headers = &exchange.answer.headers;
    SINGLE.iter().try_for_each(|name| single(headers, name).map(|_| ())).into()
}

pub(super) fn warning(exchange: &Exchange) -> Verdict {
    let values: Vec<&[u8]> = exchange.answer.headers.get_all("warning").iter().map(HeaderValue::as_bytes).collect();
    if values.is_empty() {
        return Verdict::Silent;
    }
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    if bytes > 4096 {
        return Verdict::Broken(format!("{bytes} bytes of warnings"));
    }
    let bad = values.iter().find(|value| !std::str::from_utf8(value).is_ok_and(is_warning));
    bad.map_or(Verdict::Kept, |bad| Verdict::Broken(format!("Warning: {}", String::from_utf8_lossy(bad))))
}

/// The errors of a refusal that has a JSON body. None: it has none.
fn errors(exchange: &Exchange) -> Option<Result<Vec<Value>, String>> {
    let answer = exchange.answer;
    let has_json = answer.status >= 400 && !exchange.is_head() && answer.is_json() && answer.failure.is_none();
    has_json.then(|| read_errors(&answer.body))
}

/// Reads `{"errors": [{"code": …}, …]}`.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn read_errors(body: &[u8]) -> Result<Vec<Value>, String> {
    let document: Value = serde_json::from_slice(body).map_err(|error| format!("{error}{}", glimpse(body)))?;
    let Some(errors) = document.get("errors").and_then(Value::as_array) else {
        return Err(format!("there is no array `errors`{}", glimpse(body)));
    };
    let well_formed = |error: &&Value| error["code"].is_string() && error.get("message").is_none_or(Value::is_string);
    match errors.iter().find(|error| !well_formed(error)) {
        Some(error) => Err(format!("an error that is none: {error}")),
        None => Ok(errors.clone()),
    }
}

pub(super) fn error_json(exchange: &Exchange) -> Verdict {
    errors(exchange).map_or(Verdict::Silent, |errors| errors.map(|_| ()).into())
}

pub(super) fn error_body(exchange: &Exchange) -> Verdict {
    if exchange.status() < 400 || exchange.is_head() {
        return Verdict::Silent;
    }
    match errors(exchange) {
        Some(Ok(errors)) if errors.is_empty() => Verdict::Broken("`errors` is empty".into()),
        Some(_) => Verdict::Kept,
        None => Verdict::Broken(format!("{} without a JSON body{}", exchange.status(), glimpse(&exchange.answer.body))),
    }
}

/// Each error of a well-formed refusal must be such.
fn each_error(exchange: &Exchange, is_good: impl Fn(&Value) -> bool) -> Verdict {
    match errors(exchange) {
        Some(Ok(errors)) => match errors.iter().find(|error| !is_good(error)) {
            Some(error) => Verdict::Broken(error.to_string()),
            None => Verdict::Kept,
        },
        _ => Verdict::Silent,
    }
}

pub(super) fn error_code(exchange: &Exchange) -> Verdict {
    let good = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    each_error(exchange, |error| error["code"].as_str().is_some_and(good))
}

const CODES: &[&str] = &[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNSUPPORTED",
];

/// Codes that clients may meet, says the same text.
const CODES_OF_THE_PAST: &[&str] = &["MANIFEST_UNVERIFIED", "TAG_INVALID"];

pub(super) fn known_code(exchange: &Exchange) -> Verdict {
    let known = |code: &str| CODES.contains(&code) || CODES_OF_THE_PAST.contains(&code);
    each_error(exchange, |error| error["code"].as_str().is_some_and(known))
}

pub(super) fn readable_message(exchange: &Exchange) -> Verdict {
    let text = |message: &str| message.chars().any(char::is_alphabetic) && !message.contains('\0');
    let readable = |message: &str| message.is_empty() || text(message);
    each_error(exchange, |error| error.get("message").and_then(Value::as_str).is_none_or(readable))
}

pub(super) fn error_detail(exchange: &Exchange) -> Verdict {
    each_error(exchange, |error| error.get("detail").is_none_or(Value::is_string))
}

pub(super) fn location_url(exchange: &Exchange) -> Verdict {
    let Some(location) = exchange.header("location") else { return Verdict::Silent };
    // Against any base at all: only the form counts here.
    let base = url::Url::parse("http://registry.invalid/v2/").ok();
    match base.map(|base| base.join(location)) {
        Some(Ok(url)) if !location.is_empty() && matches!(url.scheme(), "http" | "https") => Verdict::Kept,
        _ => Verdict::Broken(format!("Location: {location:?}")),
    }
}

/// The answer says that an upload is open.
fn leaves_upload_open(exchange: &Exchange) -> bool {
    match exchange.op {
        Op::StartUpload { .. } | Op::Append { .. } | Op::MountBlob { .. } | Op::PutBlob { .. } => {
            exchange.status() == 202
        }
        Op::UploadStatus { .. } => exchange.status() == 204,
        _ => false,
    }
}

fn has_location(exchange: &Exchange) -> Verdict {
    match exchange.header("location") {
        Some(_) => Verdict::Kept,
        None => Verdict::Broken(format!("{} without a Location", exchange.status())),
    }
}

pub(super) fn location_of_upload(exchange: &Exchange) -> Verdict {
    if leaves_upload_open(exchange) { has_location(exchange) } else { Verdict::Silent }
}

pub(super) fn location_of_stored(exchange: &Exchange) -> Verdict {
    if exchange.status() == 201 { has_location(exchange) } else { Verdict::Silent }
}

/// Of an upload that is empty the standard defines no range, so it may be left out; a start need not have one.
pub(super) fn upload_range(exchange: &Exchange) -> Verdict {
    if !leaves_upload_open(exchange) {
        return Verdict::Silent;
    }
    let needed = matches!(exchange.op, Op::Append { .. } | Op::UploadStatus { .. }) && exchange.held > 0;
    match exchange.header("range") {
        Some(range) if last_byte(range).is_some() => Verdict::Kept,
        Some(range) => Verdict::Broken(format!("Range: {range}")),
        None if needed => Verdict::Broken(format!("{} without a Range", exchange.status())),
        None => Verdict::Silent,
    }
}

/// Whether there is a least length at all, only the registry knows.
pub(super) fn least_chunk(exchange: &Exchange) -> Verdict {
    match exchange.header("oci-chunk-min-length") {
        Some(_) if !leaves_upload_open(exchange) => Verdict::Silent,
        Some(length) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => Verdict::Kept,
        Some(length) => Verdict::Broken(format!("OCI-Chunk-Min-Length: {length}")),
        None => Verdict::Silent,
    }
}

/// Bytes of a body that a message has.
const GLIMPSE: usize = 200;

/// The beginning of a body, for a message. What is left out is marked.
pub(super) fn glimpse(body: &[u8]) -> String {
    let is_binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    if std::str::from_utf8(body).is_err() && body.iter().any(is_binary) {
        return format!(", with the body {}", content(&Content::from(body)));
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(GLIMPSE)]);
    // The cut may go through a character.
    let (text, mark) = match body.len() > GLIMPSE {
        true => (text.trim_end_matches(char::REPLACEMENT_CHARACTER), "…"),
        false => (&*text, ""),
    };
    match text.trim() {
        "" => String::new(),
        text => format!(", with the body {}{mark}", foreign(text, GLIMPSE)),
    }
}
