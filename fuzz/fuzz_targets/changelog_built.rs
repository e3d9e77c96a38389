#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::deb_build::changelog_built(data));
