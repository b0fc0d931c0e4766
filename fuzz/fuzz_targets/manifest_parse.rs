//! One byte for the type, then a document: the model's reader and the registry's must agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_fuzz::manifest_parse(data);
});
