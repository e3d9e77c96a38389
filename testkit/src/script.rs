use std::path::Path;
use std::process::Command;

/// Writes a shell script that can be run at once.
///
/// Another program writes it. A file that this one writes may be open for a moment longer, in a process that another test is just starting,
/// and the system runs no program that somebody has open for writing.
///
/// # Panics
/// When it cannot be written.
pub fn script(path: impl AsRef<Path>, text: &str) {
    let text = format!("#!/bin/sh\n{text}\n");
    let write = "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", write, "sh"]).arg(path.as_ref()).arg(text);
    assert!(shell.status().expect("a shell").success(), "{}", path.as_ref().display());
}
