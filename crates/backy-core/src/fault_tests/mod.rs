//! Every system call of every operation fails with every error, once or from then on. Reads and writes stop half way,
//! and writes get lost. No operation may report a false success or change older files, and without the fault it must
//! succeed afterwards.
//!
//! `BACKY_FAULT_POINTS` sets the number of faults for each operation, `BACKY_FAULT_SEED` chooses them.
#![allow(clippy::print_stderr, reason = "the counts are what the long run is for")]

mod scenario;
mod scenarios;
pub(crate) mod scratch;

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::bytes::block::BLOCK_SIZE;
use crate::error::Result;
use crate::sys::faults::{Call, Fault, Injection, watch};
use scenario::Scenario;
use scratch::Scratch;

const ERRORS: [Errno; 9] = [
    Errno::IO,
    Errno::NODATA,
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::ROFS,
    Errno::MFILE,
    Errno::NOMEM,
    Errno::STALE,
    Errno::INTR,
];

/// No operation may hang. This is a hundred thousand times the usual duration.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls whose failure must fail the operation.
const GRAVE: [&str; 11] = [
    "fsync",
    "close",
    "rename",
    "renameat2",
    "ftruncate",
    "pwrite",
    "write",
    "mkdir",
    "symlink",
    "chmod",
    "fchmod",
];

/// Results of the faults of one operation.
#[derive(Default)]
struct Counts {
    calls: usize,
    runs: usize,
    failed: usize,
    /// Number of times the operation succeeded all the same, by call and fault.
    absorbed: BTreeMap<String, usize>,
    violations: Vec<String>,
}

impl Counts {
    fn absorb(&mut self, call: &str, fault: Fault) {
        let what = match fault {
            Fault::Fails(Errno::INTR) => format!("{call} EINTR"),
            Fault::Fails(_) => call.to_owned(),
            other => format!("{call} {other}"),
        };
        *self.absorbed.entry(what).or_default() += 1;
    }

