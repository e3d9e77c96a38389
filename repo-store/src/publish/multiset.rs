//! A digest of many things in any order, to which things can be added and from which they can be taken again.
//!
//! Each thing is hashed to 1,024 numbers of 16 bits, and these are added up (`LtHash`, Bellare and Micciancio 1997, with the parameters of
//! Lewi, Kim, Maykov and Weis 2019). A sum of plain hashes would not do: somebody who may choose many things finds others with the same
//! sum. Two kilobytes stand for an index of any size.

const LANES: usize = 1024;

/// The digest of a multiset of byte strings.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Multiset(Box<[u16; LANES]>);

impl Default for Multiset {
    fn default() -> Self {
        Self(Box::new([0; LANES]))
    }
}

impl Multiset {
    pub(crate) fn insert(&mut self, thing: &[u8]) {
        self.change(thing, u16::wrapping_add);
    }

    pub(crate) fn remove(&mut self, thing: &[u8]) {
        self.change(thing, u16::wrapping_sub);
    }

    fn change(&mut self, thing: &[u8], with: impl Fn(u16, u16) -> u16) {
        let mut bytes = [0; LANES * 2];
        blake3::Hasher::new().update(thing).finalize_xof().fill(&mut bytes);
        for (lane, pair) in self.0.iter_mut().zip(bytes.chunks_exact(2)) {
            *lane = with(*lane, pair.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(things: &[&str]) -> Multiset {
        let mut multiset = Multiset::default();
        things.iter().for_each(|thing| multiset.insert(thing.as_bytes()));
        multiset
    }

    #[test]
    fn the_order_does_not_count_and_the_number_does() {
        assert!(of(&["a", "b", "b"]) == of(&["b", "a", "b"]));
        assert!(of(&["a", "b", "b"]) != of(&["a", "b"]));
        assert!(of(&["a", "b"]) != of(&["a", "c"]));
        assert!(of(&["ab"]) != of(&["a", "b"]));
        let mut less = of(&["a", "b", "c"]);
        less.remove(b"b");
        assert!(less == of(&["c", "a"]));
    }
}
