//! Referrers, filtered by artifact type: both must list the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::referrers_filter(data);
});
