//! Operations on a disk that forgets: what was acknowledged survives.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::crash_operations(data);
});
