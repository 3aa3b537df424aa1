//! Finding out where a path leads when somebody else may write to a directory on the way.
//!
//! Sources, targets and log files lie where others own directories, while root opens them. So a path is resolved here,
//! name by name, each looked up in the open directory before it: nobody who renames files meanwhile leads us elsewhere. A
//! symbolic link counts only if it is ours, root's, or of the owner of what the path leads to. This is stricter than
//! `fs.protected_symlinks`, which covers sticky directories only, and it does not depend on it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dev, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Code, Context, Error, Result};
use crate::platform::{Entry, LOOKING_UP, Link, kernel_filesystem_of};
use crate::sys::fs;

/// As many symbolic links as the kernel follows: `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// A path is resolved this often if a file on it is replaced in between.
const ATTEMPTS: usize = 5;

/// The place that a path leads to: a name in an open directory.
pub(crate) struct Resolved {
    /// The path as it was given, for messages.
    pub path: PathBuf,
    /// The directory, open to look up names in it.
    pub directory: File,
    /// The name in the directory.
    pub name: OsString,
    /// The same place as a path without links.
    pub real: PathBuf,
    /// Whether the path ends in a link.
    pub is_link: bool,
    /// The file or directory of that name; `None` if there is none.
    end: Option<Entry>,
    /// Whether the name is a link that only the kernel can follow: the number of a descriptor.
    by_kernel: bool,
}

/// Resolves `path` and has `work` open what it leads to; again, if something else has taken the name in between.
///
/// # Errors
/// As [`resolve`], [`Code::FileReplaced`], and those of `work`.
pub(crate) fn with_resolved<T>(path: &Path, work: impl Fn(&Resolved) -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match resolve(path).and_then(|resolved| work(&resolved)) {
            Err(error) if error.code == Code::FileReplaced => {}
            result => return result,
        }
    }
    resolve(path).and_then(|resolved| work(&resolved))
}

/// Finds out where `path` leads. Opens directories, and nothing else. The last name may be free.
///
/// # Errors
/// [`Code::LinkForeign`] for a link that does not count, [`Code::Io`].
pub(crate) fn resolve(path: &Path) -> Result<Resolved> {
    let mut walk = Walk::begin(path).on("open", path)?;
    let end = walk.go().on("open", path)?;
    walk.refuse_foreign_links(path, end.entry.as_ref())?;
    let Walk { directory, real, is_link, .. } = walk;
    let real = if end.by_kernel { real } else { real.join(&end.name) };
    let End { name, entry, by_kernel } = end;
    Ok(Resolved { path: path.to_owned(), directory, name, real, is_link, end: entry, by_kernel })
}

/// The path of a file without any links on it.
///
/// # Errors
/// As [`resolve`], `ENOENT` for a file that does not exist.
pub fn real_path(path: &Path) -> Result<PathBuf> {
    let resolved = resolve(path)?;
    resolved.stat().map(|_| resolved.real.clone())
}

impl Resolved {
    /// Whether there is a file or directory of that name.
    pub(crate) fn exists(&self) -> bool {
        self.end.is_some()
    }

    /// The owner, mode and kind of what is there.
    ///
    /// # Errors
    /// [`Code::Io`] with `ENOENT` if there is nothing.
    pub(crate) fn stat(&self) -> Result<&Stat> {
        self.end().map(|end| &end.stat)
    }

    /// Its kind.
    ///
    /// # Errors
    /// As [`Resolved::stat`].
    pub(crate) fn kind(&self) -> Result<FileType> {
        self.stat().map(|stat| FileType::from_raw_mode(stat.st_mode))
    }

    /// The number of the filesystem that it is on, or would be on.
    pub(crate) fn filesystem(&self) -> rustix::io::Result<Dev> {
        match &self.end {
            Some(end) => Ok(end.stat.st_dev),
            None => Ok(fs::fstat(&self.directory)?.st_dev),
        }
    }

    /// The name of that filesystem if it is a face of the kernel.
    pub(crate) fn kernel_filesystem(&self) -> rustix::io::Result<Option<&'static str>> {
        match &self.end {
            Some(end) => end.kernel_filesystem(),
            None => kernel_filesystem_of(&self.directory),
        }
    }

    /// Opens the directory to read the names in it, or to make them durable.
    pub(crate) fn list_directory(&self) -> rustix::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::open_at(&self.directory, OsStr::new("."), flags, Mode::empty()).map(File::from)
    }

    /// The number of the descriptor of this process that the path names, if it names one.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.name.to_str().filter(|_| self.by_kernel)?.parse().ok()
    }

    /// Opens what is there, and makes sure that it is what was looked at.
    ///
    /// # Errors
    /// [`Code::FileReplaced`], [`Code::Io`].
    pub(crate) fn open(&self, flags: OFlags) -> Result<File> {
        let flags = if self.by_kernel { flags } else { flags | OFlags::NOFOLLOW };
        match fs::open_at(&self.directory, &self.name, flags | OFlags::CLOEXEC, Mode::empty()) {
            // A link where there was none.
            Err(Errno::LOOP) => Err(Error::new(Code::FileReplaced).at(&self.path)),
            result => {
                let file = result.on("open", &self.path)?.into();
                self.expect(&file)?;
                Ok(file)
            }
        }
    }

    /// Creates a file that nobody else may read; the name must be free.
    ///
    /// # Errors
    /// [`Code::FileReplaced`] if the name has been taken, [`Code::Io`].
    pub(crate) fn create(&self, flags: OFlags) -> Result<File> {
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::open_at(&self.directory, &self.name, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) => Err(Error::new(Code::FileReplaced).at(&self.path)),
            result => result.on("open", &self.path).map(File::from),
        }
    }

    /// Fails unless an open file is the one that was looked at.
    ///
    /// # Errors
    /// [`Code::FileReplaced`], [`Code::Io`].
    pub(crate) fn expect(&self, file: &File) -> Result<()> {
        if self.end()?.is(file).on("fstat", &self.path)? {
            return Ok(());
        }
        Err(Error::new(Code::FileReplaced).at(&self.path))
    }

    fn end(&self) -> Result<&Entry> {
        self.end.as_ref().ok_or_else(|| Error::io("open", &self.path, Errno::NOENT))
    }
}

