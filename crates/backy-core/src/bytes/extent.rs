//! Extent maps: sets of byte ranges, kept sorted, disjoint and coalesced.

/// A byte range `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Extent {
    /// The range of `length` bytes at `start`; cut off at the end of the 64-bit space.
    #[must_use]
    pub fn at(start: u64, length: u64) -> Self {
        Self { start, end: start.saturating_add(length) }
    }

    /// Bytes in the range.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the range holds no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// The range in pieces of `length` bytes. The last one may be shorter.
    ///
    /// # Panics
    /// When `length` is 0.
    pub(crate) fn pieces(self, length: u64) -> impl Iterator<Item = Self> {
        let step = usize::try_from(length).unwrap_or(usize::MAX);
        (self.start..self.end).step_by(step).map(move |start| Self::at(start, length).overlap(&self))
    }

    /// The common part of both ranges, which may be empty.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

/// A stretch of a file, inside or outside of an extent map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// In the map.
    Data(Extent),
    /// Not in the map.
    Hole(Extent),
}

/// A set of byte ranges in canonical form: sorted, disjoint, none empty, none touching the next.
/// Two maps are equal exactly when they hold the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtentMap(Vec<Extent>);

impl ExtentMap {
    /// The map of these ranges, in any order, overlapping or not.
    #[must_use]
    pub fn normalise(mut extents: Vec<Extent>) -> Self {
        extents.retain(|extent| !extent.is_empty());
        extents.sort_unstable();
        let mut map = Self(Vec::with_capacity(extents.len()));
        for extent in extents {
            map.append(extent);
        }
        map
    }

    /// The map of everything from 0 to `size`.
    #[must_use]
    pub fn whole(size: u64) -> Self {
        Self::normalise(vec![Extent::at(0, size)])
    }

    /// Adds a range that starts at or behind the start of the last one.
    ///
    /// # Panics
    /// When it starts before that, because the canonical form would be lost.
    pub fn append(&mut self, extent: Extent) {
        if extent.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if extent.start <= last.end => {
                assert!(last.start <= extent.start, "extents are appended in order");
                last.end = last.end.max(extent.end);
            }
            _ => self.0.push(extent),
        }
    }

    /// The ranges, in order.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.0
    }

    /// Bytes in the set.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(Extent::len).sum()
    }

    /// Every range widened to multiples of `unit` bytes and cut off at `size`.
    ///
    /// # Panics
    /// When `unit` is 0.
    #[must_use]
    pub fn align(&self, unit: u64, size: u64) -> Self {
        let mut map = Self::default();
        for extent in &self.0 {
            let start = extent.start / unit * unit;
            let end = extent.end.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
            map.append(Extent { start: start.min(size), end: end.min(size) });
        }
        map
    }

    /// Bytes in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::normalise(self.0.iter().chain(&other.0).copied().collect())
    }

    /// Bytes in this set that `other` lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut map = Self::default();
        let mut cuts = other.0.as_slice();
        for extent in &self.0 {
            let behind = cuts.partition_point(|cut| cut.end <= extent.start);
            cuts = &cuts[behind..];
            let mut start = extent.start;
            for cut in cuts.iter().take_while(|cut| cut.start < extent.end) {
                map.append(Extent { start, end: cut.start });
                start = cut.end;
            }
            map.append(Extent { start, end: extent.end });
        }
        map
    }

    /// The parts inside `range`, in order.
    pub fn within(&self, range: Extent) -> impl Iterator<Item = Extent> + '_ {
        let first = self.0.partition_point(|extent| extent.end <= range.start);
        self.0[first..].iter().map(move |extent| extent.overlap(&range)).take_while(|part| !part.is_empty())
    }

    /// All of `range` in order, split at the borders of the map.
    pub(crate) fn parts(&self, range: Extent) -> impl Iterator<Item = Part> + '_ {
        let mut at = range.start;
        let last = Extent { start: range.end, end: range.end };
        self.within(range).chain(std::iter::once(last)).flat_map(move |data| {
            let hole = Extent { start: at, end: data.start };
            at = data.end;
            let hole = (!hole.is_empty()).then_some(Part::Hole(hole));
            hole.into_iter().chain((!data.is_empty()).then_some(Part::Data(data)))
        })
    }
}

/// Builds a map of data whose memory has a limit. Ranges are widened to multiples of a unit, and the unit grows where
/// there would be too many of them: the map then has some of what lies between them, too, and lacks nothing.
#[derive(Debug)]
pub(crate) struct WideMap {
    map: ExtentMap,
    unit: u64,
    size: u64,
    most: usize,
}

impl WideMap {
    /// Ranges of one map: 8 MiB of memory.
    pub(crate) const MOST_EXTENTS: usize = 512 * 1024;

    /// An empty map of a file of `size` bytes.
    pub(crate) fn new(unit: u64, size: u64) -> Self {
        Self::with_most(unit, size, Self::MOST_EXTENTS)
    }

