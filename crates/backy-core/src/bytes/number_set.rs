//! Sets of numbers, of blocks of an image or of its segments, that take little memory when neighbours are alike.
//!
//! 128 numbers share a bit mask, and groups that follow each other and have the same mask are one entry. A disk that
//! changed as a whole is one entry, whatever its size; the worst pattern costs less than 3 MiB for each TiB of blocks.

use std::collections::BTreeMap;
use std::ops::Range;

/// Numbers that share a mask: as many as a segment has blocks.
const GROUP: u64 = u128::BITS as u64;

/// A set of numbers below 2^64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NumberSet {
    /// Runs of groups by their first group. They are disjoint, none is empty, and no two neighbours are alike.
    runs: BTreeMap<u64, Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// One past the last group.
    end: u64,
    /// A bit for each number of a group, the first number lowest. Never 0.
    mask: u128,
}

impl NumberSet {
    /// Whether there is no number in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a number is in it.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.mask(number / GROUP) >> (number % GROUP) & 1 == 1
    }

    /// Adds a number.
    pub(crate) fn insert(&mut self, number: u64) {
        let group = number / GROUP;
        self.set(group, self.mask(group) | 1 << (number % GROUP));
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, number: u64) {
        let group = number / GROUP;
        self.set(group, self.mask(group) & !(1 << (number % GROUP)));
    }

    /// The numbers of a group that are in it, as bits.
    pub(crate) fn mask(&self, group: u64) -> u128 {
        let before = self.runs.range(..=group).next_back();
        before.filter(|(_, run)| group < run.end).map_or(0, |(_, run)| run.mask)
    }

    /// Replaces the numbers of a group.
    pub(crate) fn set(&mut self, group: u64, mask: u128) {
        self.fill(group..group + 1, mask);
    }

    /// Replaces the numbers of each of these groups.
    pub(crate) fn fill(&mut self, groups: Range<u64>, mask: u128) {
        if groups.is_empty() {
            return;
        }
        self.cut(groups.start);
        self.cut(groups.end);
        let inside: Vec<u64> = self.runs.range(groups.clone()).map(|(start, _)| *start).collect();
        for start in inside {
            self.runs.remove(&start);
        }
        if mask == 0 {
            return;
        }
        let Range { mut start, mut end } = groups;
        if let Some((before, run)) = self.runs.range(..start).next_back()
            && run.end == start
            && run.mask == mask
        {
            start = *before;
        }
        if let Some(run) = self.runs.get(&end).copied()
            && run.mask == mask
        {
            self.runs.remove(&end);
            end = run.end;
        }
        self.runs.insert(start, Run { end, mask });
    }

    /// The groups that have a number in it, in order, with their numbers as bits.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (u64, u128)> + '_ {
        self.runs.iter().flat_map(|(start, run)| (*start..run.end).map(|group| (group, run.mask)))
    }

    /// All numbers, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.groups().flat_map(|(group, mask)| {
            (0..GROUP).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| group * GROUP + bit)
        })
    }

    /// The first group from this one on that has a number in it.
    pub(crate) fn group_from(&self, group: u64) -> Option<u64> {
        if self.mask(group) != 0 {
            Some(group)
        } else {
            self.runs.range(group..).next().map(|(start, _)| *start)
        }
    }

    /// Lets a run begin at a group that lies inside of one.
    fn cut(&mut self, at: u64) {
        if let Some((_, run)) = self.runs.range_mut(..at).next_back()
            && at < run.end
        {
            let behind = *run;
            run.end = at;
            self.runs.insert(at, behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Groups and masks in a small space, so that runs touch.
    fn changes() -> impl Strategy<Value = Vec<(u64, u64, u128)>> {
        prop::collection::vec(
            (0..20_u64, 0..6_u64, prop_oneof![Just(0), Just(1), Just(6), Just(u128::MAX)]),
            0..30,
        )
    }

    proptest! {
        /// The simple model: the set of numbers itself.
        #[test]
        fn it_is_a_set(changes in changes(), numbers in prop::collection::vec((0..2500_u64, any::<bool>()), 0..20)) {
            let (mut set, mut model) = (NumberSet::default(), BTreeSet::new());
            for (start, count, mask) in changes {
                set.fill(start..start + count, mask);
                for number in start * GROUP..(start + count) * GROUP {
                    if mask >> (number % GROUP) & 1 == 1 { model.insert(number); } else { model.remove(&number); }
                }
            }
            for (number, is_in) in numbers {
                if is_in { set.insert(number); model.insert(number); } else { set.remove(number); model.remove(&number); }
            }
            prop_assert!(set.numbers().eq(model.iter().copied()));
            prop_assert_eq!(set.is_empty(), model.is_empty());
            for group in 0..27 {
                let next = model.range(group * GROUP..).next().map(|number| number / GROUP);
                prop_assert_eq!(set.group_from(group), next);
                let mask = (0..GROUP).filter(|bit| model.contains(&(group * GROUP + bit))).fold(0, |mask, bit| mask | 1 << bit);
                prop_assert_eq!(set.mask(group), mask);
                prop_assert_eq!(set.has(group * GROUP), mask & 1 == 1);
            }
            let runs: Vec<_> = set.runs.iter().collect();
            prop_assert!(runs.iter().all(|(start, run)| **start < run.end && run.mask != 0));
            let apart = |(_, left): &(&u64, &Run), (start, right): &(&u64, &Run)| {
                left.end < **start || (left.end == **start && left.mask != right.mask)
            };
            prop_assert!(runs.windows(2).all(|pair| apart(&pair[0], &pair[1])));
        }
    }

    #[test]
    fn neighbours_that_are_alike_are_one_entry() {
        let mut set = NumberSet::default();
        for group in (0..1000).rev() {
            set.set(group, u128::MAX);
        }
        set.fill(1000..1 << 40, u128::MAX);
        assert_eq!(set.runs.len(), 1);
        assert!(set.has((1 << 47) - 1) && !set.has(1 << 47));
    }
}
