//! A `config.yml` and an environment: what the registry takes, the oracle reads as it does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proofhouse_tests::fuzz::config_yaml(data);
});
