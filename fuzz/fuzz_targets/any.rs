//! Every law in one program, which the scripts build in place of one for each: the law is the one that the variable `FUZZ_LAW` names, or
//! else the one by whose name the program was called.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use fuzz::checks::Law;

static LAW: LazyLock<Law> = LazyLock::new(|| {
    let called = std::env::args().next().unwrap_or_default();
    let name = std::env::var("FUZZ_LAW").unwrap_or_else(|_| {
        Path::new(&called).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
    });
    fuzz::law(&name).unwrap_or_else(|| panic!("no law is named `{name}`: set FUZZ_LAW"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| LAW(data));
