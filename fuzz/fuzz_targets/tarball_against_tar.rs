#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::differential::tarball_against_tar(data));
