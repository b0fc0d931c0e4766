//! The file of a link: a digest, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::link_file(data);
});
