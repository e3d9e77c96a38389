#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::differential::version_against_dpkg(data));
