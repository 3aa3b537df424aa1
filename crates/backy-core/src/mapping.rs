//! Hashing through a memory map that cannot kill the process.
//!
//! A mapped page that cannot be had (the file was truncated, a sector is bad) raises SIGBUS in the thread that
//! touches it. Here the handler puts a page of zeros in its place, notes where, and lets the thread go on;
//! the note turns the block into an error. Nothing is unwound from the handler, so whatever code was reading,
//! the vector code of BLAKE3 included, is left in a sane state.

use std::cell::Cell;
use std::fs::File;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use memmap2::{Mmap, MmapOptions};

use crate::extent::Extent;

/// Bytes mapped at a time by one thread; resident memory does not grow with the image.
pub(crate) const WINDOW_SIZE: usize = 4 * 1024 * 1024;

/// The window that the current thread watches over, and the first fault in it.
#[derive(Clone, Copy)]
struct Watch {
    start: usize,
    end: usize,
    fault: Option<usize>,
}

thread_local! {
    // Constant and without a destructor: the signal handler may read it at any time.
    static WATCH: Cell<Watch> = const { Cell::new(Watch { start: 0, end: 0, fault: None }) };
}

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// A range of a file in memory, guarded on the thread that made it.
pub(crate) struct Window {
    map: Mmap,
    start: usize,
}

impl Window {
    /// Maps a range that starts on a page boundary. One window per thread at a time.
    pub(crate) fn map(file: &File, range: Extent) -> std::io::Result<Self> {
        PREVIOUS.get_or_init(install);
        let length = usize::try_from(range.len()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        // SAFETY: the bytes may change or vanish under the map. They are only hashed, any value is as good
        // as another, and a fault is caught by the watch set below.
        let map = unsafe { MmapOptions::new().offset(range.start).len(length).map(file)? };
        let start = map.as_ptr().addr();
        WATCH.set(Watch { start, end: start.saturating_add(length), fault: None });
        populate(&map);
        Ok(Self { map, start })
    }

    /// What `look` finds in a part of the window, counted from the window's start; or the offset, counted
    /// likewise, of the first byte that could not be had.
    pub(crate) fn look<T>(&self, part: Extent, look: impl FnOnce(&[u8]) -> T) -> Result<T, u64> {
        let within = |at: u64| usize::try_from(at).expect("inside the window");
        let result = look(&self.map[within(part.start)..within(part.end)]);
        let watch = WATCH.get();
        WATCH.set(Watch { fault: None, ..watch });
        match watch.fault {
            None => Ok(result),
            Some(address) => Err((address - self.start) as u64),
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        WATCH.set(Watch { start: 0, end: 0, fault: None });
    }
}

/// Fills the page tables in one call; a page fault for each 4 KiB costs more than hashing it.
#[cfg(target_os = "linux")]
fn populate(map: &Mmap) {
    // An error (EFAULT for a bad page, EINVAL before Linux 5.14) only means that faults do the work.
    let _ = map.advise(memmap2::Advice::PopulateRead);
}

#[cfg(not(target_os = "linux"))]
fn populate(_map: &Mmap) {}

/// Puts the handler in place and returns what was there before.
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
    let watch = WATCH.get();
    if !(watch.start..watch.end).contains(&address) {
        hand_on(signal);
        return;
    }
    let page_size = rustix::param::page_size();
    let page = address / page_size * page_size;
    // SAFETY: replaces one page inside a private read-only map of ours by zeros.
    let result = unsafe {
        libc::mmap(
            ptr::with_exposed_provenance_mut(page),
            page_size,
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
    WATCH.set(Watch { fault: Some(watch.fault.map_or(address, |first| first.min(address))), ..watch });
}

/// Not ours: puts the previous handler back, and the faulting instruction meets it when it runs again.
fn hand_on(signal: libc::c_int) {
    let mut default = MaybeUninit::<libc::sigaction>::zeroed();
    let previous = PREVIOUS.get().map_or(default.as_mut_ptr().cast_const(), ptr::from_ref);
    // SAFETY: the pointer is valid; all-zero bytes mean the default action.
    unsafe { libc::sigaction(signal, previous, ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Hash;
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
        // The page of zeros stays in its place, later looks elsewhere are not affected.
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
