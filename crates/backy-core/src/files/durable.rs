//! Small files that are complete after a power cut, or missing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fd::BorrowedFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::identity::stranger;
use crate::files::names::{directory_of, temporary_beside};
use crate::files::ownership::{give_link_to_owner, give_to_owner};
use crate::platform;
use crate::sys::io::Appending;
use crate::sys::{fs, io};

/// Treatment of a name that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The new file takes its place.
    Replace,
    /// Fails with `EEXIST`.
    Keep,
}

/// Writes a small file: temporary name, fsync, rename, fsync of the directory. Readers see the old file or the new one,
/// also after a power cut.
///
/// # Errors
/// [`crate::Code::Io`]; nothing changed then.
pub fn write_file(path: &Path, contents: &[u8], mode: u32, existing: Existing) -> Result<()> {
    write_file_by(path, mode, existing, |file| file.write_all(contents))
}

/// The same for contents that `write` produces.
pub(crate) fn write_file_by(
    path: &Path,
    mode: u32,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let mut draft = Draft::create(path)?;
    write(&mut draft).on("write", path)?;
    draft.finish(mode, existing)
}

/// A small file in the making. It has another name until it is complete, and is removed if it is dropped before.
pub(crate) struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
}

impl Draft {
    /// Starts on the file `path`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let temporary = temporary_beside(path);
        let file = platform::create(&temporary).on("open", path)?;
        Ok(Self { path: path.to_owned(), temporary, file: Some(file) })
    }

    /// Makes it durable, gives it its name, and makes that durable.
    pub(crate) fn finish(mut self, mode: u32, existing: Existing) -> Result<()> {
        let result = self.seal(mode).and_then(|()| rename(&self.temporary, &self.path, existing));
        if result.is_err() {
            self.discard();
        }
        // The error names the file as the caller did, not by its temporary name.
        result.map_err(|error| error.at(&self.path)).and_then(|()| sync_directory_of(&self.path))
    }

    fn seal(&mut self, mode: u32) -> Result<()> {
        let path = &self.temporary;
        let file = self.file.take().expect("not finished yet");
        // The type of a mode differs between systems; the value is small.
        #[allow(clippy::useless_conversion, reason = "u16 on macOS")]
        let mode = mode.try_into().map_err(|_| Error::io("fchmod", path, Errno::INVAL))?;
        let mode = Mode::from_raw_mode(mode);
        fs::fchmod(&file, mode).on("fchmod", path)?;
        give_to_owner(&file, path)?;
        platform::sync(&file).on("fsync", path)?;
        close(file, path)
    }

    fn discard(&self) {
        // A failure does not matter: the next purge removes files with such names.
        let _ = fs::unlink(&self.temporary);
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Appending(self.file.as_ref().expect("not finished yet")).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.discard();
        }
    }
}

/// Points symbolic links of one directory at their targets, one after the other. It replaces existing links, and makes
/// all of them durable with one fsync.
///
/// # Errors
/// [`crate::Code::Io`]; some of the links may have been replaced then, and every one is whole.
pub fn replace_links(links: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (path, target) in links {
        let temporary = temporary_beside(path);
        fs::symlink(target, &temporary).on("symlink", path)?;
        let given = give_link_to_owner(&temporary).map_err(|error| error.at(path));
        given.and_then(|()| rename(&temporary, path, Existing::Replace)).inspect_err(|_| {
            let _ = fs::unlink(&temporary);
        })?;
    }
    links.first().map_or(Ok(()), |(path, _)| sync_directory_of(path))
}

/// Makes files read-only for their owner, renames them in order, and makes the names durable with one fsync of their
/// directory. No name may be taken. Each must be a plain file of ours that has one name and that nobody has open for
/// writing: whoever could change it later would change a sealed revision.
///
/// # Errors
/// [`Code::SealRefused`], [`Code::Io`]; some of the files may have been renamed then.
pub fn seal(pairs: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (from, _) in pairs {
        make_final(from)?;
    }
    for (from, to) in pairs {
        rename(from, to, Existing::Keep)?;
    }
    pairs.first().map_or(Ok(()), |(_, to)| sync_directory_of(to))
}

