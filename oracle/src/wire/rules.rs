//! The table.
//!
//! Checked in this order; the first MUST that is broken is the one that is reported, so what makes an answer unreadable
//! stands before what reads it.

use proofhouse_model::{Level, RuleId};

use super::{Source, WireRule, answers, contents, lists};

/// All rules, in the order in which they are checked.
pub fn rules() -> &'static [WireRule] {
    RULES
}

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static WireRule> {
    RULES.iter().find(|rule| rule.id.0 == id)
}

macro_rules! rules {
    ($($id:literal $source:ident $section:literal $level:ident $scope:literal $sentence:literal $check:path;)*) => {
        const RULES: &[WireRule] = &[$(WireRule {
            id: RuleId($id), source: Source::$source, section: $section, level: Level::$level,
            sentence: $sentence, scope: $scope, check: $check,
        }),*];
    };
}

rules! {
    "wire.answer.whole" Http "6 Message Abstraction" Must "POD" "Every request is answered, in whole and before the time is up." answers::whole;
    "wire.status.server-error" Http "15.6 Server Error 5xx" Must "POD" "No request that a client can make is answered with a server error." answers::server_error;
    "wire.status.expected" Oci "Endpoints" Must "POD" "A request that succeeds has the status that the standard gives it." answers::expected_status;
    "wire.header.single" Http "5.3 Field Order" Must "POD" "A header that holds one value does not stand twice with two." answers::single_headers;
    "wire.warning" Oci "Warnings" Must "PO" "A warning has code 299, agent `-` and no date, and all of them are at most 4,096 bytes." answers::warning;

    "wire.error.body" Proofhouse "Errors" Must "P" "A refusal says why, in a JSON document with at least one error." answers::error_body;
    "wire.error.json" Oci "Error Codes" Must "POD" "A refusal that is JSON is an object whose `errors` are objects, each with a `code`." answers::error_json;
    "wire.error.code" Oci "Error Codes" Must "PO" "An error's code is made of upper-case letters and underscores." answers::error_code;
    "wire.error.known" Oci "Error Codes" Should "PO" "An error's code is one of the fourteen (a MUST, which the text itself takes back for two codes of the past)." answers::known_code;
    "wire.error.message" Oci "Error Codes" Should "PO" "An error's message is for people to read, or empty." answers::readable_message;
    "wire.error.detail" Proofhouse "Errors" Must "P" "An error's detail names the one subject of the error, as a string." answers::error_detail;

    "wire.location.url" Http "10.2.2 Location" Must "POD" "A Location is a URL, absolute or relative." answers::location_url;
    "wire.location.upload" Oci "Pushing blobs" Must "POD" "An answer that leaves an upload open tells where it goes on." answers::location_of_upload;
    "wire.location.stored" Oci "Pushing blobs, Pushing manifests" Must "POD" "What was stored has a Location from which it can be pulled." answers::location_of_stored;
    "wire.upload.range" Oci "Pushing a blob in chunks" Must "POD" "A chunk's answer and an upload's status tell the range that is there, `0-<last byte>`." answers::upload_range;
    "wire.upload.least" Oci "Pushing a blob in chunks" Should "PO" "A registry that wants chunks of some length tells it where an upload starts, as a number of bytes." answers::least_chunk;

    "wire.digest.form" Oci "Pulling blobs, Pulling manifests" Must "POD" "Docker-Content-Digest is a digest." contents::digest_form;
    "wire.digest.body" Oci "Pulling blobs, Pulling manifests" Must "POD" "Docker-Content-Digest is a digest of the body that it comes with." contents::digest_of_body;
    "wire.digest.present" Oci "Pulling blobs, Pulling manifests" Should "PO" "What is pulled, or found by HEAD, comes with Docker-Content-Digest." contents::digest_present;
    "wire.head.length" Oci "Checking if content exists in the registry" Must "POD" "HEAD tells the size as Content-Length (a MUST after 1.1.1, a SHOULD in 1.1)." contents::head_length;
    "wire.blob.part" Http "15.3.7 206 Partial Content" Must "POD" "A part comes with the Content-Range that it is, and is that long." contents::blob_part;
    "wire.blob.unsatisfied" Http "15.5.17 416 Range Not Satisfiable" Should "PO" "A range that cannot be satisfied is answered with the size, as `Content-Range: bytes */<size>`." contents::unsatisfied;
    "wire.manifest.parameters" Oci "Pulling manifests" Should "POD" "A manifest's Content-Type has no parameters." contents::manifest_parameters;

    "wire.tags.body" Oci "Listing tags" Must "POD" "Tags are listed in an object with the `name` of the repository and its `tags`." lists::tags;
    "wire.catalog.body" Distribution "Catalog" Must "PD" "Repositories are listed in an object with the `repositories`." lists::catalog;
    "wire.link" Oci "Listing tags" Must "POD" "A Link is as RFC 8288 has it, and announces one next page with the relation `next`." lists::link;
    "wire.referrers.type" Oci "Listing referrers" Must "PO" "Referrers have the Content-Type of an OCI index." lists::referrers_type;
    "wire.referrers.body" Oci "Listing referrers" Must "PO" "Referrers are listed in an OCI index, each a descriptor." lists::referrers_body;
}
