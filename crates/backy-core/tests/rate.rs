//! A limit holds whatever reads an image or a source: at one byte in a second nothing ends by itself, and all of it ends
//! when it is told to.
#![allow(clippy::cast_possible_truncation, reason = "test values are small")]

mod support;

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use backy_core::{
    ChangesInput, Code, CommandInput, CommandTarget, Control, DiffHeader, ImageOptions, Input, Result,
    Target, WriteOptions, index_image, restore_image, verify_image, write_image,
};
use support::{encode, revision};

const SIZE: u64 = 3 << 20;

/// A revision of 3 MiB, and room for another one.
struct Bench {
    directory: tempfile::TempDir,
    revision: ImageOptions,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let revision = revision(directory.path(), &vec![7; SIZE as usize]);
        Self { directory, revision }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, source: Input, control: &Control) -> Result<()> {
        let options = WriteOptions {
            source,
            image: self.path("new"),
            index: self.path("new-index"),
            parent_image: Some(self.revision.image.clone()),
            parent_index: Some(self.revision.index.clone()),
            ..WriteOptions::default()
        };
        write_image(&options, control).map(|_| ())
    }

    /// The stream of a program in which every byte has changed.
    fn exporter(&self, since: Option<&str>, snapshot: Option<&str>) -> Vec<String> {
        let text = |name: Option<&str>| name.map(str::to_owned);
        let header = DiffHeader { from_snapshot: text(since), to_snapshot: text(snapshot), size: SIZE };
        fs::write(self.path("stream"), encode(1, &header, &[(0, SIZE, Some(8))])).unwrap();
        vec!["cat".to_owned(), self.path("stream").display().to_string()]
    }

    fn stream(&self, since: Option<&str>) -> Input {
        let command = self.exporter(since, Some("s2"));
        let changes = |since: &str| ChangesInput { since: since.to_owned(), command: command.clone() };
        Input::Command(CommandInput {
            name: "pool/disk".into(),
            snapshot: "s2".to_owned(),
            size: SIZE,
            changes: since.map(changes),
            everything: command,
            sample: None,
        })
    }

    fn restore(&self, target: Target, control: &Control) -> Result<()> {
        restore_image(&self.revision, target, false, control).map(|_| ())
    }
}

/// The unlimited work takes a few milliseconds, the limited one more than a month.
fn assert_limited(work: impl FnOnce(&Control) -> Result<()>) {
    let control = Control::with_rate(NonZeroU64::MIN);
    let (result, took) = thread::scope(|scope| {
        let canceller = scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            control.cancel();
            Instant::now()
        });
        let result = work(&control);
        (result, Instant::now().saturating_duration_since(canceller.join().unwrap()))
    });
    assert_eq!(result.unwrap_err().code, Code::Cancelled);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn backups_of_files() {
    let bench = Bench::new();
    fs::write(bench.path("source"), vec![8; 3 << 20]).unwrap();
    assert_limited(|control| bench.write(bench.path("source").into(), control));
}

#[test]
fn backups_of_streams() {
    let bench = Bench::new();
    assert_limited(|control| bench.write(bench.stream(None), control));
}

/// A parent that cannot be cloned is copied first.
#[test]
fn backups_of_changes() {
    let bench = Bench::new();
    assert_limited(|control| bench.write(bench.stream(Some("s1")), control));
}

#[test]
fn verifying_and_indexing() {
    let bench = Bench::new();
    assert_limited(|control| verify_image(&bench.revision, None, control).map(|_| ()));
    assert_limited(|control| index_image(&bench.revision.image, &bench.path("made"), control).map(|_| ()));
}

#[test]
fn restoring_to_files_new_and_old() {
    let bench = Bench::new();
    let target = bench.path("target");
    assert_limited(|control| bench.restore(Target::Path(target.clone()), control));
    assert!(!target.exists());
    for there in [vec![9; 3 << 20], Vec::new()] {
        fs::write(&target, &there).unwrap();
        assert_limited(|control| bench.restore(Target::Path(target.clone()), control));
        assert!(fs::read(&target).unwrap() == there, "it was not even compared to the end");
    }
}

#[test]
fn restoring_to_streams_and_programs() {
    let bench = Bench::new();
    let null = fs::File::options().write(true).open(Path::new("/dev/null")).unwrap();
    assert_limited(|control| bench.restore(Target::Stream(null.into()), control));
    let target = CommandTarget {
        name: "rbd:pool/disk".into(),
        export: bench.exporter(None, None),
        import: vec!["false".to_owned()],
        patience: Duration::from_secs(60),
    };
    assert_limited(|control| bench.restore(Target::Command(target), control));
}
