//! Names to paths on disk and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::paths_roundtrip(data);
});