    fn with_most(unit: u64, size: u64, most: usize) -> Self {
        Self { map: ExtentMap::default(), unit, size, most }
    }

    /// Adds a range that starts at or behind the start of the last one.
    pub(crate) fn append(&mut self, extent: Extent) {
        let start = extent.start / self.unit * self.unit;
        let end = extent.end.checked_next_multiple_of(self.unit).unwrap_or(u64::MAX);
        if !extent.is_empty() {
            self.map.append(Extent { start: start.min(self.size), end: end.min(self.size) });
        }
        while self.map.0.len() > self.most {
            self.unit = self.unit.saturating_mul(2);
            self.map = self.map.align(self.unit, self.size);
        }
    }

    /// The map.
    pub(crate) fn finish(self) -> ExtentMap {
        self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The simple model: the set of bytes itself, in a space small enough to enumerate.
    const SPACE: u64 = 256;

    fn ranges() -> impl Strategy<Value = Vec<Extent>> {
        prop::collection::vec((0..SPACE, 0..40u64), 0..20)
            .prop_map(|pairs| pairs.into_iter().map(|(start, length)| Extent::at(start, length)).collect())
    }

    fn bytes(extents: &[Extent]) -> BTreeSet<u64> {
        extents.iter().flat_map(|extent| extent.start..extent.end).collect()
    }

    fn assert_canonical(map: &ExtentMap) {
        assert!(map.0.iter().all(|extent| !extent.is_empty()));
        assert!(map.0.windows(2).all(|pair| pair[0].end < pair[1].start));
    }

    proptest! {
        #[test]
        fn normalise_keeps_the_bytes(extents in ranges()) {
            let map = ExtentMap::normalise(extents.clone());
            assert_canonical(&map);
            prop_assert_eq!(bytes(map.extents()), bytes(&extents));
            prop_assert_eq!(map.bytes(), bytes(&extents).len() as u64);
        }

        #[test]
        fn union_and_subtract_are_those_of_sets(left in ranges(), right in ranges()) {
            let (a, b) = (ExtentMap::normalise(left), ExtentMap::normalise(right));
            let (in_a, in_b) = (bytes(a.extents()), bytes(b.extents()));
            let (both, rest) = (a.union(&b), a.subtract(&b));
            assert_canonical(&both);
            assert_canonical(&rest);
            prop_assert_eq!(bytes(both.extents()), in_a.union(&in_b).copied().collect());
            prop_assert_eq!(bytes(rest.extents()), in_a.difference(&in_b).copied().collect());
        }

        #[test]
        fn align_covers_whole_units(extents in ranges(), unit in 1..33u64, size in 0..SPACE * 2) {
            let map = ExtentMap::normalise(extents);
            let aligned = map.align(unit, size);
            assert_canonical(&aligned);
            let model: BTreeSet<u64> = bytes(map.extents())
                .iter()
                .flat_map(|byte| byte / unit * unit..(byte / unit + 1) * unit)
                .filter(|byte| *byte < size)
                .collect();
            prop_assert_eq!(bytes(aligned.extents()), model);
        }

        #[test]
        fn within_cuts_at_both_ends(extents in ranges(), start in 0..SPACE, length in 0..SPACE) {
            let (map, range) = (ExtentMap::normalise(extents), Extent::at(start, length));
            let parts: Vec<_> = map.within(range).collect();
            let model: BTreeSet<u64> = bytes(map.extents())
                .into_iter()
                .filter(|byte| (range.start..range.end).contains(byte))
                .collect();
            prop_assert_eq!(bytes(&parts), model);
        }
    }

    proptest! {
        #[test]
        fn a_wide_map_has_its_limit_and_lacks_nothing(extents in ranges(), most in 1..6usize, size in 1..SPACE) {
            let mut wide = WideMap::with_most(2, size, most);
            let map = ExtentMap::normalise(extents);
            map.extents().iter().for_each(|extent| wide.append(*extent));
            let wide = wide.finish();
            assert_canonical(&wide);
            prop_assert!(wide.extents().len() <= most);
            prop_assert!(map.align(2, size).subtract(&wide).extents().is_empty());
            prop_assert!(wide.extents().iter().all(|extent| extent.end <= size));
        }
    }

    #[test]
    fn a_map_within_its_limit_is_exact() {
        let mut wide = WideMap::new(10, 95);
        for extent in [Extent::at(1, 1), Extent::at(12, 0), Extent::at(39, 2), Extent::at(90, 100)] {
            wide.append(extent);
        }
        let expected = [(0, 10), (30, 50), (90, 95)].map(|(start, end)| Extent { start, end });
        assert_eq!(wide.finish().extents(), expected);
    }

    #[test]
    fn the_end_of_the_space_is_no_overflow() {
        let map = ExtentMap::normalise(vec![Extent::at(u64::MAX - 1, 10)]);
        assert_eq!(map.align(4096, u64::MAX).extents()[0].end, u64::MAX);
    }
}
