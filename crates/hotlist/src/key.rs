//! A plate as one number: its characters as digits to the base of 37, where none is zero, so that texts
//! of every length up to twelve differ (37¹² < 2⁶³). Callers treat a key like a plate in the clear.

use plate::{Reason, Text};

/// Digits that a key has: the 36 characters, and zero for "no more".
const BASE: u64 = 37;

/// Characters by their numbers, 0-9 and then A-Z from 10, at most [`Text::MAX`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letters {
    numbers: [u8; Text::MAX],
    len: u8,
}

impl std::ops::Deref for Letters {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.numbers[..usize::from(self.len)]
    }
}

/// The number of an ASCII character of a plate.
pub(crate) fn number(c: u8) -> u8 {
    if c.is_ascii_digit() { c - b'0' } else { c.wrapping_sub(b'A').wrapping_add(10) }
}

/// The key that one more character at the end makes.
pub(crate) fn longer(key: u64, number: u8) -> u64 {
    key * BASE + u64::from(number) + 1
}

/// The key of some characters.
pub(crate) fn pack(numbers: impl IntoIterator<Item = u8>) -> u64 {
    numbers.into_iter().fold(0, longer)
}

/// The key of a text.
pub(crate) fn of(text: &Text) -> u64 {
    pack(text.reveal(Reason::Matching).bytes().map(number))
}

/// The characters of a key.
pub(crate) fn unpack(mut key: u64) -> Letters {
    let mut backwards = [0u8; Text::MAX];
    let mut len = 0;
    while key > 0 && len < Text::MAX {
        backwards[len] = (key % BASE).saturating_sub(1) as u8;
        key /= BASE;
        len += 1;
    }
    backwards[..len].reverse();
    Letters { numbers: backwards, len: len as u8 }
}

/// Spreads keys evenly over all numbers, one to one: the finaliser of SplitMix64.
pub(crate) fn mix(key: u64) -> u64 {
    let z = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_has_one_text(a in "[A-Z0-9]{1,12}", b in "[A-Z0-9]{1,12}") {
            let key = of(&Text::parse(&a).unwrap());
            let back: Vec<u8> = unpack(key).to_vec();
            prop_assert_eq!(&back, &a.bytes().map(number).collect::<Vec<_>>());
            prop_assert_eq!(key == of(&Text::parse(&b).unwrap()), a == b);
        }
    }
}
