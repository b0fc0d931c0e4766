//! Names, tags, digests, references, ids: grammars against parsers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::names_and_digests(data);
});
