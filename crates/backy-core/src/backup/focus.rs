//! The part of a source that is worth reading: the ranges of a hint, and a sample of the rest.

use std::path::Path;

use crate::backup::parent::Parent;
use crate::bytes::block::{BLOCK_SIZE, blocks_of};
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::sample::Sample;
use crate::error::Result;
use crate::source::changes::{Difference, changed_since};
use crate::source::input::{Hint, PathInput};
use crate::source::opened::Source;
use crate::work::control::Control;

/// The part of a source that is read. Everything else equals the parent.
pub(crate) struct Focus {
    /// The ranges that may have changed, in whole blocks.
    changed: ExtentMap,
    sample: Sample,
}

/// The part of a source that is read.
pub(crate) enum Scope {
    /// All of it, and the reason why its hint is of no use, if it has one.
    Everything(Option<String>),
    /// Only this part.
    Narrowed(Focus),
}

/// A stretch of a segment that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub range: Extent,
    /// Whether it may have changed. The other stretches are the sample, and must not have changed.
    pub hinted: bool,
}

impl Focus {
    /// Narrows a read as far as the hint allows.
    pub(crate) fn of(
        input: &PathInput,
        sample: Sample,
        source: &Source,
        parent: Option<&Parent>,
        repository: &Path,
        control: &Control,
    ) -> Result<Scope> {
        // Without the hashes of a parent everything must be read; the parent has the reason.
        let Some(parent) = parent.filter(|parent| parent.index.is_some()) else {
            return Ok(Scope::Everything(None));
        };
        let changed = match &input.hint {
            Hint::None => return Ok(Scope::Everything(None)),
            Hint::Changed(changed) => changed.clone(),
            Hint::Previous(previous) => {
                match changed_since(previous, parent.size(), source, repository, control)? {
                    Difference::Known(changed) => changed,
                    Difference::Unknown(reason) => return Ok(Scope::Everything(Some(reason))),
                }
            }
        };
        Ok(Scope::Narrowed(Self::new(&changed, sample, parent.size(), source.size)))
    }

    fn new(changed: &ExtentMap, sample: Sample, old_size: u64, size: u64) -> Self {
        let changed = if old_size == size {
            changed.clone()
        } else {
            // The blocks at the old end and at the new end have another length now, and so another hash.
            let from = old_size.min(size).saturating_sub(1);
            changed.union(&ExtentMap::normalise(vec![Extent { start: from, end: size }]))
        };
        Self { changed: changed.align(BLOCK_SIZE as u64, size), sample }
    }

    /// The approximate number of bytes to read of a source with `data`. It is exact without a sample.
    pub(crate) fn bytes_of(&self, data: &ExtentMap) -> u64 {
        let changed = self.changed.extents().iter().flat_map(|extent| data.within(*extent));
        let changed: u64 = changed.map(|extent| extent.len()).sum();
        changed + self.sample.share_of(data.bytes() - changed)
    }

    /// The stretches of a segment that are read, in order and in whole blocks.
    pub(crate) fn stretches(&self, range: Extent) -> Vec<Stretch> {
        let hinted = ExtentMap::normalise(self.changed.within(range).collect());
        let sampled = ExtentMap::normalise(self.sampled(range).collect()).subtract(&hinted);
        let stretch = |hinted| move |range: &Extent| Stretch { range: *range, hinted };
        let mut stretches: Vec<Stretch> = hinted.extents().iter().map(stretch(true)).collect();
        stretches.extend(sampled.extents().iter().map(stretch(false)));
        stretches.sort_unstable_by_key(|stretch| stretch.range);
        stretches
    }

    fn sampled(&self, range: Extent) -> impl Iterator<Item = Extent> {
        blocks_of(range).filter(|block| self.sample.has(*block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::block::SEGMENT_SIZE;
    use proptest::prelude::*;

    const BLOCK: u64 = BLOCK_SIZE as u64;

    fn focus(changed: &[(u64, u64)], sample: Sample, old_size: u64, size: u64) -> Focus {
        let extents = changed.iter().map(|(start, length)| Extent::at(*start, *length)).collect();
        Focus::new(&ExtentMap::normalise(extents), sample, old_size, size)
    }

    proptest! {
        #[test]
        fn every_block_has_its_turn_within_the_runs(runs in 1..40u32, first in any::<u32>(), blocks in 1..128u64) {
            let range = Extent { start: SEGMENT_SIZE, end: SEGMENT_SIZE + blocks * BLOCK - 1 };
            let mut read = Vec::new();
            for run in first..first.saturating_add(runs) {
                let sample = Sample { runs, run: run % runs };
                let parts = focus(&[], sample, range.end, range.end).stretches(range);
                prop_assert!(parts.iter().all(|part| !part.hinted));
                read.extend(parts.iter().map(|part| part.range));
            }
            prop_assume!(first.checked_add(runs).is_some());
            let bytes: u64 = read.iter().map(Extent::len).sum();
            prop_assert_eq!(bytes, range.len(), "each block once");
            let whole = ExtentMap::normalise(read);
            prop_assert_eq!(whole.extents(), [range]);
        }

        #[test]
        fn parts_are_in_order_and_hold_what_changed(
            changed in prop::collection::vec((0..SEGMENT_SIZE, 1..BLOCK * 3), 0..10),
            runs in 0..5u32,
        ) {
            let range = Extent { start: 0, end: SEGMENT_SIZE };
            let parts = focus(&changed, Sample { runs, run: 1 }, SEGMENT_SIZE, SEGMENT_SIZE).stretches(range);
            prop_assert!(parts.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
            prop_assert!(parts.iter().all(|part| part.range.start % BLOCK == 0));
            let hinted = parts.iter().filter(|part| part.hinted).map(|part| part.range).collect();
            let missing = ExtentMap::normalise(changed.iter().map(|(at, length)| Extent::at(*at, *length)).collect())
                .subtract(&ExtentMap::normalise(hinted));
            prop_assert_eq!(missing.within(range).count(), 0);
        }
    }

    #[test]
    fn a_new_size_changes_the_blocks_at_both_ends() {
        let sizes = [(BLOCK / 2, 3 * BLOCK), (3 * BLOCK, BLOCK / 2), (BLOCK, 2 * BLOCK), (2 * BLOCK, BLOCK)];
        for (old_size, size) in sizes {
            let focus = focus(&[], Sample::default(), old_size, size);
            assert_eq!(focus.changed.extents(), [Extent { start: 0, end: size }], "{old_size} to {size}");
        }
        assert!(focus(&[], Sample::default(), BLOCK, 0).changed.extents().is_empty());
    }
}
