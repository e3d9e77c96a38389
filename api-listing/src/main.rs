//! Prints what a crate offers to others, a line for each item, from the JSON that rustdoc wrote about it.
//!
//! Left out is what says nothing about the crate: blanket implementations, and the automatic ones of `Send` and its like. A type that
//! other threads cannot have is listed with that, so the loss of `Send` shows.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code when rustdoc wrote another format than the one that can be read here.
const OTHER_FORMAT: u8 = 3;

/// The one part of the JSON that is the same in all formats.
#[derive(serde::Deserialize)]
struct Head {
    format_version: u32,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let json = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: api-listing RUSTDOC-JSON")?);
    let head: Head = serde_json::from_slice(&std::fs::read(&json)?)?;
    if head.format_version != rustdoc_types::FORMAT_VERSION {
        let (found, expected) = (head.format_version, rustdoc_types::FORMAT_VERSION);
        eprintln!("rustdoc wrote format {found}; this version of public-api reads {expected}");
        return Ok(ExitCode::from(OTHER_FORMAT));
    }
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    for item in api.items().map(ToString::to_string).filter(|item| is_told(item)) {
        println!("{item}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns whether an item is worth a line.
fn is_told(item: &str) -> bool {
    const AUTOMATIC: [&str; 8] = [
        "core::marker::Freeze for ",
        "core::marker::StructuralPartialEq for ",
        "core::marker::Unpin for ",
        "core::marker::UnsafeUnpin for ",
        "core::panic::unwind_safe::RefUnwindSafe for ",
        "core::panic::unwind_safe::UnwindSafe for ",
        " core::marker::Send for ",
        " core::marker::Sync for ",
    ];
    !(item.starts_with("impl") && AUTOMATIC.iter().any(|automatic| item.contains(automatic)))
}
