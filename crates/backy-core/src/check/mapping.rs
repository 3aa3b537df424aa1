//! Hashing through a memory map that cannot kill the process.
//!
//! A mapped page of a truncated file or a bad sector raises SIGBUS in the thread that touches it. The handler replaces
//! the rest of the block by zeros, notes the address, and lets the thread continue. The note turns the block into an
//! error. It replaces the whole rest, because a failing disk may try each page for seconds. The handler unwinds
//! nothing, so the interrupted code stays in a sane state, also the vector code of BLAKE3.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicUsize, compiler_fence};

use memmap2::{Mmap, MmapOptions};
use rustix::io::Errno;

use crate::bytes::extent::Extent;
use crate::sys;

/// Bytes that one thread maps at a time. Resident memory does not grow with the image.
pub(crate) const WINDOW_SIZE: usize = 4 * 1024 * 1024;

/// The addresses that the current thread reads, and the first fault among them. They are atomic and fenced, because the
/// handler interrupts between any two instructions.
struct Watch {
    start: AtomicUsize,
    end: AtomicUsize,
    /// [`NO_FAULT`] if there is none.
    fault: AtomicUsize,
}

const NO_FAULT: usize = usize::MAX;

thread_local! {
    // Constant and without a destructor: the signal handler may use it at any time.
    static WATCH: Watch = const {
        Watch { start: AtomicUsize::new(0), end: AtomicUsize::new(0), fault: AtomicUsize::new(NO_FAULT) }
    };
}

impl Watch {
    /// Runs `look` on `bytes`. Returns also the first address that faulted.
    fn over<T>(&self, bytes: &[u8], look: impl FnOnce(&[u8]) -> T) -> (T, Option<usize>) {
        let start = bytes.as_ptr().addr();
        self.start.store(start, Relaxed);
        self.end.store(start + bytes.len(), Relaxed);
        compiler_fence(SeqCst);
        let result = look(bytes);
        compiler_fence(SeqCst);
        self.end.store(0, Relaxed);
        let fault = self.fault.swap(NO_FAULT, Relaxed);
        (result, (fault != NO_FAULT).then_some(fault))
    }
}

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// A range of a file in memory.
pub(crate) struct Window(Mmap);

impl Window {
    /// Maps a range that starts on a page boundary.
    pub(crate) fn map(file: &File, range: Extent) -> Result<Self, Errno> {
        PREVIOUS.get_or_init(install);
        let length = usize::try_from(range.len()).map_err(|_| Errno::INVAL)?;
        let map = sys::call("mmap", || {
            // SAFETY: the bytes may change or vanish under the map. They are only hashed, so any value is fine, and
            // look() handles faults.
            let map = unsafe { MmapOptions::new().offset(range.start).len(length).map(file) };
            map.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?;
        Ok(Self(map))
    }

    /// Calls `look` on a part of the window, whose offsets count from the start of the window. Fails with the offset of
    /// the first byte that could not be read, counted likewise. From there on that part reads as zeros until the window
    /// is gone.
    pub(crate) fn look<T>(&self, part: Extent, look: impl FnOnce(&[u8]) -> T) -> Result<T, u64> {
        let within = |at: u64| usize::try_from(at).expect("inside the window");
        let bytes = &self.0[within(part.start)..within(part.end)];
        let (result, fault) = WATCH.with(|watch| watch.over(bytes, look));
        fault.map_or(Ok(result), |address| Err((address - self.0.as_ptr().addr()) as u64))
    }
}

/// Installs the handler. Returns the previous one.
fn install() -> libc::sigaction {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all-zero bytes are a valid sigaction.
    let mut action = unsafe { action.assume_init() };
    let mut previous = action;
    action.sa_sigaction = on_bus_error as *const () as libc::sighandler_t;
    // ONSTACK: threads of other languages may run on small stacks.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: both pointers are valid; the handler only does what signal-safety(7) allows. It cannot fail:
    // SIGBUS may be caught.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, &raw mut previous) };
    previous
}

extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler.
    let info = unsafe { &*info };
    // SAFETY: a SIGBUS that a thread caused comes with an address.
    let address = unsafe { info.si_addr() }.addr();
    let (start, end) = WATCH.with(|watch| (watch.start.load(Relaxed), watch.end.load(Relaxed)));
    if !(start..end).contains(&address) {
        hand_on(signal);
        return;
    }
    let page_size = rustix::param::page_size();
    let page = address / page_size * page_size;
    // SAFETY: replaces pages inside a read-only map of ours by zeros. The last one may reach behind the block,
    // into pages of the same map or, at its end, into the rest of its last page.
    let result = unsafe {
        libc::mmap(
            ptr::with_exposed_provenance_mut(page),
            end - page,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    if result == libc::MAP_FAILED {
        hand_on(signal);
        return;
    }
    WATCH.with(|watch| watch.fault.fetch_min(address, Relaxed));
}

/// Reinstalls the previous handler for a fault that is not ours. The faulting instruction runs again and meets it.
fn hand_on(signal: libc::c_int) {
    let mut default = MaybeUninit::<libc::sigaction>::zeroed();
    let previous = PREVIOUS.get().map_or(default.as_mut_ptr().cast_const(), ptr::from_ref);
    // SAFETY: the pointer is valid; all-zero bytes mean the default action.
    unsafe { libc::sigaction(signal, previous, ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::block::Hash;
    use std::io::Write;

    fn file_of(length: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![7; length]).unwrap();
        file
    }

    #[test]
    fn a_window_shows_the_bytes_of_the_file() {
        let file = file_of(100_000);
        let window = Window::map(file.as_file(), Extent { start: 8192, end: 100_000 }).unwrap();
        assert_eq!(window.look(Extent::at(0, 5), <[u8]>::to_vec), Ok(vec![7; 5]));
        assert_eq!(window.look(Extent::at(100, 50), Hash::of), Ok(Hash::of(&[7; 50])));
    }

    #[test]
    fn a_file_truncated_under_the_hash_is_an_error_with_its_offset() {
        let file = file_of(1 << 20);
        let window = Window::map(file.as_file(), Extent::at(0, 1 << 20)).unwrap();
        assert!(window.look(Extent::at(0, 1 << 20), Hash::of).is_ok());
        file.as_file().set_len(300_000).unwrap();
        // 300,000 lies in the page that ends at 303,104: the bytes behind the end are zeros, then faults.
        assert_eq!(window.look(Extent::at(0, 262_144), Hash::of), Ok(Hash::of(&vec![7; 262_144])));
        assert_eq!(window.look(Extent::at(262_144, 262_144), Hash::of), Err(303_104));
        // The zeros stay, and other parts are not affected.
        assert_eq!(window.look(Extent::at(0, 4096), Hash::of), Ok(Hash::of(&[7; 4096])));
    }

    #[test]
    fn truncated_while_threads_hash_it() {
        let file = file_of(8 << 20);
        let reached = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let window = Window::map(file.as_file(), Extent::at(0, 4 << 20)).unwrap();
                        (0..).find_map(|_| window.look(Extent::at(0, 4 << 20), Hash::of).err())
                    })
                })
                .collect();
            file.as_file().set_len(1 << 20).unwrap();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        // A thread may be anywhere behind the new end when it first touches a page that is gone.
        assert!(reached.iter().all(|at| at.is_some_and(|at| at >= 1 << 20)), "{reached:?}");
    }
}
