//! Linux: users of files and block devices.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::identity::{Identity, identity_of};
use super::loops;
use super::subject::Subject;
use super::types::{Holder, HolderKind};

/// Finds the holders of each subject. This process does not count.
pub(crate) fn find_holders(subjects: &[&Subject]) -> Vec<Vec<Holder>> {
    if subjects.is_empty() {
        return Vec::new();
    }
    let mut search = Search::new(subjects);
    search.loops();
    search.swaps();
    search.processes("fd");
    if search.needs_more() {
        // A process can map a file without a descriptor. Only root may look there.
        search.processes("map_files");
    }
    search.finish()
}

struct Search<'a> {
    subjects: &'a [&'a Subject],
    by_identity: HashMap<Identity, Vec<usize>>,
    found: Vec<Vec<Holder>>,
    /// Number of descriptors of it that this process has.
    own: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(subjects: &'a [&'a Subject]) -> Self {
        let mut by_identity: HashMap<Identity, Vec<usize>> = HashMap::new();
        for (index, subject) in subjects.iter().enumerate() {
            for identity in &subject.identities {
                by_identity.entry(*identity).or_default().push(index);
            }
        }
        Self {
            subjects,
            by_identity,
            found: subjects.iter().map(|_| Vec::new()).collect(),
            own: vec![0; subjects.len()],
        }
    }

    fn loops(&mut self) {
        for each in loops::attached() {
            for index in self.matching(each.below) {
                if self.subjects[index].device != Some(each.device) {
                    self.add(index, HolderKind::Loop, &each.path, None);
                }
            }
        }
    }

    fn swaps(&mut self) {
        for path in swaps() {
            for index in identity_of(Path::new(&path)).map(|found| self.matching(found)).unwrap_or_default() {
                self.add(index, HolderKind::Swap, &path, None);
            }
        }
    }

    /// Searches one directory of every process that lists its open files.
    fn processes(&mut self, list: &str) {
        let this = fs::read_link("/proc/self").unwrap_or_default();
        for home in numbered(Path::new("/proc")) {
            let entries = fs::read_dir(home.join(list)).into_iter().flatten().flatten();
            let matches: Vec<usize> = entries
                .filter_map(|entry| identity_of(&entry.path()))
                .flat_map(|identity| self.matching(identity))
                .collect();
            for index in matches {
                if home.file_name() == Some(this.as_os_str()) {
                    self.own[index] += 1;
                } else {
                    self.add_process(index, &home);
                }
            }
        }
    }

    fn matching(&self, identity: Identity) -> Vec<usize> {
        self.by_identity.get(&identity).cloned().unwrap_or_default()
    }

    fn add_process(&mut self, index: usize, home: &Path) {
        let pid = home.file_name().and_then(|name| name.to_str()?.parse().ok());
        if !self.found[index].iter().any(|holder| holder.pid == pid) {
            self.found[index].push(process_at(home, pid));
        }
    }

    fn add(&mut self, index: usize, kind: HolderKind, name: &str, pid: Option<u32>) {
        self.found[index].push(Holder { kind, name: name.to_owned(), pid, user: None });
    }

    fn needs_more(&self) -> bool {
        let held = |subject: &Subject| subject.open || subject.locked || subject.device.is_some();
        self.found.iter().zip(self.subjects).any(|(found, subject)| found.is_empty() && held(subject))
    }

    /// Names a holder without a name where the kernel says that a file is in use, and no process shows it.
    fn finish(mut self) -> Vec<Vec<Holder>> {
        for (index, subject) in self.subjects.iter().enumerate() {
            let is_open = subject.open && self.own[index] <= 1;
            if !self.found[index].is_empty() {
                continue;
            }
            if subject.locked {
                self.add(index, HolderKind::Lock, "", None);
            } else if is_open {
                self.add(index, HolderKind::Unseen, "", None);
            }
        }
        self.found
    }
}

/// The entries of a directory whose names are numbers: in /proc, the processes.
pub(super) fn numbered(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit()).map(|entry| entry.path())
}

/// Finds the processes that hold a lock of flock(2) on a file. The table of locks, `proc_locks(5)`, names the numbers of
/// their files, but on btrfs not the device that stat(2) tells, so their descriptors decide.
pub(crate) fn find_lockers(file: &File) -> Vec<Holder> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let Some(Identity::File(device, inode)) = identity_of(&path) else { return Vec::new() };
    let table = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut pids: Vec<u32> = table.lines().filter_map(|line| flock_on(line, inode)).collect();
    pids.sort_unstable();
    pids.dedup();
    let has_it_open = |home: &Path| {
        let entries = fs::read_dir(home.join("fd")).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| identity_of(&entry.path()) == Some(Identity::File(device, inode)))
    };
    let homes = pids.into_iter().map(|pid| (pid, PathBuf::from(format!("/proc/{pid}"))));
    homes.filter(|(_, home)| has_it_open(home)).map(|(pid, home)| process_at(&home, Some(pid))).collect()
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF`, if it is about a file of that number.
fn flock_on(line: &str, inode: u64) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    if fields.next()? != "FLOCK" {
        return None;
    }
    let pid = fields.nth(2)?.parse().ok()?;
    let number: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    (number == inode).then_some(pid)
}

fn process_at(home: &Path, pid: Option<u32>) -> Holder {
    Holder { kind: HolderKind::Process, name: program_of(home), pid, user: user_of(home) }
}

/// The name of the user that a process has the rights of; the number where it has no name on this machine.
fn user_of(home: &Path) -> Option<String> {
    let status = fs::read_to_string(home.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let number = line.split_whitespace().nth(1)?;
    let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let name = users.find(|fields| fields.get(2) == Some(&number)).map(|fields| fields[0].to_owned());
    Some(name.unwrap_or_else(|| number.to_owned()))
}

/// The program of a process, without its directory. The short name of the kernel would end after 15 bytes.
fn program_of(home: &Path) -> String {
    let line = fs::read(home.join("cmdline")).unwrap_or_default();
    let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if name.is_empty() {
        return fs::read_to_string(home.join("comm")).unwrap_or_default().trim().to_owned();
    }
    String::from_utf8_lossy(name).into_owned()
}

/// The files and devices that the kernel swaps to.
pub(super) fn swaps() -> Vec<String> {
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(unescape).collect()
}

/// Decodes a path of a table of the kernel, which writes blanks and the like in octal.
pub(super) fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (octal, plain)| text.replace(octal, plain))
}
