//! What the fuzz targets do with their bytes.
//!
//! Each function takes any bytes, gives the same to two who must agree, and panics where they do not. `fuzz/` hands them a
//! fuzzer's bytes; the seeds in `fuzz/corpus/` go through them in an ordinary test (`tests/tests/corpus.rs`). [`TARGETS`] is the list
//! that everything goes by, and [`seeds`] makes the seeds.

mod choices;
mod config;
mod crash;
mod http;
mod index;
mod keys;
mod links;
mod manifest;
mod names;
mod operations;
mod pair;
mod paths;
mod range;
mod referrers;
pub mod seeds;
mod third;
mod token;

pub use config::config_yaml;
pub use crash::crash_operations;
pub use http::http_request;
pub use index::index_platforms;
pub use links::link_file;
pub use manifest::{manifest_parse, manifest_parse_and_push};
pub use names::names_and_digests;
pub use operations::operations;
pub use paths::paths_roundtrip;
pub use range::range_headers;
pub use referrers::referrers_filter;
pub use third::{LAXER, STRICTER};
pub use token::upload_state_token;

/// What became of the bytes, for a corpus in which something is taken as well as refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They meant something, and it was taken by both.
    Yes,
    /// They meant nothing, or were refused by both.
    No,
}

impl Taken {
    const fn of(taken: bool) -> Self {
        if taken { Self::Yes } else { Self::No }
    }
}

/// A target.
pub type Target = fn(&[u8]) -> Taken;

/// Every target, by its name: that of its file in `fuzz/fuzz_targets/` and of its directory in `fuzz/corpus/`.
pub const TARGETS: [(&str, Target); 12] = [
    ("config_yaml", config_yaml),
    ("crash_operations", crash_operations),
    ("http_request", http_request),
    ("index_platforms", index_platforms),
    ("link_file", link_file),
    ("manifest_parse", manifest_parse),
    ("names_and_digests", names_and_digests),
    ("operations", operations),
    ("paths_roundtrip", paths_roundtrip),
    ("range_headers", range_headers),
    ("referrers_filter", referrers_filter),
    ("upload_state_token", upload_state_token),
];
