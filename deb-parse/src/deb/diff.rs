//! Unified diffs: which files there are when one was applied.

use std::mem;

/// The longest line that is looked at, in bytes; of longer ones the start.
const LINE: usize = 8 << 10;

/// Finds the files in a diff that comes in pieces.
#[derive(Default)]
pub(super) struct DiffFiles {
    line: Vec<u8>,
    /// The lines of the two sides that the current hunk still has.
    hunk: (u64, u64),
    /// The file that the next hunk belongs to.
    file: Option<Vec<u8>>,
    /// Whether the line before named the old side.
    after_old: bool,
    hunks: u64,
}

impl DiffFiles {
    /// Takes in a piece; `found` is told each file that has a line when the diff is applied.
    pub(super) fn update<E>(
        &mut self,
        piece: &[u8],
        mut found: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in piece.split_inclusive(|c| *c == b'\n') {
            let (text, is_whole) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or(text));
            if is_whole {
                let mut line = mem::take(&mut self.line);
                self.take_line(&line).map_or(Ok(()), &mut found)?;
                line.clear();
                self.line = line;
            }
        }
        Ok(())
    }

    /// Whether it was a diff so far; an empty one is not.
    pub(super) fn is_diff(&self) -> bool {
        self.hunks > 0
    }

    /// The file in which this line is known to be.
    fn take_line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let (old, new) = self.hunk;
        if old > 0 || new > 0 {
            let (from_old, from_new) = match line.first() {
                Some(b'-') => (1, 0),
                Some(b'+') => (0, 1),
                // "\ No newline at end of file"
                Some(b'\\') => (0, 0),
                _ => (1, 1),
            };
            self.hunk = (old.saturating_sub(from_old), new.saturating_sub(from_new));
            return None;
        }
        let was_after_old = mem::replace(&mut self.after_old, line.starts_with(b"--- "));
        if let Some(name) = line.strip_prefix(b"+++ ").filter(|_| was_after_old) {
            let name = name.split(|c| *c == b'\t').next().unwrap_or_default();
            self.file = Some(name.trim_ascii_end().to_vec());
        } else if let Some(ranges) = line.strip_prefix(b"@@ ") {
            self.hunk = lines_of_hunk(ranges)?;
            self.hunks += 1;
            // A hunk that leaves nothing takes the file away.
            return self.file.take_if(|_| self.hunk.1 > 0);
        }
        None
    }
}

/// The number of lines of both sides in `-<start>[,<lines>] +<start>[,<lines>] @@`.
fn lines_of_hunk(ranges: &[u8]) -> Option<(u64, u64)> {
    let mut words = std::str::from_utf8(ranges.get(..ranges.len().min(80))?).ok()?.split(' ');
    let mut lines = |sign| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split_once(',').map_or(Some(1), |(_, lines)| lines.parse().ok())
    };
    Some((lines('-')?, lines('+')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(diff: &str, piece: usize) -> Vec<String> {
        let mut reader = DiffFiles::default();
        let mut found = Vec::new();
        for piece in diff.as_bytes().chunks(piece) {
            let note = |path: Vec<u8>| -> Result<(), ()> {
                found.push(String::from_utf8(path).unwrap());
                Ok(())
            };
            reader.update(piece, note).unwrap();
        }
        found
    }

    #[test]
    fn the_files_are_those_with_lines_and_what_looks_like_a_header_in_a_hunk_is_none() {
        let diff = "--- a-1.orig/debian/rules\n+++ a-1/debian/rules\t2026-01-01\n@@ -0,0 +1,4 @@\n+#!/usr/bin/make\n+-- old\n\
                    +++ b-1/debian/no\n+@@ -0,0 +1 @@\n--- a-1.orig/x\n+++ a-1/x\n@@ -1 +1 @@ f(-1,2 +3)\n-a\n+b\n\\ No newline\n\
                    @@ -9 +9 @@\n-c\n+d\n--- a-1.orig/gone\n+++ a-1/gone\n@@ -1,2 +0,0 @@\n-a\n--- old\n";
        for piece in [1, 7, 1000] {
            assert_eq!(files(diff, piece), ["a-1/debian/rules", "a-1/x"], "in pieces of {piece}");
        }
        assert_eq!(files("no diff at all\n@@ what @@\n+++ x\n", 5), [""; 0]);
    }
}
