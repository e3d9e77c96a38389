//! Lists what a crate offers to others, a line for each item, from the JSON that rustdoc wrote about it.
//!
//! Left out is what says nothing about the crate: blanket implementations, the automatic ones of `Send` and its like, the methods of traits of the
//! standard library, and the crate's own name before its items. A type that other threads cannot have is listed with that, so the
//! loss of `Send` shows.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code when rustdoc wrote another format than the one that can be read here.
const OTHER_FORMAT: u8 = 3;

/// The one part of the JSON that is the same in all formats.
#[derive(serde::Deserialize)]
struct Head {
    format_version: u32,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(json), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: api-listing RUSTDOC-JSON DIRECTORY".into());
    };
    let head: Head = serde_json::from_slice(&fs::read(&json)?)?;
    if head.format_version != rustdoc_types::FORMAT_VERSION {
        let (found, expected) = (head.format_version, rustdoc_types::FORMAT_VERSION);
        eprintln!("rustdoc wrote format {found}; this version of public-api reads {expected}");
        return Ok(ExitCode::from(OTHER_FORMAT));
    }
    let own = format!("{}::", json.file_stem().unwrap_or_default().to_string_lossy());
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    let items = api.items().map(ToString::to_string).filter(|item| is_told(item));
    write(items.map(|item| without_own(&item, &own)), &directory)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the items to three files, each in the order of the listing.
fn write(items: impl Iterator<Item = String>, directory: &Path) -> std::io::Result<()> {
    let (mut types, mut functions, mut implementations) = (String::new(), String::new(), String::new());
    // The methods of an implementation follow it.
    let mut is_foreign = false;
    for item in items {
        let is_function =
            item.split(' ').take_while(|word| *word != "fn").all(|word| MODIFIERS.contains(&word));
        let file = if item.starts_with("impl") || item.starts_with("unsafe impl") {
            is_foreign = FOREIGN.iter().any(|start| implemented(&item).starts_with(start));
            &mut implementations
        } else if is_function && is_foreign {
            continue;
        } else if is_function {
            &mut functions
        } else {
            is_foreign &= item.starts_with("pub type ");
            &mut types
        };
        file.push_str(&item);
        file.push('\n');
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join("types.txt"), types)?;
    fs::write(directory.join("functions.txt"), functions)?;
    fs::write(directory.join("implementations.txt"), implementations)
}

/// What may stand before `fn`.
const MODIFIERS: [&str; 4] = ["pub", "const", "async", "unsafe"];

/// Whose traits have the methods that their own documentation tells of.
const FOREIGN: [&str; 4] = ["core::", "alloc::", "std::", "serde_core::"];

/// Returns what an implementation is of: a trait, or a type of the crate.
fn implemented(item: &str) -> &str {
    let rest = item.trim_start_matches("unsafe ").trim_start_matches("impl");
    // Parameters stand between the word and the trait.
    let mut depth = 0_usize;
    let end = rest.find(|c| {
        depth = match c {
            '<' => depth + 1,
            '>' => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0 && c == ' '
    });
    end.and_then(|end| rest.get(end..)).unwrap_or(rest).trim_start()
}

/// Returns an item without the name of its crate.
fn without_own(item: &str, own: &str) -> String {
    let mut text = String::with_capacity(item.len());
    let mut rest = item;
    while let Some(place) = rest.find(own) {
        let (before, after) = rest.split_at(place);
        text.push_str(before);
        let is_longer_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        if is_longer_name {
            text.push_str(own);
        }
        rest = after.strip_prefix(own).unwrap_or_default();
    }
    text + rest
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
