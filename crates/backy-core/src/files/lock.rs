//! Locks that a crash cannot leave behind: flock(2) on a file that is never removed.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::ownership::give_to_owner;
use crate::files::unfit::refuse_unfit;
use crate::platform;
use crate::sys::{fs, io};

/// The number of processes that may hold a lock at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// One.
    Exclusive,
    /// Any number, while nobody holds it exclusively.
    Shared,
}

/// A held lock. Dropping it, or dying, releases it.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock without waiting, and creates its file if it is missing. An exclusive holder writes its pid into
    /// the file, for the error message of the next process.
    ///
    /// # Errors
    /// [`Code::Locked`] with the holder if it is known; [`Code::FileUnfit`] for a file that is not a plain one, or has
    /// another name; [`Code::Io`].
    pub fn acquire(path: &Path, mode: LockMode) -> Result<Self> {
        let file = open_or_create(path)?;
        refuse_unfit(&file, path)?;
        let operation = match mode {
            LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
            LockMode::Shared => FlockOperation::NonBlockingLockShared,
        };
        match io::retry_on_intr(|| fs::flock(&file, operation)) {
            Err(Errno::WOULDBLOCK) => {
                return Err(locked(&file, path));
            }
            result => result.on("flock", path)?,
        }
        if mode == LockMode::Exclusive {
            // The lock holds without the note, too: it must work on a full disk.
            let _ = note_holder(&file);
        }
        Ok(Self { _file: file })
    }
}

/// Opens the file of a lock. Only a new file is given to the owner of the directory: an existing one may be a second
/// name of any other file.
fn open_or_create(path: &Path) -> Result<File> {
    // CLOEXEC: a child must not keep the lock of a killed parent.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    loop {
        match fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            result => return Ok(result.on("open", path)?.into()),
        }
        match fs::open(path, flags | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR) {
            // Another process was faster.
            Err(Errno::EXIST) => {}
            result => {
                let file = result.on("open", path)?.into();
                give_to_owner(&file, path)?;
                return Ok(file);
            }
        }
    }
}

/// The kernel is asked first who holds a lock, and the note in the file then: every reader of the file can hold it.
fn locked(file: &File, path: &Path) -> Error {
    let holders = platform::find_lockers(file);
    let pid = holders.first().map_or_else(|| noted_holder(file), |holder| holder.pid);
    Error { pid, holders, ..Error::new(Code::Locked).at(path) }
}

fn note_holder(file: &File) -> io::Result<()> {
    fs::ftruncate(file, 0)?;
    io::pwrite(file, format!("{}\n", std::process::id()).as_bytes(), 0)?;
    Ok(())
}

/// The pid in the file, if that process lives. The note may be older than the lock, because other tools write none.
fn noted_holder(file: &File) -> Option<u32> {
    let mut text = [0; 16];
    let length = io::pread(file, &mut text, 0).ok()?;
    let pid: u32 = std::str::from_utf8(&text[..length]).ok()?.trim().parse().ok()?;
    let process = rustix::process::Pid::from_raw(pid.try_into().ok()?)?;
    let alive = !matches!(rustix::process::test_kill_process(process), Err(Errno::SRCH));
    alive.then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_writer_learns_the_pid_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".backup");
        let held = FileLock::acquire(&path, LockMode::Exclusive).unwrap();
        for mode in [LockMode::Exclusive, LockMode::Shared] {
            let error = FileLock::acquire(&path, mode).unwrap_err();
            assert_eq!((error.code, error.pid), (Code::Locked, Some(std::process::id())));
        }
        drop(held);
        assert!(path.exists(), "the file stays");
        FileLock::acquire(&path, LockMode::Exclusive).unwrap();
    }

    #[test]
    fn readers_share() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".purge");
        let _first = FileLock::acquire(&path, LockMode::Shared).unwrap();
        let _second = FileLock::acquire(&path, LockMode::Shared).unwrap();
        assert_eq!(FileLock::acquire(&path, LockMode::Exclusive).unwrap_err().code, Code::Locked);
    }

    /// The file of a lock is written to, and a second name of an image would be a way to write to that.
    #[test]
    fn a_second_name_of_an_image_is_neither_locked_nor_written() {
        let directory = tempfile::tempdir().unwrap();
        let (path, image) = (directory.path().join(".backup"), directory.path().join("image"));
        std::fs::write(&image, "the bytes of a guest").unwrap();
        std::fs::hard_link(&image, &path).unwrap();
        for mode in [LockMode::Exclusive, LockMode::Shared] {
            assert_eq!(FileLock::acquire(&path, mode).unwrap_err().code, Code::FileUnfit);
        }
        assert_eq!(std::fs::read(&image).unwrap(), b"the bytes of a guest");
        std::fs::remove_file(&path).unwrap();
        FileLock::acquire(&path, LockMode::Exclusive).unwrap();
    }

    #[test]
    fn a_planted_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".backup");
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert_eq!(FileLock::acquire(&path, LockMode::Exclusive).unwrap_err().errno, Some(Errno::LOOP));
    }
}
