//! New files that share the blocks of another one, or the reason why they cannot.

use std::fs::File;
use std::path::Path;

use rustix::fd::BorrowedFd;
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::platform::{self, Filesystem};
use crate::work::control::Control;

/// The outcome of an attempt to clone.
pub(crate) enum Cloned {
    /// The new file. It shares all blocks with the other one.
    Shared(File),
    /// The two places cannot share blocks. Nothing is left behind.
    Refused(Refusal),
}

/// The reason why blocks cannot be shared.
pub(crate) struct Refusal {
    pub errno: Errno,
    /// The same in words.
    pub reason: String,
}

/// Creates `to`, whose name must be free, as a clone of `from`, for an image, an index or a snapshot.
///
/// # Errors
/// [`crate::Code::Io`] for failures that must not quietly turn into a full copy, such as a full disk;
/// [`crate::Code::Cancelled`]. Nothing is left behind.
pub(crate) fn clone_file(from: &File, to: &Path, control: &Control) -> Result<Cloned> {
    clone_file_at(from, CWD, to, control)
}

/// The same for a name in an open directory.
pub(crate) fn clone_file_at(
    from: &File,
    directory: BorrowedFd<'_>,
    to: &Path,
    control: &Control,
) -> Result<Cloned> {
    judge(platform::create_clone(from, directory, to, &|time| control.pause(time)), from, to, control)
}

/// The same for a file that guests write to.
pub(crate) fn clone_for_guest(
    from: &File,
    directory: BorrowedFd<'_>,
    to: &Path,
    control: &Control,
) -> Result<Cloned> {
    judge(platform::create_plain_clone(from, directory, to, &|time| control.pause(time)), from, to, control)
}

fn judge(
    result: std::result::Result<File, Errno>,
    from: &File,
    to: &Path,
    control: &Control,
) -> Result<Cloned> {
    match result {
        Ok(file) => Ok(Cloned::Shared(file)),
        Err(errno) if never_clones(errno) => {
            // Cancelling ends the wait for a filesystem that was not ready.
            control.check()?;
            let filesystem = platform::filesystem(from).on("fstatfs", to)?;
            Ok(Cloned::Refused(Refusal { errno, reason: no_reflink(&filesystem, errno) }))
        }
        Err(errno) => Err(Error::io("ioctl_ficlone", to, errno)),
    }
}

/// Whether a failed clone means that the two places cannot share blocks. Other failures, such as a full or broken disk,
/// must not quietly turn into a full copy. EINVAL comes from btrfs between files with and without checksums, and from
/// ZFS for a range that is not aligned to its records. EAGAIN comes from ZFS when patience has ended.
pub(crate) fn never_clones(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS | Errno::AGAIN
    )
}

/// The reason, in words, why blocks cannot be shared.
fn no_reflink(filesystem: &Filesystem, errno: Errno) -> String {
    let name = &filesystem.name;
    match errno {
        Errno::XDEV if name == "zfs" => format!("{name} does not clone from one dataset to another"),
        Errno::XDEV => format!("{name} does not clone from one filesystem to another"),
        Errno::INVAL => format!("{name} does not clone between files with and without checksums"),
        Errno::AGAIN => {
            format!("{name} did not finish writing the file in time, and clones only what it has written")
        }
        _ if name == "zfs" => {
            format!("{name} clones no blocks here, for which it needs OpenZFS 2.2 and zfs_bclone_enabled=1")
        }
        _ => format!("{name} has no reflinks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::{WriteOptions, WriteStats};
    use crate::backup::write::write_image;
    use crate::error::Code;
    use crate::fault_tests::scratch::Scratch;
    use crate::sys::faults::{Call, Fault, Injection, watch};

    /// Makes the first call of this name fail with EAGAIN, or all of them.
    fn with_early<T>(name: &str, lasting: bool, work: impl Fn() -> T, clean: impl Fn()) -> (T, Vec<Call>) {
        let (_, calls) = watch(None, &work);
        clean();
        let at = calls.iter().position(|call| call.name == name).expect("such a call");
        watch(Some(Injection { at, fault: Fault::Fails(Errno::AGAIN), lasting }), work)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn data_that_is_not_written_yet_is_cloned_later() {
        let scratch = Scratch::new();
        let directory = scratch.directory("clone");
        let (from, to) = (directory.join("from"), directory.join("to"));
        std::fs::write(&from, vec![7; 300_000]).unwrap();
        let source = File::open(&from).unwrap();
        let clone = || clone_file(&source, &to, &Control::default()).unwrap();
        let (cloned, calls) = with_early("ioctl_ficlone", false, clone, || {
            let _ = std::fs::remove_file(&to);
        });
        let attempts = calls.iter().filter(|call| call.name == "ioctl_ficlone").count();
        assert_eq!(attempts, 2);
        match cloned {
            Cloned::Shared(_) => assert_eq!(std::fs::read(&to).unwrap(), vec![7; 300_000]),
            // Without root, the directory may lie on any filesystem.
            Cloned::Refused(refusal) => assert_eq!(refusal.errno, Errno::OPNOTSUPP),
        }
    }

    #[test]
    fn cancelling_ends_the_wait_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        std::fs::write(&from, "from").unwrap();
        let control = Control::default();
        control.cancel();
        let clone = || clone_file(&File::open(&from).unwrap(), &to, &control).map(|_| ());
        let (result, _) = with_early("ioctl_ficlone", true, clone, || {
            let _ = std::fs::remove_file(&to);
        });
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
        assert_eq!(names(directory.path()), ["from"]);
    }

    /// If ZFS is never ready, the revision shares nothing and says why. It is refused if it must share.
    #[test]
    fn data_that_is_never_written_is_copied_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("source"), vec![7; 300_000]).unwrap();
        let options = |name: &str| WriteOptions {
            source: path("source").into(),
            image: path(name),
            index: path(&format!("{name}.hashes")),
            ..WriteOptions::default()
        };
        let clean = |name: &str| {
            let _ = std::fs::remove_file(path(name));
            let _ = std::fs::remove_file(path(&format!("{name}.hashes")));
        };
        let write = |options: &WriteOptions, name: &str| {
            let write = || write_image(options, &Control::default());
            with_early("ioctl_ficlone", true, write, || clean(name)).0
        };
        let expect_copy = |stats: &WriteStats, name: &str| {
            let reason = stats.unshared.as_deref().expect("a reason");
            assert!(reason.contains("did not finish writing the file in time"), "{reason}");
            assert_eq!(std::fs::read(path(name)).unwrap(), std::fs::read(path("source")).unwrap());
        };
        let first = write(&options("first"), "first").unwrap();
        expect_copy(&first, "first");
        let with_parent = WriteOptions {
            parent_image: Some(path("first")),
            parent_index: Some(path("first.hashes")),
            parent_digest: Some(first.digest),
            ..options("second")
        };
        expect_copy(&write(&with_parent, "second").unwrap(), "second");
        let (image, index) = (path("third"), path("third.hashes"));
        let insisting = WriteOptions { image, index, require_reflink: true, ..with_parent };
        // Without the fault it may be refused as well, for a reason of this filesystem.
        let error = write(&insisting, "third").unwrap_err();
        assert_eq!(error.code, Code::ReflinkUnsupported);
        assert!(error.detail.unwrap().contains("did not finish writing the file in time"));
        assert!(!path("third").exists());
    }
}
