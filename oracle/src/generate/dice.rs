//! Chance, from the runner's own generator, so that a seed fixes a case.

use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

pub(super) struct Dice<'a>(pub(super) &'a mut TestRng);

impl Dice<'_> {
    /// A number from 0 to before `end`, which must not be 0. Not quite uniform, and no matter.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let roll = u64::from(self.0.next_u32());
        let scaled = (roll * end as u64) >> 32;
        usize::try_from(scaled).unwrap_or(0)
    }

    /// A number from 0 to `most`.
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        let scaled = (u64::from(self.0.next_u32()) * (u64::from(most) + 1)) >> 32;
        u32::try_from(scaled).unwrap_or(most)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.next_u32().to_be_bytes()[0]
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// One of them; there must be one.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of them, if there is one.
    pub(super) fn pick_any<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(self.pick(from)) }
    }

    /// One of them, by weight.
    pub(super) fn weighted<T: Copy>(&mut self, from: &[(usize, T)]) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, what) in from {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *what,
            }
        }
        from[from.len() - 1].1
    }
}
