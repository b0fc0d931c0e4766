//! Options of the index validation, and an index: both must refuse it alike, with the same missing digests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::index_platforms(data);
});
