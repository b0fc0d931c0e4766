//! Texts for the small parsers.

use proofhouse_model::digest_of;
use proofhouse_registry::blob::HashState;
use proofhouse_registry::digest::{Algorithm, Hasher};

use super::Seed;
use crate::fuzz::http::SECRET;

pub(super) fn seeds() -> Vec<Seed> {
    let sha256 = digest_of("sha256", b"");
    let sha512 = digest_of("sha512", b"");
    let mut seeds = Vec::new();
    let mut add = |target: &'static str, all: &[(&str, &[u8])]| {
        seeds.extend(all.iter().map(|(name, bytes)| Seed::new(target, *name, *bytes)));
    };
    let (long, longer) = (format!("{}/b", "a".repeat(253)), "a".repeat(256));
    let (tag, tag_too_long) = ("T".repeat(128), "T".repeat(129));
    add(
        "names_and_digests",
        &[
            ("name", b"library/alpine"),
            ("separators", b"a.b_c__d---e/0"),
            ("three-underscores", b"a___b"),
            ("upper", b"Library"),
            ("climbing", b"a/../b"),
            ("double-slash", b"a//b"),
            ("longest", long.as_bytes()),
            ("too-long", longer.as_bytes()),
            ("tag", b"v1.2.3-rc.1_X"),
            ("tag-longest", tag.as_bytes()),
            ("tag-too-long", tag_too_long.as_bytes()),
            ("tag-dot", b".hidden"),
            ("sha256", sha256.as_bytes()),
            ("sha512", sha512.as_bytes()),
            ("digest-short", &sha256.as_bytes()[..70]),
            ("digest-upper", b"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"),
            ("digest-unknown", b"md5:d41d8cd98f00b204e9800998ecf8427e"),
            ("upload", b"6b3c9a93-af5d-473f-a4cd-9710022185cd"),
            ("not-utf8", b"a\xff/b"),
            ("nothing", b""),
        ],
    );
    add(
        "link_file",
        &[
            ("sha256", sha256.as_bytes()),
            ("sha512", sha512.as_bytes()),
            ("line-feed", format!("{sha256}\n").as_bytes()),
            ("spaces", format!("{sha256} \t\r\n\x0c").as_bytes()),
            ("space-before", format!(" {sha256}").as_bytes()),
            ("vertical-tab", format!("{sha256}\x0b").as_bytes()),
            ("two", format!("{sha256}\n{sha256}\n").as_bytes()),
            ("torn", &sha256.as_bytes()[..40]),
            ("zeros", &[0; 71]),
            ("not-utf8", &[sha256.as_bytes(), b"\xff"].concat()),
            ("nothing", b""),
        ],
    );
    let token = SECRET.issue("a/b", "id", 7);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    let state = HashState { hasher, offset: 3 }.encode().unwrap_or_default();
    add(
        "upload_state_token",
        &[
            ("token", &[b"\0", token.as_bytes()].concat()),
            ("token-of-another", &[b"\0", SECRET.issue("a", "id", 7).as_bytes()].concat()),
            ("token-plus", &[b"\0+", token.as_bytes()].concat()),
            ("token-no-signature", b"\x007."),
            ("token-same", b"\x01\x07"),
            ("token-changed", b"\x01\x07\x03\x01"),
            ("token-cut", b"\x01\x07\x05"),
            ("state", &[b"\x02", &state[..]].concat()),
            ("state-of-go", b"\x02sha\x03"),
            ("state-same", b"\x03abc"),
            ("state-changed", b"\x03abc\x10\x01"),
            ("state-cut", b"\x03abcd"),
        ],
    );
    add(
        "range_headers",
        &[
            ("from-to", b"bytes=0-9"),
            ("from", b"bytes=5-"),
            ("last", b"bytes=-3"),
            ("dressed", b" BYTES =\t2-1 "),
            ("several", b"bytes=0-1, -4"),
            ("several-bad", b"bytes=0-1,x"),
            ("lines", b"lines=0-9"),
            ("largest", b"bytes=0-18446744073709551615"),
            ("too-large", b"bytes=99999999999999999999-"),
            ("plus", b"bytes=+1-2"),
            ("chunk", b"0-9"),
            ("chunk-unit", b"bytes 0-9/10"),
            ("chunk-star", b" 7-3/* "),
            ("chunk-too-large", b"0-99999999999999999999"),
            ("chunk-size-bad", b"0-9/x"),
            ("nothing", b""),
        ],
    );
    add(
        "paths_roundtrip",
        &[
            ("plain", b"library/alpine\nlatest\nb9b3f7a2-af5d\ndigest"),
            ("alike", b"a/b\n_layers\n_uploads"),
            (
                "parts-of-the-layout",
                b"repositories/blobs/tags/index\ncurrent\nhashstates\n\xff\xff\xff\xff\xff\xff\xff\xff",
            ),
            ("hostile", b"../../etc\n../passwd\n.tmp-1"),
            ("path", b"/docker/registry/v2/blobs"),
            ("path-climbing", b"/docker/../../etc"),
            ("nul", b"a\0b\nt\0\nid"),
            ("nothing", b""),
        ],
    );
    add(
        "referrers_filter",
        &[
            ("one", b"a/b\na/b\nc/d"),
            ("of-the-config", b"c/d\n!c/d\na/b\n!a/b"),
            ("empty-filter", b"\na/b\n\n!"),
            ("same-twice", b"a/b\na/b\na/b"),
            ("case", b"A/B\na/b"),
            ("parameters", b"a/b;c=d\na/b\na/b;c=d"),
            ("escapes", "ü/\"\\\n\u{fc}/\"\\\nu\u{308}/\"\\".as_bytes()),
            ("none", b"a/b"),
        ],
    );
    add("config_yaml", &[
        ("small", b"version: 0.1\nstorage: filesystem\n"),
        ("defaults", b"version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}, delete: {enabled: true}, cache: {blobdescriptor: inmemory}, tag: {concurrencylimit: 8}, redirect: {disable: true}}\nhttp: {addr: ':5000', headers: {X-Content-Type-Options: [nosniff]}}\nlog: {level: info, fields: {service: registry}}\ncatalog: {maxentries: 50}\n"),
        ("validation", b"version: 0.1\nstorage: inmemory\nvalidation:\n  manifests:\n    urls: {allow: ['^https?://allowed', other], deny: ['\\?x=']}\n    indexes: {platforms: List, platformlist: [{architecture: amd64, os: linux}]}\n"),
        ("validation-none", b"version: '0.1'\nstorage: inmemory\nvalidation: {manifests: {indexes: {platforms: none}}}\n"),
        ("validation-disabled", b"version: 0.1\nstorage: inmemory\nvalidation: {disabled: true}\n"),
        ("purging", b"version: 0.1\nstorage: {inmemory: null, maintenance: {uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}, readonly: {enabled: false}}}\n"),
        ("environment", b"version: 0.1\nstorage: inmemory\n\0REGISTRY_STORAGE_DELETE_ENABLED=true\nREGISTRY_HTTP={addr: ':1'}\n"),
        ("no-version", b"storage: inmemory\n"),
        ("s3", b"version: 0.1\nstorage: {s3: {bucket: b}}\n"),
        ("twice", b"version: 0.1\nstorage: inmemory\nstorage: inmemory\n"),
        ("anchors", b"version: 0.1\nx: &a [1, 2]\nstorage: {inmemory: *a}\n"),
        ("tabs", b"version:\t0.1\n\tstorage: inmemory\n"),
        ("nothing", b""),
    ]);
    seeds
}
