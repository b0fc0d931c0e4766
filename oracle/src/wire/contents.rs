//! Rules about content: blobs and manifests that are pulled or looked for.

use proofhouse_model::{Op, digest_of};

use super::headers::{content_range, single};
use super::{Exchange, Verdict};

pub(super) fn digest_form(exchange: &Exchange) -> Verdict {
    let Some(digest) = exchange.header("docker-content-digest") else { return Verdict::Silent };
    match is_digest(digest) {
        true => Verdict::Kept,
        false => Verdict::Broken(format!("Docker-Content-Digest: {digest}")),
    }
}

/// The grammar of the image-spec, of any algorithm.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    let is_component =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    algorithm.split(['+', '.', '_', '-']).all(is_component)
        && !encoded.is_empty()
        && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte))
}

/// A pull of the whole content.
fn is_whole_content(exchange: &Exchange) -> bool {
    matches!(exchange.op, Op::GetBlob { .. } | Op::GetManifest { .. }) && exchange.status() == 200
}

/// Digests of algorithms that are not known here cannot be checked.
pub(super) fn digest_of_body(exchange: &Exchange) -> Verdict {
    let Some(digest) = exchange.header("docker-content-digest").filter(|_| is_whole_content(exchange)) else {
        return Verdict::Silent;
    };
    let algorithm = digest.split(':').next().unwrap_or_default();
    if !matches!(algorithm, "sha256" | "sha512") {
        return Verdict::Silent;
    }
    let is = digest_of(algorithm, &exchange.answer.body);
    if is == digest { Verdict::Kept } else { Verdict::Broken(format!("it says {digest}, and the body is {is}")) }
}

pub(super) fn digest_present(exchange: &Exchange) -> Verdict {
    let found = matches!(exchange.status(), 200 | 206);
    let pulls = matches!(
        exchange.op,
        Op::GetBlob { .. } | Op::HeadBlob { .. } | Op::GetManifest { .. } | Op::HeadManifest { .. }
    );
    match exchange.header("docker-content-digest") {
        _ if !found || !pulls => Verdict::Silent,
        Some(_) => Verdict::Kept,
        None => Verdict::Broken(format!("{} without it", exchange.status())),
    }
}

pub(super) fn head_length(exchange: &Exchange) -> Verdict {
    if !exchange.is_head() || exchange.status() != 200 {
        return Verdict::Silent;
    }
    match exchange.header("content-length").map(str::parse::<u64>) {
        Some(Ok(_)) => Verdict::Kept,
        _ => Verdict::Broken("200 without a Content-Length".into()),
    }
}

pub(super) fn blob_part(exchange: &Exchange) -> Verdict {
    if !matches!(exchange.op, Op::GetBlob { .. }) || exchange.status() != 206 {
        return Verdict::Silent;
    }
    let Some(value) = exchange.header("content-range") else {
        return Verdict::Broken("206 without a Content-Range".into());
    };
    let Some(range) = content_range(value) else { return Verdict::Broken(format!("Content-Range: {value}")) };
    let length = exchange.answer.body.len() as u64;
    if range.size.is_none() {
        return Verdict::Broken(format!("Content-Range: {value} leaves the size open, though one blob has one size"));
    }
    if length == range.last - range.first + 1 {
        Verdict::Kept
    } else {
        Verdict::Broken(format!("Content-Range: {value} with a body of {length} bytes"))
    }
}

pub(super) fn unsatisfied(exchange: &Exchange) -> Verdict {
    if !matches!(exchange.op, Op::GetBlob { .. }) || exchange.status() != 416 {
        return Verdict::Silent;
    }
    match exchange.header("content-range") {
        Some(value) if value.strip_prefix("bytes */").is_some_and(|size| size.parse::<u64>().is_ok()) => Verdict::Kept,
        Some(value) => Verdict::Broken(format!("Content-Range: {value}")),
        None => Verdict::Broken("416 without a Content-Range".into()),
    }
}

pub(super) fn manifest_parameters(exchange: &Exchange) -> Verdict {
    let pulls = matches!(exchange.op, Op::GetManifest { .. } | Op::HeadManifest { .. }) && exchange.status() == 200;
    match single(&exchange.answer.headers, "content-type") {
        Ok(Some(value)) if pulls && value.contains(';') => Verdict::Broken(format!("Content-Type: {value}")),
        Ok(Some(_)) if pulls => Verdict::Kept,
        _ => Verdict::Silent,
    }
}
