//! Restoring without copying: the target shares all blocks of the image. The time depends on the number of extents. No
//! block is read.

use std::fs::File;
use std::path::Path;

use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::clone::{Cloned, Refusal, clone_for_guest};
use crate::files::durable::close;
use crate::files::resolve::resolve;
use crate::image::sealed::ImageOptions;
use crate::platform;
use crate::restore::outcome::{RestoreStats, TargetKind};
use crate::restore::partial::{Partial, create_whole};
use crate::restore::target::{exists, find_new};
use crate::sys::fs;
use crate::work::control::Control;

/// Makes `path`, which must not exist, a file with the contents of the image. Index and length of the image are checked
/// against the record, its blocks are not.
///
/// # Errors
/// [`Code::CloneRefused`], [`Code::IndexDamaged`], [`Code::ImageDamaged`] for a wrong length, [`Code::Cancelled`],
/// [`Code::Io`].
pub(crate) fn restore_clone(options: &ImageOptions, path: &Path, control: &Control) -> Result<RestoreStats> {
    refuse_existing(path)?;
    let target = find_new(path)?;
    options.open_index(control)?;
    let image = open_image(options)?;
    control.add_total(options.size);
    create_whole(&target, |partial: &Partial| {
        let (name, path) = (Path::new(&partial.name), &partial.path);
        let cloned = clone_for_guest(&image, partial.directory().as_fd(), name, control);
        let clone = match cloned.map_err(|error| error.at(path))? {
            Cloned::Shared(clone) => clone,
            Cloned::Refused(refusal) => return Err(refused(path, refusal)),
        };
        partial.claim(&clone)?;
        platform::sync(&clone).on("fsync", path)?;
        close(clone, path)?;
        control.check()
    })?;
    control.add_done(options.size);
    Ok(RestoreStats {
        size: options.size,
        bytes_read: 0,
        bytes_written: 0,
        bad_count: 0,
        bad_blocks: Vec::new(),
        kind: TargetKind::Clone,
    })
}

/// Refuses a name that is taken, early and with a better message than the rename would give. Not even a link that leads
/// nowhere is replaced.
fn refuse_existing(path: &Path) -> Result<()> {
    let is_link = || resolve(path).is_ok_and(|resolved| resolved.is_link);
    if !exists(path)? && !is_link() {
        return Ok(());
    }
    Err(Error::new(Code::CloneRefused).at(path).detail("it exists already, and a clone is a new file"))
}

fn open_image(options: &ImageOptions) -> Result<File> {
    let path = &options.image;
    let image = fs::open_plain(path).on("open", path)?;
    let length = fs::metadata(&image).on("fstat", path)?.len();
    if length == options.size { Ok(image) } else { Err(options.wrong_length(length)) }
}

fn refused(path: &Path, Refusal { errno, reason }: Refusal) -> Error {
    let reason = match errno {
        Errno::XDEV => "it lies on another filesystem than the repository".to_owned(),
        _ => reason,
    };
    Error::new(Code::CloneRefused).at(path).detail(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::WriteOptions;
    use crate::backup::write::write_image;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A revision of 300,000 bytes in a directory.
    fn revision(directory: &Path) -> ImageOptions {
        let path = |name: &str| directory.join(name);
        std::fs::write(path("source"), vec![7; 300_000]).unwrap();
        let (image, index) = (path("image"), path("index"));
        let write = WriteOptions {
            source: path("source").into(),
            image: image.clone(),
            index: index.clone(),
            ..WriteOptions::default()
        };
        let stats = write_image(&write, &Control::default()).unwrap();
        ImageOptions { image, index, size: stats.size, digest: stats.digest }
    }

    fn names(directory: &Path) -> Vec<PathBuf> {
        let mut names: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }

    /// The filesystem of the temporary directory decides. Nothing else is left in either case.
    #[test]
    fn it_is_an_ordinary_file_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let options = revision(directory.path());
        let (before, target) = (names(directory.path()), directory.path().join("target"));
        match restore_clone(&options, &target, &Control::default()) {
            Ok(stats) => {
                assert_eq!((stats.size, stats.kind), (300_000, TargetKind::Clone));
                assert_eq!(std::fs::read(&target).unwrap(), vec![7; 300_000]);
                assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
                std::fs::remove_file(&target).unwrap();
            }
            Err(error) => assert_eq!((error.code, error.path), (Code::CloneRefused, Some(target))),
        }
        assert_eq!(names(directory.path()), before);
    }

    #[test]
    fn an_existing_name_is_left_alone_even_a_link_that_leads_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let options = revision(directory.path());
        let (file, link) = (directory.path().join("precious"), directory.path().join("link"));
        std::fs::write(&file, "precious").unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [&file, &link] {
            let error = restore_clone(&options, path, &Control::default()).unwrap_err();
            assert_eq!(error.code, Code::CloneRefused);
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    }

    #[test]
    fn an_image_or_index_that_is_not_the_one_of_the_record_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let options = revision(directory.path());
        let target = directory.path().join("target");
        let attempt = |options: &ImageOptions| {
            let error = restore_clone(options, &target, &Control::default()).unwrap_err();
            assert!(!target.exists());
            error.code
        };
        let digest = crate::Hash::ZERO;
        assert_eq!(attempt(&ImageOptions { digest, ..options.clone() }), Code::IndexDamaged);
        let image = File::options().write(true).open(&options.image).unwrap();
        for length in [299_999, 300_001] {
            image.set_len(length).unwrap();
            assert_eq!(attempt(&options), Code::ImageDamaged);
        }
    }
}
