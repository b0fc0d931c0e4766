//! `Range` and `Content-Range`: grammars against parsers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::range_headers(data);
});
