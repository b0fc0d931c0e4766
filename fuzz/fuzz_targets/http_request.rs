//! What a client sends over a connection: no panic, no 5xx, nothing outside the root.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::http_request(data);
});
