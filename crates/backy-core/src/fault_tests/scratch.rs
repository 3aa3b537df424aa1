//! The place where the operations run: an XFS of their own, which clones. Without root it is whatever /tmp is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A filesystem of its own, unmounted when it is dropped.
pub(crate) struct Scratch {
    home: tempfile::TempDir,
    root: PathBuf,
    mounted: bool,
    pub filesystem: &'static str,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        // In memory if possible: the calls count here, not the disk.
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let root = home.path().join("mnt");
        fs::create_dir(&root).unwrap();
        let mounted = rustix::process::geteuid().is_root() && mount(home.path(), &root);
        let filesystem = if mounted { "xfs" } else { "what is in /tmp" };
        if mounted {
            return Self { home, root, mounted, filesystem };
        }
        let home = tempfile::tempdir().unwrap();
        let root = home.path().to_owned();
        Self { home, root, mounted, filesystem }
    }

    /// A new directory.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = self.root.join(format!("{name}-{}", COUNT.fetch_add(1, Relaxed)));
        fs::create_dir(&directory).unwrap();
        directory
    }

    /// A copy of a directory, whose files share their blocks with those of the original.
    pub(crate) fn copy(&self, template: &Path) -> PathBuf {
        let directory = self.directory("run");
        copy_entries(template, &directory);
        directory
    }

    #[allow(clippy::unused_self, reason = "it is the other half of copy()")]
    pub(crate) fn remove(&self, directory: &Path) {
        fs::remove_dir_all(directory).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.mounted && !succeeds(Command::new("umount").arg(&self.root)) {
            succeeds(Command::new("umount").arg("--lazy").arg(&self.root));
        }
        let _ = &self.home;
    }
}

fn copy_entries(template: &Path, directory: &Path) {
    for entry in fs::read_dir(template).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), directory.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(fs::read_link(from).unwrap(), to).unwrap();
        } else if kind.is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, fs::metadata(&from).unwrap().permissions()).unwrap();
            copy_entries(&from, &to);
        } else {
            // copy_file_range(2) clones if possible.
            fs::copy(from, to).unwrap();
        }
    }
}

fn mount(home: &Path, root: &Path) -> bool {
    let disk = home.join("disk");
    fs::File::create(&disk).unwrap().set_len(400 << 20).unwrap();
    let search = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let command = |name: &str| {
        let mut command = Command::new(name);
        command.env("PATH", &search);
        command
    };
    succeeds(command("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(&disk))
        && succeeds(command("mount").args(["-o", "loop"]).arg(&disk).arg(root))
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
