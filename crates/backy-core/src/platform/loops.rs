//! Linux: loop devices, and the files below them. They are matched by device and inode: paths in /sys are useless for
//! other mount namespaces, and for files that were renamed or removed. The number of calls depends on the machine, so
//! they do not go through the door of `sys/`.

use std::fs::{self, File};

use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{self, Getter};

use super::identity::{Identity, parse_number};

/// A loop device that is attached.
pub(super) struct Loop {
    /// Its path.
    pub path: String,
    /// Its number.
    pub device: u64,
    /// The file or device below it.
    pub below: Identity,
}

/// All loop devices that this process may look at.
pub(super) fn attached() -> Vec<Loop> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| name.starts_with("loop"))?;
            // This directory exists while the device is attached.
            entry.path().join("loop").exists().then_some(())?;
            let device = parse_number(fs::read_to_string(entry.path().join("dev")).ok()?.trim())?;
            let path = format!("/dev/{name}");
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file: File = rustix::fs::open(&path, flags, Mode::empty()).ok()?.into();
            Some(Loop { path, device, below: below(&file)? })
        })
        .collect()
}

/// Returns the file or device below a loop device; `None` for every other device. `LOOP_GET_STATUS64`, loop(4).
pub(super) fn below(device: &File) -> Option<Identity> {
    /// `struct loop_info64` of include/uapi/linux/loop.h.
    #[repr(C)]
    struct Info {
        device: u64,
        inode: u64,
        raw_device: u64,
        rest: [u64; 26],
    }
    const GET_STATUS: ioctl::Opcode = 0x4C05;
    // SAFETY: the opcode writes exactly this structure.
    let getter = unsafe { Getter::<GET_STATUS, Info>::new() };
    // SAFETY: as above.
    let info = unsafe { ioctl::ioctl(device, getter) }.ok()?;
    Some(match info.raw_device {
        0 => Identity::File(info.device, info.inode),
        number => Identity::Device(number),
    })
}
