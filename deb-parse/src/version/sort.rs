//! Sorting many versions at once.

use super::{VersionRef, compare, split, split_number};

/// Sorts `items` by the versions that `version` finds in them, in dpkg's order; equal ones stay in their order.
///
/// Several times as fast as `sort_by` with [`compare`], because mostly two numbers are compared in place of two texts. As
/// there, a text need not be a valid version.
///
/// ```
/// let mut packages = vec![("a", "1.10"), ("b", "1.9"), ("c", "1.10~rc1")];
/// deb_parse::version::sort_by(&mut packages, |(_, version)| version);
/// assert_eq!(packages, [("b", "1.9"), ("c", "1.10~rc1"), ("a", "1.10")]);
/// ```
pub fn sort_by<T>(items: &mut [T], version: impl Fn(&T) -> &str) {
    let mut order: Vec<(Prefix, usize)> =
        items.iter().enumerate().map(|(at, item)| (Prefix::of(&split(version(item))), at)).collect();
    order.sort_unstable_by(|(a, at), (b, bt)| {
        let order = a.0.cmp(&b.0);
        if order.is_ne() {
            return order;
        }
        let order = match (items.get(*at), items.get(*bt)) {
            (Some(a_item), Some(b_item)) if !a.is_whole() => compare(version(a_item), version(b_item)),
            _ => order,
        };
        order.then(at.cmp(bt))
    });
    // Puts each item into its place by swaps; one that was swapped away is followed to where it went.
    for place in 0..order.len() {
        let mut from = order.get(place).map_or(place, |(_, from)| *from);
        while from < place {
            from = order.get(from).map_or(place, |(_, from)| *from);
        }
        if let Some(entry) = order.get_mut(place) {
            entry.1 = from;
        }
        items.swap(place, from);
    }
}

/// The start of a version as a number: where two differ, they are in the order of the versions.
///
/// Four bits are a step. The first is the epoch. Then, for the upstream version and the revision:
///
/// ```text
/// ~ 1 | a number, or the end 2 | letter 3 and its byte | other before + 4 and its byte | + 5 | , 6 | - 7 | . 8 | other 9 and its byte
/// ```
///
/// and after the 2 of a number how many digits it has, and these. The last step says whether that was the whole version.
#[derive(Clone, Copy)]
struct Prefix(u128);

impl Prefix {
    /// Steps between the first and the last.
    const STEPS: u32 = 30;

    fn of(version: &VersionRef<'_>) -> Self {
        const LARGEST: u32 = 15;
        let mut steps = Steps { number: version.epoch.min(LARGEST).into(), left: Self::STEPS };
        let whole = version.epoch < LARGEST
            && steps.part(version.upstream.as_bytes()).is_some()
            && steps.part(version.revision.unwrap_or_default().as_bytes()).is_some();
        Self(steps.number << (4 * (steps.left + 1)) | u128::from(!whole))
    }

    fn is_whole(self) -> bool {
        self.0 & 1 == 0
    }
}

struct Steps {
    number: u128,
    left: u32,
}

impl Steps {
    /// Adds a step; nothing if no step is left.
    fn push(&mut self, step: u8) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.number = self.number << 4 | u128::from(step);
        Some(())
    }

    /// Adds an upstream version or a revision; nothing if it does not fit.
    fn part(&mut self, mut part: &[u8]) -> Option<()> {
        loop {
            while let Some((c, rest)) = part.split_first().filter(|(c, _)| !c.is_ascii_digit()) {
                let byte = match c {
                    b'~' => self.push(1).map(|()| None),
                    b'+' => self.push(5).map(|()| None),
                    b',' => self.push(6).map(|()| None),
                    b'-' => self.push(7).map(|()| None),
                    b'.' => self.push(8).map(|()| None),
                    c if c.is_ascii_alphabetic() => self.push(3).map(|()| Some(c)),
                    ..b'+' => self.push(4).map(|()| Some(c)),
                    _ => self.push(9).map(|()| Some(c)),
                };
                if let Some(c) = byte? {
                    self.push(c >> 4)?;
                    self.push(c & 15)?;
                }
                part = rest;
            }
            self.push(2)?;
            let number;
            (number, part) = split_number(part);
            match u8::try_from(number.len()) {
                Ok(length @ ..15) => self.push(length)?,
                _ => {
                    self.push(15)?;
                    return None;
                }
            }
            for digit in number {
                self.push(digit - b'0')?;
            }
            if part.is_empty() {
                return self.push(2);
            }
        }
    }
}