/// The state of a resolution.
struct Walk {
    /// The directory that it has come to.
    directory: File,
    /// Its path, without links.
    real: PathBuf,
    /// Names that are still to be looked up, the next one last.
    rest: Vec<OsString>,
    /// Links that were followed, with their owners.
    links: Vec<(PathBuf, u32)>,
    is_link: bool,
}

/// The last name of a path.
struct End {
    name: OsString,
    entry: Option<Entry>,
    by_kernel: bool,
}

impl Walk {
    fn begin(path: &Path) -> rustix::io::Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Errno::NOENT);
        }
        let (start, real) = if path.is_absolute() {
            ("/", PathBuf::from("/"))
        } else {
            // Without a name, too, a directory can be looked up in.
            (".", std::env::current_dir().unwrap_or_default())
        };
        let directory = open_directory(start)?;
        let mut walk = Self { directory, real, rest: Vec::new(), links: Vec::new(), is_link: false };
        walk.push(path.as_os_str());
        Ok(walk)
    }

    /// Puts the names of a path in front of those that are still to come.
    fn push(&mut self, path: &OsStr) {
        let bytes = path.as_bytes();
        let names = bytes.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let mut names: Vec<OsString> = names.map(|name| OsStr::from_bytes(name).to_owned()).collect();
        // A path that ends in a slash leads to a directory, or does not resolve.
        if bytes.ends_with(b"/") {
            names.push(".".into());
        }
        self.rest.extend(names.into_iter().rev());
    }

    fn go(&mut self) -> rustix::io::Result<End> {
        loop {
            let name = self.rest.pop().unwrap_or_else(|| ".".into());
            let is_last = self.rest.is_empty();
            if !is_last && self.enter(&name)? {
                continue;
            }
            let entry = match Entry::look(&self.directory, &name) {
                Err(Errno::NOENT) if is_last => return Ok(End { name, entry: None, by_kernel: false }),
                result => result?,
            };
            let owner = entry.stat.st_uid;
            match entry.link {
                None if is_last => return Ok(End { name, entry: Some(entry), by_kernel: false }),
                None => return Err(Errno::NOTDIR),
                Some(link) => {
                    self.links.push((self.real.join(&name), owner));
                    self.is_link |= is_last;
                    if let Some(end) = self.follow(link, name)? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Goes on in a directory; false if the name is not that of one.
    fn enter(&mut self, name: &OsStr) -> rustix::io::Result<bool> {
        let flags = LOOKING_UP | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::open_at(&self.directory, name, flags, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(false),
            result => self.directory = result?.into(),
        }
        match name.as_bytes() {
            b"." => {}
            b".." => {
                self.real.pop();
            }
            _ => self.real.push(name),
        }
        Ok(true)
    }

    /// Goes on where a link leads; returns what is there if only the kernel could go there.
    fn follow(&mut self, link: Link, name: OsString) -> rustix::io::Result<Option<End>> {
        if self.links.len() > MOST_LINKS {
            return Err(Errno::LOOP);
        }
        match link {
            Link::Path(path) => {
                if path.as_bytes().starts_with(b"/") {
                    self.directory = open_directory("/")?;
                    self.real = PathBuf::from("/");
                }
                self.push(&path);
                Ok(None)
            }
            Link::Kernel(file) => {
                // Only a name, which may be none: of a pipe, or of a file that was removed.
                let real = fs::read_link_at(&self.directory, &name).map(PathBuf::from)?;
                if self.rest.is_empty() {
                    self.real = real;
                    return Ok(Some(End { name, entry: Some(Entry::of(file)?), by_kernel: true }));
                }
                self.real = if real.is_absolute() { real } else { self.real.join(real) };
                self.directory = file;
                Ok(None)
            }
        }
    }

    /// The owner of what does not exist yet is the owner of the directory that it would be in.
    fn refuse_foreign_links(&self, path: &Path, end: Option<&Entry>) -> Result<()> {
        let owner = match end {
            Some(entry) => entry.stat.st_uid,
            None => fs::fstat(&self.directory).on("fstat", path)?.st_uid,
        };
        let trusted = [0, geteuid().as_raw(), owner];
        let foreign = self.links.iter().find(|(_, owner)| !trusted.contains(owner));
        foreign.map_or(Ok(()), |(link, user)| {
            let detail = format!("{} belongs to user {user}, and what it leads to does not", link.display());
            Err(Error::new(Code::LinkForeign).at(path).detail(detail))
        })
    }
}

fn open_directory(path: &str) -> rustix::io::Result<File> {
    let flags = LOOKING_UP | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::open(Path::new(path), flags, Mode::empty()).map(File::from)
}
