//! Tokens of uploads, and sleeping hashers: only what was given out is taken.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::upload_state_token(data);
});
