//! Operations on model and registry, in lockstep.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::operations(data);
});
