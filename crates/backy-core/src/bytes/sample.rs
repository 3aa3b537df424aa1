//! The blocks that are read although no hint names them.

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::extent::Extent;

/// A choice of blocks. In `runs` runs each block has its turn, so a wrong hint or inherited rot does not stay
/// unnoticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Number of runs after which it starts over; 0 for no sample at all.
    pub runs: u32,
    /// Number of this run; larger numbers start over.
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

    /// The approximate share of `bytes` in it.
    pub(crate) fn share_of(self, bytes: u64) -> u64 {
        bytes.checked_div(u64::from(self.runs)).unwrap_or(0)
    }
}
