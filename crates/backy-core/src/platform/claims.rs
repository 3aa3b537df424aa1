//! Linux: uses of a block device by the kernel itself, which keep others from opening it exclusively.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::holders::{numbered, swaps, unescape};
use super::identity::{Identity, identity_of, parse_number, relatives_of, sys_directory};
use super::types::{Holder, HolderKind};

/// Names the claims on a device: mounts in any namespace, swap, and devices built on it. The list is never empty.
pub(crate) fn claims_on(path: &Path) -> Vec<Holder> {
    let Some(Identity::Device(number)) = identity_of(path) else { return vec![unseen()] };
    // A claim on a disk is one on its partitions, and the other way round.
    let numbers: Vec<u64> = std::iter::once(number).chain(relatives_of(number)).collect();
    let mut found: Vec<Holder> = numbers.iter().flat_map(|number| devices_on(*number)).collect();
    found.extend(mounts_of(&numbers));
    found.extend(swaps_on(&numbers));
    if found.is_empty() {
        found.push(unseen());
    }
    found
}

fn unseen() -> Holder {
    holder(HolderKind::Unseen, String::new(), None)
}

fn holder(kind: HolderKind, name: String, pid: Option<u32>) -> Holder {
    Holder { kind, name, pid, user: None }
}

fn devices_on(number: u64) -> Vec<Holder> {
    let entries = fs::read_dir(sys_directory(number).join("holders")).into_iter().flatten().flatten();
    entries.map(|entry| holder(HolderKind::Device, device_name(&entry.path()), None)).collect()
}

fn device_name(home: &Path) -> String {
    match fs::read_to_string(home.join("dm/name")) {
        Ok(name) => format!("/dev/mapper/{}", name.trim()),
        Err(_) => format!("/dev/{}", home.file_name().unwrap_or_default().to_string_lossy()),
    }
}

/// The first mount in each namespace, with one of the processes in it.
fn mounts_of(numbers: &[u64]) -> Vec<Holder> {
    let own = PathBuf::from("/proc/self");
    let mut namespaces = HashSet::new();
    let mut found = Vec::new();
    for home in std::iter::once(own.clone()).chain(numbered(Path::new("/proc"))) {
        if !namespaces.insert(fs::read_link(home.join("ns/mnt")).ok()) {
            continue;
        }
        let table = fs::read_to_string(home.join("mountinfo")).unwrap_or_default();
        let Some(directory) = table.lines().find_map(|line| mounted_on(line, numbers)) else { continue };
        let pid = home.file_name().and_then(|name| name.to_str()?.parse().ok());
        found.push(holder(HolderKind::Mount, directory, pid));
    }
    found
}

/// The directory of a line of mountinfo, proc(5), if it is about one of the devices. btrfs shows device numbers of its
/// own, so the source counts, too.
fn mounted_on(line: &str, numbers: &[u64]) -> Option<String> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let fields: Vec<&str> = mount.split(' ').collect();
    let source = filesystem.split(' ').nth(1)?;
    let is_it = parse_number(fields.get(2)?).is_some_and(|number| numbers.contains(&number))
        || source.starts_with('/') && leads_to(&unescape(source), numbers);
    is_it.then(|| unescape(fields.get(4).copied().unwrap_or_default()))
}

fn swaps_on(numbers: &[u64]) -> Vec<Holder> {
    let paths = swaps().into_iter().filter(|path| leads_to(path, numbers));
    paths.map(|path| holder(HolderKind::Swap, path, None)).collect()
}

fn leads_to(path: &str, numbers: &[u64]) -> bool {
    matches!(identity_of(Path::new(path)), Some(Identity::Device(number)) if numbers.contains(&number))
}
