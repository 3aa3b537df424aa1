//! Plans of writes that turn old bytes into new ones: whole granules, neighbours merged. Zeros are found in the
//! smallest granules, however large the written ones are, so that no hole is ever filled.

use crate::bytes::block::{GRANULE_SIZE, is_zero};
use crate::bytes::extent::Extent;

/// A change of a range of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The new bytes are written.
    Write,
    /// The range becomes a hole.
    Clear,
}

/// Knowledge of the old bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Old<'a> {
    /// All zeros, whether hole or not.
    Zeros,
    /// The old bytes.
    Bytes(&'a [u8]),
    /// Nothing, because they cannot be read.
    Unknown,
}

impl Old<'_> {
    fn part(self, start: usize, length: usize) -> Self {
        match self {
            Old::Bytes(old) => Old::Bytes(&old[start..start + length]),
            other => other,
        }
    }

    /// Whether the old bytes are known to equal `new`.
    fn is(self, new: &[u8]) -> bool {
        match self {
            Old::Zeros => is_zero(new),
            Old::Bytes(old) => old == new,
            Old::Unknown => false,
        }
    }
}

/// A list of changes. Consecutive changes of one kind are merged into one system call.
#[derive(Debug, Default)]
pub(crate) struct Plan(Vec<(Action, Extent)>);

impl Plan {
    /// Adds the change of the bytes at `offset` from `old` to `new`. Returns whether they differ.
    pub(crate) fn compare(&mut self, offset: u64, new: &[u8], old: Old) -> bool {
        self.compare_by(|| GRANULE_SIZE, offset, new, old)
    }

    /// The same with granules of another size. `size` is called only if there is a change. It returns bytes, a multiple
    /// of the usual size.
    pub(crate) fn compare_by(
        &mut self,
        size: impl FnOnce() -> usize,
        offset: u64,
        new: &[u8],
        old: Old,
    ) -> bool {
        if old.is(new) {
            return false;
        }
        let size = size();
        for (number, granule) in new.chunks(size).enumerate() {
            let start = number * size;
            let old = old.part(start, granule.len());
            if !old.is(granule) {
                self.renew(offset + start as u64, granule, old);
            }
        }
        true
    }

    /// Writes all bytes except zeros, and clears zeros unless they were zeros before.
    fn renew(&mut self, offset: u64, new: &[u8], old: Old) {
        for (number, granule) in new.chunks(GRANULE_SIZE).enumerate() {
            let start = number * GRANULE_SIZE;
            let extent = Extent::at(offset + start as u64, granule.len() as u64);
            if !is_zero(granule) {
                self.add(Action::Write, extent);
            } else if !old.part(start, granule.len()).is(granule) {
                self.add(Action::Clear, extent);
            }
        }
    }

    /// Adds a change that starts at or behind the end of the last one.
    pub(crate) fn add(&mut self, action: Action, extent: Extent) {
        match self.0.last_mut() {
            Some((last, before)) if *last == action && before.end == extent.start => before.end = extent.end,
            _ => self.0.push((action, extent)),
        }
    }

    /// Takes the changes out, in order, and leaves the plan empty for the next window.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Action, Extent)> + '_ {
        self.0.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A block whose granules hold these bytes.
    fn block(kinds: &[u8], tail: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = kinds.iter().flat_map(|kind| [*kind; GRANULE_SIZE]).collect();
        bytes.truncate(bytes.len() - tail);
        bytes
    }

    proptest! {
        /// The simple model: apply the plan to the old bytes, and compare the result with the new ones.
        #[test]
        fn carrying_it_out_gives_the_new_bytes(
            pairs in prop::collection::vec((0..3u8, 0..3u8), 1..17),
            known in 0..3u8,
            tail in 0..GRANULE_SIZE,
            size in prop::sample::select(vec![1, 4, 16]),
        ) {
            let (old, new): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let old = block(&if known == 0 { vec![0; old.len()] } else { old }, tail);
            let new = block(&new, tail);
            let base = 1 << 30;
            let mut plan = Plan::default();
            let before = [Old::Zeros, Old::Bytes(&old), Old::Unknown][usize::from(known)];
            let any = plan.compare_by(|| size * GRANULE_SIZE, base, &new, before);
            prop_assert!(any || old == new);
            let mut result = old.clone();
            let mut end = base;
            for (action, extent) in plan.drain() {
                prop_assert!(extent.start >= end && !extent.is_empty());
                end = extent.end;
                let range = (extent.start - base) as usize..(extent.end - base) as usize;
                let were_zeros = known < 2 && is_zero(&old[range.clone()]);
                prop_assert!(!is_zero(&new[range.clone()]) || !were_zeros, "nothing is done to zeros that stay");
                match action {
                    Action::Write => result[range.clone()].copy_from_slice(&new[range]),
                    Action::Clear => result[range].fill(0),
                }
            }
            prop_assert_eq!(result, new);
        }
    }

    #[test]
    fn neighbours_are_one_write_and_equal_granules_are_not_written() {
        let (old, new) = (block(&[1, 1, 1, 1, 2], 0), block(&[1, 2, 2, 0, 2], 0));
        let mut plan = Plan::default();
        assert!(plan.compare(0, &new, Old::Bytes(&old)));
        let granule = GRANULE_SIZE as u64;
        let expected = [
            (Action::Write, Extent { start: granule, end: 3 * granule }),
            (Action::Clear, Extent { start: 3 * granule, end: 4 * granule }),
        ];
        assert_eq!(plan.drain().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_large_granule_is_written_together_but_for_its_holes() {
        let (old, new) = (block(&[1, 0, 1, 1, 1, 1], 0), block(&[1, 0, 2, 0, 1, 1], 0));
        let mut plan = Plan::default();
        assert!(plan.compare_by(|| 4 * GRANULE_SIZE, 0, &new, Old::Bytes(&old)));
        let granule = GRANULE_SIZE as u64;
        let expected = [
            (Action::Write, Extent { start: 0, end: granule }),
            (Action::Write, Extent { start: 2 * granule, end: 3 * granule }),
            (Action::Clear, Extent { start: 3 * granule, end: 4 * granule }),
        ];
        assert_eq!(plan.drain().collect::<Vec<_>>(), expected);
    }
}
