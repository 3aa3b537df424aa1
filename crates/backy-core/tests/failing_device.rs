//! Bad sectors, for real: a disk served by nbdkit whose end cannot be read, as a file by nbdfuse, and as a
//! block device by losetup.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backy_core::{
    BLOCK_SIZE, Code, Control, Found, ImageOptions, VerifyStats, WriteOptions, verify_image,
    verify_mapped_image, write_image,
};
use rustix::io::Errno;
use support::revision;

const SIZE: usize = 16 * BLOCK_SIZE;
/// The first byte that cannot be read, once the disk has failed: in the middle of a block.
const BAD_FROM: usize = 12 * BLOCK_SIZE + 40 * 4096;

/// A disk whose sectors from [`BAD_FROM`] on fail while the file `failed` exists.
struct FailingDisk {
    directory: tempfile::TempDir,
    server: Child,
    device: Option<PathBuf>,
}

impl FailingDisk {
    fn start(contents: &[u8]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: losetup needs root");
            return None;
        }
        if let Some(reason) = missing() {
            assert!(std::env::var_os("CI").is_none(), "cannot run here: {reason}");
            eprintln!("skipped: {reason}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("contents"), contents).unwrap();
        File::create(path("disk")).unwrap();
        // eval: $3 is the number of bytes, $4 the offset; an error is printed with its name first.
        let pread = format!(
            "pread=if [ -e {failed} ] && [ $(($3 + $4)) -gt {BAD_FROM} ]; then echo EIO bad sector >&2; exit 1; fi; \
             dd if={contents} skip=$4 count=$3 iflag=skip_bytes,count_bytes status=none",
            failed = path("failed").display(),
            contents = path("contents").display(),
        );
        let server = Command::new("nbdfuse")
            .arg(path("disk"))
            .args(["--command", "nbdkit", "-s", "eval", &format!("get_size=echo {SIZE}"), &pread])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut disk = Self { directory, server, device: None };
        let is_up = || fs::metadata(disk.path()).map_or(0, |metadata| metadata.len()) == SIZE as u64;
        assert!(until(PATIENCE, is_up), "nbdfuse did not come up");
        let attached =
            Command::new("losetup").args(["--find", "--show", "--read-only"]).arg(disk.path()).output();
        let attached = attached.unwrap();
        assert!(attached.status.success(), "{}", String::from_utf8_lossy(&attached.stderr));
        disk.device = Some(String::from_utf8(attached.stdout).unwrap().trim().into());
        Some(disk)
    }

    /// The disk as a block device, which has a page cache; as a file it has none.
    fn device(&self) -> &Path {
        self.device.as_deref().unwrap()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("disk")
    }

    fn fail(&self) {
        File::create(self.directory.path().join("failed")).unwrap();
    }
}

/// Never waits without end: a disk that cannot be unmounted must fail its test, not stop all others.
impl Drop for FailingDisk {
    fn drop(&mut self) {
        if let Some(device) = &self.device {
            let _ = Command::new("losetup").arg("--detach").arg(device).status();
        }
        // A process that another test starts right now holds the device for a moment, until its exec.
        let unmount = |options: &str| {
            let mut command = Command::new("fusermount3");
            command.arg(options).arg(self.path()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        if !until(PATIENCE, || unmount("-u")) {
            unmount("-uz");
        }
        if !until(PATIENCE, || !matches!(self.server.try_wait(), Ok(None))) {
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again; whether it came true in time.
fn until(patience: Duration, mut come_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if come_true() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn missing() -> Option<String> {
    let found = |program: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|path| path.join(program).exists())
    };
    if let Some(program) = ["nbdkit", "nbdfuse", "fusermount3"].into_iter().find(|program| !found(program)) {
        return Some(format!("{program} is not installed (packages nbdkit, libnbd-bin, fuse3)"));
    }
    let devices = ["/dev/fuse", "/dev/loop-control"];
    devices.into_iter().find(|path| !Path::new(path).exists()).map(|path| format!("there is no {path}"))
}

fn contents() -> Vec<u8> {
    (0..SIZE).map(|at| u8::try_from(1 + at / 4096 % 250).unwrap()).collect()
}

fn assert_bad_from_block_12(stats: &VerifyStats) {
    let places: Vec<u64> = stats.bad_blocks.iter().map(|bad| bad.offset / BLOCK_SIZE as u64).collect();
    assert_eq!(places, [12, 13, 14, 15]);
    let found: Vec<Found> = stats.bad_blocks.iter().map(|bad| bad.found).collect();
    assert_eq!(found, [Found::Unreadable(Errno::IO); 4]);
}

#[test]
fn verify_names_unreadable_blocks_past_the_cache() {
    let contents = contents();
    let Some(disk) = FailingDisk::start(&contents) else { return };
    let directory = tempfile::tempdir().unwrap();
    let options = ImageOptions { image: disk.path(), ..revision(directory.path(), &contents) };
    assert_eq!(verify_image(&options, None, &Control::default()).unwrap().bad_blocks, []);
    disk.fail();
    assert_bad_from_block_12(&verify_image(&options, None, &Control::default()).unwrap());
}

/// With most of the image in the cache it is mapped, and the bad sectors raise SIGBUS.
#[test]
fn verify_names_unreadable_blocks_through_the_map() {
    let contents = contents();
    let Some(disk) = FailingDisk::start(&contents) else { return };
    let directory = tempfile::tempdir().unwrap();
    let options = ImageOptions { image: disk.device().to_owned(), ..revision(directory.path(), &contents) };
    disk.fail();
    let device = File::open(disk.device()).unwrap();
    rustix::fs::fadvise(&device, 0, None, rustix::fs::Advice::Random).unwrap();
    let mut block = vec![0; BLOCK_SIZE];
    for number in 0..12 {
        device.read_exact_at(&mut block, (number * BLOCK_SIZE) as u64).unwrap();
    }
    assert_bad_from_block_12(&verify_mapped_image(&options, None, &Control::default()).unwrap());
}

#[test]
fn a_bad_sector_of_the_source_is_named_with_its_offset() {
    let Some(disk) = FailingDisk::start(&contents()) else { return };
    disk.fail();
    let directory = tempfile::tempdir().unwrap();
    let options = WriteOptions {
        source: disk.path().into(),
        image: directory.path().join("image"),
        index: directory.path().join("index"),
        ..WriteOptions::default()
    };
    let error = write_image(&options, &Control::default()).unwrap_err();
    assert_eq!((error.code, error.errno), (Code::Io, Some(Errno::IO)));
    assert_eq!(error.path, Some(disk.path()));
    // Requests of the kernel may be larger than a sector, so the error may come a little early, never late.
    let offset = usize::try_from(error.offset.unwrap()).unwrap();
    assert!((11 * BLOCK_SIZE..SIZE).contains(&offset), "{offset}");
}
