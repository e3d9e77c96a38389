//! Which machines take a version that is for a share of them: apt's phased updates.
//!
//! An index can say `Phased-Update-Percentage` of a version. Each machine then decides by itself, and always alike, whether it upgrades to it: by
//! its `/etc/machine-id` and the name and version of the source. So all packages of a source go or stay together, and a larger share is the smaller
//! one and others.
//!
//! apt before 3.3 draws a number from 0 to 100 and takes the version when it is at most the percentage: at 0 % one machine of 101 takes it. Since
//! 3.3 it draws from 0 to 99 and takes it when the number is below the percentage.
//!
//! apt takes every version where it cannot or must not decide: in a chroot or a container, without a machine-id, for what is installed by name, and
//! for what is new on the machine. unattended-upgrades does not know of the field.
//!
//! ```
//! use apt_solve::phasing::{Apt, is_taken};
//!
//! let machine = "0123456789abcdef0123456789abcdef";
//! assert!(is_taken("hello", "2.1-1", machine, 100, Apt::Since3_3));
//! assert!(!is_taken("hello", "2.1-1", machine, 0, Apt::Since3_3));
//! ```

/// Which apt decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apt {
    /// That of Debian 13 and Ubuntu 25.10, and older ones.
    Before3_3,
    /// Newer ones.
    Since3_3,
}

impl Apt {
    /// The highest number that it draws.
    fn highest(self) -> u64 {
        match self {
            Self::Before3_3 => 100,
            Self::Since3_3 => 99,
        }
    }
}

/// Returns whether a machine upgrades to a version of a source that this percentage of the machines is to take.
#[must_use]
pub fn is_taken(source: &str, version: &str, machine_id: &str, percentage: u8, apt: Apt) -> bool {
    let drawn = draw(&format!("{source}-{version}-{machine_id}"), apt.highest());
    match apt {
        Apt::Before3_3 => drawn <= u64::from(percentage),
        Apt::Since3_3 => drawn < u64::from(percentage),
    }
}

/// The modulus of the generator.
const MODULUS: u64 = 2_147_483_647;

/// Draws a number from 0 to `highest` as apt does: `std::uniform_int_distribution` of libstdc++ over `std::minstd_rand`, seeded with a
/// `std::seed_seq` of the bytes.
fn draw(seed: &str, highest: u64) -> u64 {
    let mut state = u64::from(seeded(seed.as_bytes())) % MODULUS;
    if state == 0 {
        state = 1;
    }
    // The generator gives numbers from 1 to the modulus less 1. Those above the last whole multiple are drawn again.
    let scaling = (MODULUS - 2) / (highest + 1);
    loop {
        state = state * 48_271 % MODULUS;
        let number = (state - 1) / scaling;
        if number <= highest {
            return number;
        }
    }
}

/// The fourth of four words that a `std::seed_seq` makes of bytes ([rand.util.seedseq] in the C++ standard): the one by which the generator is seeded.
fn seeded(bytes: &[u8]) -> u32 {
    const WORDS: usize = 4;
    let mix = |word: u32| word ^ (word >> 27);
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    // A `char` has a sign on most machines.
    let byte =
        |place: usize| bytes.get(place).map_or(0, |byte| i32::from(byte.cast_signed()).cast_unsigned());
    let rounds = WORDS.max(bytes.len() + 1);
    // The word of each round comes first: the words go round with it.
    let mut words = [0x8b8b_8b8b_u32; WORDS];
    for round in 0..rounds {
        let [own, next, after, last] = words;
        let first = mix(own ^ next ^ last).wrapping_mul(1_664_525);
        let added = match round.checked_sub(1) {
            None => number(bytes.len()),
            Some(before) => byte(before).wrapping_add(number(round % WORDS)),
        };
        let second = first.wrapping_add(added);
        words = [next.wrapping_add(first), after.wrapping_add(second), last, second];
    }
    for round in rounds..rounds + WORDS {
        let [own, next, after, last] = words;
        let third = mix(own.wrapping_add(next).wrapping_add(last)).wrapping_mul(1_566_083_941);
        let fourth = third.wrapping_sub(number(round % WORDS));
        words = [next ^ third, after ^ fourth, last, fourth];
    }
    words.rotate_right((rounds + WORDS) % WORDS);
    let [.., fourth] = words;
    fourth
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPP: &str = include_str!("phasing_drawn.txt");

    /// The numbers are those that a program in C++ drew with libstdc++ as apt does.
    #[test]
    fn numbers_are_drawn_as_libstdcxx_draws_them() {
        let mut count = 0;
        for line in CPP.lines() {
            let [seed, before, since] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let drawn = [Apt::Before3_3, Apt::Since3_3].map(|apt| draw(seed, apt.highest()).to_string());
            assert_eq!(drawn, [before, since], "{seed}");
            count += 1;
        }
        assert!(count >= 100, "{count}");
    }

    #[test]
    fn larger_shares_have_the_machines_of_smaller_ones_and_others() {
        for apt in [Apt::Before3_3, Apt::Since3_3] {
            let takers = |percentage| {
                let machine =
                    |number: &u32| is_taken("hello", "2.0-1", &format!("{number:032x}"), percentage, apt);
                (0..1_000_u32).filter(machine).collect::<Vec<_>>()
            };
            let shares = [0, 1, 10, 50, 99, 100].map(takers);
            assert!(shares.windows(2).all(|pair| pair[0].iter().all(|one| pair[1].contains(one))));
            assert_eq!(shares[5].len(), 1_000);
            assert!((60..140).contains(&shares[2].len()) && (440..560).contains(&shares[3].len()));
        }
    }
}
