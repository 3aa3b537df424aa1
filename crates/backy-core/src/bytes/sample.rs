//! The blocks that are read although no hint names them.

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::extent::Extent;

/// Which of the blocks that no hint names are read all the same: in `runs` runs each has had its turn, so that a
/// hint that is wrong, or rot that is inherited, does not stay unnoticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// After how many runs it starts over; 0 for no sample at all.
    pub runs: u32,
    /// Which of them this is; larger numbers start over.
    pub run: u32,
}

impl Sample {
    /// Every block.
    pub(crate) const ALL: Self = Self { runs: 1, run: 0 };

    /// Whether a block is in it.
    pub(crate) fn has(self, block: Extent) -> bool {
        let number = block.start / BLOCK_SIZE as u64;
        self.runs > 0 && number % u64::from(self.runs) == u64::from(self.run % self.runs)
    }

    /// About how many of so many bytes are in it.
    pub(crate) fn share_of(self, bytes: u64) -> u64 {
        bytes.checked_div(u64::from(self.runs)).unwrap_or(0)
    }
}
