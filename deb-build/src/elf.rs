//! For which architecture a program was built, by the head of its file.

/// As many bytes of a file as tell its architecture.
pub(crate) const HEAD: usize = 20;

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Not a program or library in ELF form.
    None,
    /// Debian's name of the architecture.
    Known(&'static str),
    /// A machine for which Debian has no architecture.
    Unknown,
}

/// Reads the head of a file.
pub(crate) fn machine(head: &[u8]) -> Machine {
    let [0x7f, b'E', b'L', b'F', class, order, ..] = head else { return Machine::None };
    let (Some(low), Some(high)) = (head.get(18), head.get(19)) else { return Machine::None };
    let is_little = *order == 1;
    let number =
        if is_little { u16::from_le_bytes([*low, *high]) } else { u16::from_be_bytes([*low, *high]) };
    let is_64 = *class == 2;
    let known = match (number, is_64, is_little) {
        (62, true, true) => "amd64",
        (183, true, true) => "arm64",
        (40, false, true) => "armhf",
        (3, false, true) => "i386",
        (243, true, true) => "riscv64",
        (21, true, true) => "ppc64el",
        (22, true, false) => "s390x",
        (258, true, true) => "loong64",
        (8, true, true) => "mips64el",
        _ => return Machine::Unknown,
    };
    Machine::Known(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_read_by_the_order_of_its_bytes() {
        let head = |class, order, machine: [u8; 2]| {
            let mut head = [0; HEAD];
            head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
            head[18..].copy_from_slice(&machine);
            machine_of(&head)
        };
        fn machine_of(head: &[u8]) -> Machine {
            machine(head)
        }
        assert_eq!(head(2, 1, [62, 0]), Machine::Known("amd64"));
        assert_eq!(head(2, 2, [0, 22]), Machine::Known("s390x"));
        assert_eq!(head(2, 2, [0, 62]), Machine::Unknown);
        assert_eq!(machine(b"#!/bin/sh\n"), Machine::None);
        assert_eq!(machine(b"\x7fELF\x02\x01"), Machine::None);
    }
}