/// Makes a file read-only through its descriptor. The name may lead to another file by now.
fn make_final(path: &Path) -> Result<()> {
    let file = fs::open_plain(path).on("open", path)?;
    let refused = |reason: &str| Err(Error::new(Code::SealRefused).at(path).detail(reason));
    if let Some(reason) = stranger(&fs::metadata(&file).on("fstat", path)?, directory_of(path))? {
        return refused(reason);
    }
    fs::fchmod(&file, Mode::RUSR).on("fchmod", path)?;
    if platform::is_open_for_writing(&file) {
        return refused("a process has it open for writing");
    }
    Ok(())
}

/// Removes files one after the other, each durably before the next. Missing files are skipped.
///
/// # Errors
/// [`crate::Code::Io`]; the files before the one that failed are gone then.
pub fn remove(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        match fs::unlink(path) {
            Err(Errno::NOENT) => {}
            result => {
                result.on("unlink", path)?;
                sync_directory_of(path)?;
            }
        }
    }
    Ok(())
}

/// Closes a file. Some filesystems report a failed write only here.
pub(crate) fn close(file: File, path: &Path) -> Result<()> {
    io::close(file).on("close", path)
}

/// Renames a file. The new name is not durable yet.
pub(crate) fn rename(from: &Path, to: &Path, existing: Existing) -> Result<()> {
    match existing {
        Existing::Replace => fs::rename(from, to).on("rename", to),
        Existing::Keep => rename_to_free(CWD, from, to).on("rename", to),
    }
}

/// Renames a file within `directory`. Fails with `EEXIST` if the new name is taken. The new name is not durable yet.
///
/// Some filesystems lack the flag that makes this atomic. There the name is checked first: it stays free in a repository,
/// where writers hold a lock, and a restore checks afterwards which file got the name.
pub(crate) fn rename_to_free(directory: BorrowedFd<'_>, from: &Path, to: &Path) -> rustix::io::Result<()> {
    match fs::rename_in_to_free(directory, from, to) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match fs::stat_at(directory, to) {
            Err(Errno::NOENT) => fs::rename_in(directory, from, to),
            result => result.and(Err(Errno::EXIST)),
        },
        result => result,
    }
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<()> {
    sync_directory(directory_of(path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = fs::open(directory, flags, Mode::empty()).on("open", directory)?;
    platform::sync(&handle).on("fsync", directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        write_file(&path, b"old", 0o400, Existing::Replace).unwrap();
        write_file(&path, b"new", 0o400, Existing::Replace).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
        assert_eq!(names(directory.path()), ["record"]);
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        write_file(&path, b"old", 0o600, Existing::Keep).unwrap();
        let error = write_file(&path, b"new", 0o600, Existing::Keep).unwrap_err();
        assert_eq!(error.errno, Some(Errno::EXIST));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["config"]);
    }

    #[test]
    fn links_move_from_one_target_to_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["last", "latest"].map(|name| directory.path().join(name));
        for target in ["first", "second"] {
            let links = paths.clone().map(|path| (path, PathBuf::from(target)));
            replace_links(&links).unwrap();
            assert!(paths.iter().all(|path| std::fs::read_link(path).unwrap() == Path::new(target)));
        }
        assert_eq!(names(directory.path()), ["last", "latest"]);
    }

    #[test]
    fn sealing_renames_in_order_and_makes_read_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a.partial"), b"a").unwrap();
        std::fs::write(path("b.partial"), b"b").unwrap();
        seal(&[(path("a.partial"), path("a")), (path("b.partial"), path("b"))]).unwrap();
        assert_eq!(names(directory.path()), ["a", "b"]);
        assert_eq!(std::fs::metadata(path("a")).unwrap().permissions().mode() & 0o7777, 0o400);
        remove(&[path("a"), path("missing"), path("b")]).unwrap();
        assert!(names(directory.path()).is_empty());
    }
}
