//! One byte for the type, then a document: three readers must agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::manifest_parse(data);
});
