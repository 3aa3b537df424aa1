//! Memory that the kernel takes for direct I/O.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Alignment that satisfies every logical sector in use (512 and 4096 bytes).
pub(crate) const ALIGNMENT: usize = 4096;

/// A fixed piece of page-aligned memory, reused for all reads of one thread.
pub(crate) struct Buffer {
    memory: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a Buffer owns its memory alone, like a Box<[u8]>.
unsafe impl Send for Buffer {}

impl Buffer {
    /// `size` bytes of zeros, rounded up to the alignment.
    pub(crate) fn new(size: usize) -> Self {
        let size = size.next_multiple_of(ALIGNMENT).max(ALIGNMENT);
        let layout = Layout::from_size_align(size, ALIGNMENT).expect("a small size and a power of two");
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout));
        Self { memory, layout }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the memory is ours, initialised, and this long.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_aligned_and_zero() {
        let buffer = Buffer::new(5000);
        assert_eq!(buffer.len(), 8192);
        assert_eq!(buffer.as_ptr() as usize % ALIGNMENT, 0);
        assert!(buffer.iter().all(|byte| *byte == 0));
    }
}
