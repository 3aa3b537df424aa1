//! Blocks, put together from the ranges that a stream mentions.
//!
//! A stream may mention ranges in any order and of any size. Usually it goes from front to back, so one block at a time
//! is put together. A block that comes back is put together once more.

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::error::Result;

/// The receiver of blocks.
pub(crate) trait Assemble {
    /// Fills `bytes` with the old bytes of the block. `piece` is the first part that the stream mentions: its bytes do
    /// not matter.
    fn begin(&mut self, block: Extent, piece: Extent, bytes: &mut Buffer) -> Result<()>;

    /// Takes a complete block.
    fn end(&mut self, block: Extent, bytes: &[u8]) -> Result<()>;
}

/// The block that is being put together.
pub(crate) struct Assembly {
    /// Size of the disk in bytes. Its last block ends there.
    size: u64,
    block: Option<Extent>,
    bytes: Buffer,
}

impl Assembly {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, block: None, bytes: Buffer::new(BLOCK_SIZE) }
    }

    /// Returns the place of a piece of one block, for the caller to fill. All other bytes of the block are set already.
    pub(crate) fn piece(&mut self, piece: Extent, receiver: &mut impl Assemble) -> Result<&mut [u8]> {
        let block = block_at(piece.start, self.size);
        if self.block != Some(block) {
            self.flush(receiver)?;
            receiver.begin(block, piece, &mut self.bytes)?;
            self.block = Some(block);
        }
        Ok(&mut self.bytes[within(block, piece.start)..within(block, piece.end)])
    }

    /// Hands over the block, if there is one.
    pub(crate) fn flush(&mut self, receiver: &mut impl Assemble) -> Result<()> {
        match self.block.take() {
            Some(block) => receiver.end(block, &self.bytes[..within(block, block.end)]),
            None => Ok(()),
        }
    }
}

/// The block at an offset of a disk of `size` bytes.
pub(crate) fn block_at(offset: u64, size: u64) -> Extent {
    let start = offset / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
    Extent::at(start, BLOCK_SIZE as u64).overlap(&Extent { start: 0, end: size })
}

/// A range in pieces of one block each.
pub(crate) fn pieces_of(extent: Extent) -> impl Iterator<Item = Extent> {
    let mut at = extent.start;
    std::iter::from_fn(move || {
        let piece = Extent { start: at, end: block_at(at, extent.end).end };
        at = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The place of a byte in its block.
pub(crate) fn within(block: Extent, at: u64) -> usize {
    usize::try_from(at - block.start).expect("inside the block")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = BLOCK_SIZE as u64;

    /// A disk of sevens, and the blocks that were handed over.
    #[derive(Default)]
    struct Blocks(Vec<(Extent, Vec<u8>)>);

    impl Assemble for Blocks {
        fn begin(&mut self, _: Extent, _: Extent, bytes: &mut Buffer) -> Result<()> {
            bytes.fill(7);
            Ok(())
        }

        fn end(&mut self, block: Extent, bytes: &[u8]) -> Result<()> {
            self.0.push((block, bytes.to_vec()));
            Ok(())
        }
    }

    #[test]
    fn blocks_are_put_together_and_the_last_one_is_short() {
        let size = 2 * BLOCK + 10;
        let (mut assembly, mut blocks) = (Assembly::new(size), Blocks::default());
        for piece in pieces_of(Extent { start: BLOCK - 2, end: BLOCK + 3 }) {
            assembly.piece(piece, &mut blocks).unwrap().fill(1);
        }
        assembly.piece(Extent { start: BLOCK + 5, end: BLOCK + 6 }, &mut blocks).unwrap().fill(2);
        assembly.piece(Extent { start: size - 1, end: size }, &mut blocks).unwrap().fill(3);
        assembly.flush(&mut blocks).unwrap();
        assembly.flush(&mut blocks).unwrap();
        let extents: Vec<Extent> = blocks.0.iter().map(|(block, _)| *block).collect();
        assert_eq!(extents, [Extent::at(0, BLOCK), Extent::at(BLOCK, BLOCK), Extent::at(2 * BLOCK, 10)]);
        assert_eq!(blocks.0[0].1[BLOCK_SIZE - 3..], [7, 1, 1]);
        assert_eq!(blocks.0[1].1[..7], [1, 1, 1, 7, 7, 2, 7]);
        assert_eq!(blocks.0[2].1, [7, 7, 7, 7, 7, 7, 7, 7, 7, 3]);
    }
}