    fn absorbed_in_words(&self) -> String {
        self.absorbed.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn every_call_fails_with_every_error() {
    let scratch = Scratch::new();
    let mut violations = Vec::new();
    let (mut runs, mut failed) = (0, 0);
    for scenario in scenarios::all() {
        let counts = torture(&scenario, &scratch, &faults_of);
        eprintln!(
            "{:24} {:5} calls {:6} faults {:6} failed {:5} absorbed",
            scenario.name,
            counts.calls,
            counts.runs,
            counts.failed,
            counts.runs - counts.failed,
        );
        runs += counts.runs;
        failed += counts.failed;
        eprintln!("{:24} absorbed: {}", "", counts.absorbed_in_words());
        violations.extend(counts.violations);
    }
    eprintln!(
        "io-errors: {runs} faults on {}, {failed} failed cleanly, {} violations",
        scratch.filesystem,
        violations.len()
    );
    assert_eq!(violations, Vec::<String>::new());
    assert!(failed > runs / 2, "most faults must be noticed, or none was there");
}

/// F6, I6: a device reports a write that it did not do, or did elsewhere.
#[test]
fn every_write_that_is_lost_or_misdirected_is_noticed_before_the_seal() {
    let scratch = Scratch::new();
    let mut violations = Vec::new();
    let mut runs = 0;
    for scenario in scenarios::all().into_iter().filter(|scenario| scenario.reads_back) {
        let counts = torture(&scenario, &scratch, &lies_of);
        eprintln!("{:24} {:6} lies {:6} noticed", scenario.name, counts.runs, counts.failed);
        runs += counts.runs;
        violations.extend(counts.violations);
    }
    eprintln!("lying storage: {runs} lost or misdirected writes, {} violations", violations.len());
    assert_eq!(violations, Vec::<String>::new());
    assert!(runs > 20, "there are writes to lose: {runs}");
}

fn faults_of(call: &Call) -> Vec<Fault> {
    let mut faults: Vec<Fault> = ERRORS.map(Fault::Fails).to_vec();
    if matches!(call.name, "pread" | "pwrite" | "write") {
        faults.push(Fault::Short);
    }
    faults
}

fn lies_of(call: &Call) -> Vec<Fault> {
    if call.name == "pwrite" { vec![Fault::Lost, Fault::Misdirected(BLOCK_SIZE as u64)] } else { Vec::new() }
}

fn torture(scenario: &Scenario, scratch: &Scratch, faults: &dyn Fn(&Call) -> Vec<Fault>) -> Counts {
    let template = scratch.directory("template");
    (scenario.prepare)(&template);
    let directory = scratch.copy(&template);
    let (result, calls) = watch(None, || (scenario.run)(&directory));
    result.unwrap_or_else(|error| panic!("{} without any fault: {error}", scenario.name));
    assert!((scenario.is_done)(&directory), "{} without any fault", scenario.name);
    scratch.remove(&directory);

    let points = calls.iter().enumerate().flat_map(|(at, call)| {
        let lasting = |fault: &Fault| matches!(fault, Fault::Fails(errno) if *errno != Errno::INTR);
        faults(call).into_iter().flat_map(move |fault| {
            let once = Injection { at, fault, lasting: false };
            [Some(once), lasting(&fault).then_some(Injection { lasting: true, ..once })]
        })
    });
    let points = some_of(points.flatten().collect());
    let mut counts = Counts { calls: calls.len(), ..Counts::default() };
    for injection in points {
        let directory = scratch.copy(&template);
        Trial { scenario, template: &template, directory: &directory, injection }.run(&mut counts);
        scratch.remove(&directory);
    }
    scratch.remove(&template);
    counts
}

/// One operation with one fault.
struct Trial<'a> {
    scenario: &'a Scenario,
    template: &'a Path,
    directory: &'a Path,
    injection: Injection,
}

impl Trial<'_> {
    fn run(&self, counts: &mut Counts) {
        counts.runs += 1;
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            watch(Some(self.injection), || (self.scenario.run)(self.directory))
        }));
        let Ok((result, calls)) = outcome else {
            // The calls of a run that panicked are lost with it.
            return counts.violations.push(self.violation("a panic", "?"));
        };
        let call = calls[self.injection.at].name;
        let mut complain = |what: &str| counts.violations.push(self.violation(what, call));
        if started.elapsed() > PATIENCE {
            complain("it took too long");
        }
        if syncs_again(&calls) {
            complain("fsync was called again on a file on which it had failed");
        }
        if let Some(name) = self.changed() {
            complain(&format!("{name} is not what it was"));
        }
        if result.is_ok() {
            if !(self.scenario.is_done)(self.directory) {
                complain("a success that is none");
            }
            if self.must_fail(call) {
                complain("passed over");
            }
            counts.absorb(call, self.injection.fault);
            return;
        }
        counts.failed += 1;
        if !(self.scenario.is_whole)(self.directory) {
            complain("something is neither old nor new");
        }
        if let Err(why) = self.again() {
            complain(&format!("the next run fails: {why}"));
        }
    }

    /// The same operation after the fault has gone and leftovers were removed.
    fn again(&self) -> std::result::Result<(), String> {
        scenario::remove_leftovers(self.directory, self.scenario.leftovers);
        let result: Result<()> = (self.scenario.run)(self.directory);
        result.map_err(|error| error.to_string())?;
        if (self.scenario.is_done)(self.directory) { Ok(()) } else { Err("it is not done".to_owned()) }
    }

    /// The first older file that has changed, apart from those that the operation may change.
    fn changed(&self) -> Option<String> {
        scenario::files_of(self.template)
            .into_iter()
            .filter(|name| !self.scenario.changes.contains(&name.as_str()))
            .find(|name| !scenario::same_file(&self.template.join(name), &self.directory.join(name)))
    }

    fn must_fail(&self, call: &str) -> bool {
        let is_transfer = matches!(call, "pwrite" | "write" | "pread");
        let failed = match self.injection.fault {
            Fault::Fails(Errno::INTR) => !is_transfer,
            Fault::Fails(_) => true,
            Fault::Short | Fault::Lost | Fault::Misdirected(_) => false,
        };
        failed && GRAVE.contains(&call) && !self.scenario.forgives.contains(&call)
    }

    fn violation(&self, what: &str, call: &str) -> String {
        let Injection { at, fault, lasting } = self.injection;
        let lasting = if lasting { ", lasting" } else { "" };
        format!("{}: call {at} ({call}) {fault}{lasting}: {what}", self.scenario.name)
    }
}

fn syncs_again(calls: &[Call]) -> bool {
    let mut failed = HashSet::new();
    calls.iter().filter_map(|call| call.synced.map(|file| (file, call.faulty))).any(|(file, faulty)| {
        let again = failed.contains(&file);
        if faulty {
            failed.insert(file);
        }
        again
    })
}

/// Faults of each operation, unless the environment says otherwise.
const POINTS: usize = 100;

/// Some of the points, spread evenly.
fn some_of(points: Vec<Injection>) -> Vec<Injection> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
    let wanted = number("BACKY_FAULT_POINTS").unwrap_or(POINTS);
    if points.len() <= wanted {
        return points;
    }
    let step = points.len().div_ceil(wanted);
    let start = number("BACKY_FAULT_SEED").unwrap_or(0) % step;
    points.into_iter().skip(start).step_by(step).collect()
}
