//! What to write so that old bytes become new ones: whole granules, neighbours merged.

use crate::block::{GRANULE_SIZE, is_zero};
use crate::extent::Extent;

/// What happens to a range of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The new bytes are written.
    Write,
    /// The range becomes a hole.
    Clear,
}

/// What is known of the bytes that were there before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Old<'a> {
    /// All zeros, whether hole or not.
    Zeros,
    /// These.
    Bytes(&'a [u8]),
    /// Nothing: they cannot be read.
    Unknown,
}

/// Consecutive changes of one kind are one system call.
#[derive(Debug, Default)]
pub(crate) struct Plan(Vec<(Action, Extent)>);

impl Plan {
    /// Adds the change of the bytes at `offset` from `old` to `new`; tells whether there is any.
    pub(crate) fn compare(&mut self, offset: u64, new: &[u8], old: Old) -> bool {
        let mut any = false;
        for (number, granule) in new.chunks(GRANULE_SIZE).enumerate() {
            let start = number * GRANULE_SIZE;
            let extent = Extent::at(offset + start as u64, granule.len() as u64);
            let zero = is_zero(granule);
            let same = match old {
                Old::Zeros => zero,
                Old::Bytes(old) => old[start..start + granule.len()] == *granule,
                Old::Unknown => false,
            };
            if !same {
                any = true;
                self.add(if zero { Action::Clear } else { Action::Write }, extent);
            }
        }
        any
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

    /// Granules of a block, by what they hold.
    fn block(kinds: &[u8], tail: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = kinds.iter().flat_map(|kind| [*kind; GRANULE_SIZE]).collect();
        bytes.truncate(bytes.len() - tail);
        bytes
    }

    proptest! {
        /// The simple model: carry the plan out on the old bytes and look whether they are the new ones.
        #[test]
        fn carrying_it_out_gives_the_new_bytes(
            pairs in prop::collection::vec((0..3u8, 0..3u8), 1..17),
            known in 0..3u8,
            tail in 0..GRANULE_SIZE,
        ) {
            let (old, new): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let old = block(&if known == 0 { vec![0; old.len()] } else { old }, tail);
            let new = block(&new, tail);
            let base = 1 << 30;
            let mut plan = Plan::default();
            let before = [Old::Zeros, Old::Bytes(&old), Old::Unknown][usize::from(known)];
            let any = plan.compare(base, &new, before);
            prop_assert!(any || old == new);
            let mut result = old.clone();
            let mut end = base;
            for (action, extent) in plan.drain() {
                prop_assert!(extent.start >= end && !extent.is_empty());
                end = extent.end;
                let range = (extent.start - base) as usize..(extent.end - base) as usize;
                match action {
                    Action::Write => result[range.clone()].copy_from_slice(&new[range]),
                    Action::Clear => result[range].fill(0),
                }
            }
            prop_assert_eq!(result, new);
        }
    }

    #[test]
    fn neighbours_are_one_write_and_equal_granules_none() {
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
}
