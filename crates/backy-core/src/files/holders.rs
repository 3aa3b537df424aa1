//! Users of a file or a block device. A target in use is not overwritten, an image in use is not removed.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::{Code, Error, Result};
use crate::files::device::{self, Facts, Kind};
use crate::files::resolve::resolve;
use crate::platform::{self, Holder, HolderKind, Subject};
use crate::sys::fs;

/// Finds the holders of files, without this process, in the order of `paths`. A file that is missing, or that is
/// neither a regular file nor a block device, has no holders; symbolic links are not followed.
#[must_use]
pub fn find_holders(paths: &[PathBuf]) -> Vec<Vec<Holder>> {
    patiently(|| {
        let subjects: Vec<Option<Subject>> = paths.iter().map(|path| subject_at(path)).collect();
        let suspects: Vec<&Subject> = subjects.iter().flatten().collect();
        let mut found = platform::find_holders(&suspects).into_iter();
        let of = |subject: &Option<Subject>| subject.as_ref().and_then(|_| found.next()).unwrap_or_default();
        subjects.iter().map(of).collect()
    })
}

/// Refuses a target that another process has open.
///
/// # Errors
/// [`Code::TargetBusy`] naming the holders.
pub(crate) fn refuse_held(file: &File, path: &Path) -> Result<()> {
    let holders = patiently(|| vec![holders_of(file)]).remove(0);
    if holders.is_empty() { Ok(()) } else { Err(busy(path, holders)) }
}

/// Refuses a stream that leads to a file or device in use. Processes do not count: a shell that redirects its own
/// output has the same file open.
///
/// # Errors
/// [`Code::TargetBusy`] naming the holders.
pub(crate) fn refuse_attached(file: &File, path: &Path) -> Result<()> {
    let of_processes = [HolderKind::Process, HolderKind::Unseen];
    let mut holders = claims_on_device(file)?;
    for holder in holders_of(file) {
        if !of_processes.contains(&holder.kind) && !holders.contains(&holder) {
            holders.push(holder);
        }
    }
    if holders.is_empty() { Ok(()) } else { Err(busy(path, holders)) }
}

/// The error for a target that is in use.
pub(crate) fn busy(path: &Path, holders: Vec<Holder>) -> Error {
    Error { holders, ..Error::new(Code::TargetBusy).at(path) }
}

/// The holders of a file or device that this process cannot open for writing.
pub(crate) fn holders_at(path: &Path) -> Vec<Holder> {
    device::open_source(path).map(|file| holders_of(&file)).unwrap_or_default()
}

const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again while there are holders: services open devices for a moment, and so do indexers with files.
fn patiently(look: impl Fn() -> Vec<Vec<Holder>>) -> Vec<Vec<Holder>> {
    let mut found = look();
    for _ in 1..ATTEMPTS {
        if found.iter().all(Vec::is_empty) {
            break;
        }
        std::thread::sleep(PAUSE);
        found = look();
    }
    found
}

/// The kernel's own uses of an open block device. A file has none.
fn claims_on_device(file: &File) -> Result<Vec<Holder>> {
    let path = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
    let is_device = matches!(device::facts(file, &path)?, Some(Facts { kind: Kind::Device, .. }));
    let opened = is_device.then(|| device::open_exclusively(&resolve(&path)?, OFlags::RDONLY));
    match opened {
        Some(Err(error)) if error.errno == Some(Errno::BUSY) => Ok(platform::claims_on(&path)),
        _ => Ok(Vec::new()),
    }
}

/// The holders of an open file, without this process.
pub(crate) fn holders_of(file: &File) -> Vec<Holder> {
    let Some(subject) = Subject::of(file) else { return Vec::new() };
    platform::find_holders(&[&subject]).pop().unwrap_or_default()
}

/// A file that cannot be opened is no error here: the next step meets that error.
fn subject_at(path: &Path) -> Option<Subject> {
    fs::open_plain(path).ok().and_then(|file| Subject::of(&file))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A process with the file open, reading or writing, until it is dropped.
    struct Opener(Child);

    impl Opener {
        fn start(path: &Path, redirection: &str) -> Self {
            let script = format!("exec 3{redirection}\"$1\"; echo; exec sleep 60");
            let mut child = Command::new("sh")
                .args(["-c", &script, "sh"])
                .arg(path)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // It has the file open once it has printed a line.
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
            Self(child)
        }
    }

    impl Drop for Opener {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_process_that_reads_or_writes_is_found_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let (held, free) = (directory.path().join("held"), directory.path().join("free"));
        for path in [&held, &free] {
            std::fs::write(path, [1; 1000]).unwrap();
        }
        let paths = [free, held, directory.path().join("missing")];
        for redirection in ["<", ">>"] {
            let opener = Opener::start(&paths[1], redirection);
            let found = find_holders(&paths);
            let [Holder { kind, pid, .. }] = found[1].as_slice() else { panic!("{found:?}") };
            assert_eq!((*kind, *pid), (HolderKind::Process, Some(opener.0.id())));
            assert!(found[0].is_empty() && found[2].is_empty());
        }
        assert!(find_holders(&paths).iter().all(Vec::is_empty));
    }

    #[test]
    fn this_process_is_no_holder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let _again = file.reopen().unwrap();
        assert!(find_holders(&[file.path().to_owned()])[0].is_empty());
        refuse_held(file.as_file(), file.path()).unwrap();
    }

    #[test]
    fn links_and_directories_have_no_holders() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        let _opener = Opener::start(&file, "<");
        assert!(find_holders(&[link, directory.path().to_owned()]).iter().all(Vec::is_empty));
    }
}
