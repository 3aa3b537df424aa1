//! Files that root creates in a repository belong to the owner of its directory. Otherwise one command of root would
//! lock the service user out of the user's own repository.

use std::fs::File;
use std::path::Path;

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::error::{Context, Result};
use crate::files::names::directory_of;
use crate::platform;
use crate::sys::fs;

/// Gives a new file to the owner and the group of its directory. Only root can give files away, so other users do
/// nothing here. The mode stays as it is.
///
/// # Errors
/// [`crate::Code::Io`]; filesystems without owners, or with mapped ones, are no error.
pub(crate) fn give_to_owner(file: &File, path: &Path) -> Result<()> {
    give_to_owner_of(file, path, directory_of(path))
}

/// The same with the owner of another directory.
///
/// # Errors
/// As [`give_to_owner`].
pub(crate) fn give_to_owner_of(file: &File, path: &Path, directory: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let owner = fs::stat(directory).on("stat", directory)?;
    let now = fs::fstat(file).on("fstat", path)?;
    // Another owner means that somebody has replaced the file that we created, so it is not given away.
    if has_owner(&now, &owner) || now.st_uid != 0 {
        return Ok(());
    }
    tolerate(fs::fchown(file, owner.st_uid, owner.st_gid)).on("fchown", path)
}

/// The same for a new symbolic link.
///
/// # Errors
/// As [`give_to_owner`].
pub(crate) fn give_link_to_owner(path: &Path) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let directory = directory_of(path);
    let owner = fs::stat(directory).on("stat", directory)?;
    if owner.st_uid == 0 && owner.st_gid == 0 {
        return Ok(());
    }
    tolerate(platform::chown_link(path, owner.st_uid, owner.st_gid)).on("lchown", path)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_owner(file: &Stat, owner: &Stat) -> bool {
    (file.st_uid, file.st_gid) == (owner.st_uid, owner.st_gid)
}

/// Root of a container cannot give files to users that the container does not know, and a file server may refuse it to
/// root in general. The file stays with its creator then.
fn tolerate(result: std::result::Result<(), Errno>) -> std::result::Result<(), Errno> {
    match result {
        Err(Errno::PERM | Errno::ACCESS | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::lock::{FileLock, LockMode};
    use crate::{Existing, make_directory, replace_links, write_file};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::path::PathBuf;

    const USER: u32 = 54_321;
    const GROUP: u32 = 54_322;

    fn owner_of(path: &Path) -> (u32, u32) {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        (metadata.uid(), metadata.gid())
    }

    fn users_directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        chown(directory.path(), Some(USER), Some(GROUP)).unwrap();
        directory
    }

    /// It needs root: others cannot give files away.
    #[test]
    fn files_that_root_creates_belong_to_the_owner_of_the_directory() {
        if !is_root() {
            return;
        }
        let directory = users_directory();
        let path = |name: &str| directory.path().join(name);
        write_file(&path("record"), b"", 0o400, Existing::Keep).unwrap();
        replace_links(&[(path("last"), PathBuf::from("record"))]).unwrap();
        make_directory(&path("trash")).unwrap();
        make_directory(&path("trash/batch")).unwrap();
        drop(FileLock::acquire(&path(".backup"), LockMode::Exclusive).unwrap());
        for name in ["record", "last", "trash", "trash/batch", ".backup"] {
            assert_eq!(owner_of(&path(name)), (USER, GROUP), "{name}");
        }
        let mode = |name: &str| std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(["record", "trash", ".backup"].map(mode), [0o400, 0o700, 0o600]);
    }

    /// Otherwise the owner of the directory would get any file by giving it a second name there.
    #[test]
    fn an_existing_file_keeps_its_owner() {
        if !is_root() {
            return;
        }
        let directory = users_directory();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path(".backup"), "").unwrap();
        std::fs::create_dir(path("trash")).unwrap();
        drop(FileLock::acquire(&path(".backup"), LockMode::Exclusive).unwrap());
        make_directory(&path("trash")).unwrap();
        for name in [".backup", "trash"] {
            assert_eq!(owner_of(&path(name)), (0, 0), "{name}");
        }
    }

    #[test]
    fn a_file_that_somebody_else_put_there_is_not_given_away() {
        if !is_root() {
            return;
        }
        let directory = users_directory();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("foreign"), "").unwrap();
        chown(path("foreign"), Some(USER + 7), Some(GROUP)).unwrap();
        give_to_owner(&File::open(path("foreign")).unwrap(), &path("foreign")).unwrap();
        assert_eq!(owner_of(&path("foreign")), (USER + 7, GROUP));
        // A hard link in the place of a symbolic one.
        std::fs::write(path("file"), "").unwrap();
        give_link_to_owner(&path("file")).unwrap();
        assert_eq!(owner_of(&path("file")), (0, 0));
    }
}
