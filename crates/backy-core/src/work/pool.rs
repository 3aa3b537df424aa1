//! Work on several threads. One counter hands out the segments in order; there is no queue and no channel.

use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use rustix::io::Errno;

use crate::error::Result;
use crate::sys;
use crate::work::control::Control;

/// More threads gain nothing: memory bandwidth is the limit.
const MOST_THREADS: usize = 8;
/// A thread that waits for the disk leaves its processor to another one.
const THREADS_PER_PROCESSOR: usize = 2;

/// Threads for one operation: `BACKY_THREADS`, else two for each processor, at most 8.
/// With `BACKY_THREADS=1` everything happens in order on the calling thread.
#[must_use]
pub fn threads() -> usize {
    let wanted = std::env::var("BACKY_THREADS").ok().and_then(|value| value.parse().ok());
    wanted.filter(|count| *count > 0).unwrap_or_else(|| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        (processors * THREADS_PER_PROCESSOR).min(MOST_THREADS)
    })
}

/// Calls `work` for each number in `items`. Each thread has a state of its own. Returns the results in the order of
/// `items`. The first failure stops all threads and is returned. A panic stops them, too, and continues on this thread.
pub(crate) fn for_each<State, Output: Send>(
    items: &[u64],
    control: &Control,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, u64) -> Result<Output> + Sync,
) -> Result<Vec<Output>> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let stop = || next.store(items.len(), Relaxed);
    let run = || {
        let _guard = OnPanic(&stop);
        let mut state = state();
        let mut outputs = Vec::new();
        loop {
            let at = next.fetch_add(1, Relaxed);
            let Some(item) = items.get(at) else { break outputs };
            match control.check().and_then(|()| work(&mut state, *item)) {
                Ok(output) => outputs.push((at, output)),
                Err(error) => {
                    failure.lock().expect("no thread panics with this lock").get_or_insert(error);
                    stop();
                }
            }
        }
    };
    let mut outputs = run_on(threads().min(items.len()), &run);
    if let Some(error) = failure.into_inner().expect("no thread panics with this lock") {
        return Err(error);
    }
    outputs.sort_unstable_by_key(|(at, _)| *at);
    Ok(outputs.into_iter().map(|(_, output)| output).collect())
}

/// Runs `run` on `count` threads, including this one. If the system starts fewer, it runs on those.
fn run_on<Output: Send>(count: usize, run: &(impl Fn() -> Vec<Output> + Sync)) -> Vec<Output> {
    thread::scope(|scope| {
        let start = || thread::Builder::new().spawn_scoped(scope, run).map_err(|_| Errno::AGAIN);
        let others: Vec<_> = (1..count).map_while(|_| sys::call("clone", start).ok()).collect();
        let mut outputs = run();
        for other in others {
            outputs.extend(other.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        outputs
    })
}

/// Calls a function if the thread panics before this is dropped.
struct OnPanic<'a, Function: Fn()>(&'a Function);

impl<Function: Fn()> Drop for OnPanic<'_, Function> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::*;
    use crate::error::{Code, Error};
    use crate::sys::faults::{Fault, Injection, watch};

    #[test]
    fn results_come_in_order() {
        let items: Vec<u64> = (0..1000).collect();
        let squares = for_each(&items, &Control::default(), || (), |(), item| Ok(item * item)).unwrap();
        assert!(squares.iter().zip(&items).all(|(square, item)| *square == item * item));
    }

    #[test]
    fn the_first_failure_is_the_result() {
        let items: Vec<u64> = (0..1000).collect();
        let result = for_each(
            &items,
            &Control::default(),
            || (),
            |(), item| {
                if item == 7 { Err(Error::new(Code::SourceShort)) } else { Ok(()) }
            },
        );
        assert_eq!(result.unwrap_err().code, Code::SourceShort);
    }

    #[test]
    fn cancelled_before_it_starts() {
        let control = Control::default();
        control.cancel();
        let result = for_each(&[1], &control, || (), |(), _| Ok(()));
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
    }

    #[test]
    fn a_panic_stops_the_others() {
        let items: Vec<u64> = (0..10_000).collect();
        let done = AtomicU64::new(0);
        let work = |(): &mut (), item| {
            if item == 3 {
                // A panic that prints nothing.
                panic::resume_unwind(Box::new("a bug"));
            }
            thread::sleep(Duration::from_millis(1));
            done.fetch_add(1, Relaxed);
            Ok(())
        };
        let run = || for_each(&items, &Control::default(), || (), work);
        let panic = panic::catch_unwind(panic::AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
        assert!(done.into_inner() < 9_999, "they did everything that was left");
    }

    #[test]
    fn threads_that_cannot_be_started_are_done_without() {
        let items: Vec<u64> = (0..100).collect();
        let run =
            || for_each(&items, &Control::default(), || (), |(), item| Ok((item, thread::current().id())));
        for started in 0..2 {
            let none = Injection { at: started, fault: Fault::Fails(Errno::AGAIN), lasting: true };
            let (result, _) = watch(Some(none), run);
            let results = result.unwrap();
            assert!(results.iter().map(|(item, _)| item).eq(&items));
            let here = thread::current().id();
            assert!(
                started > 0 || results.iter().all(|(_, thread)| *thread == here),
                "there is no other thread"
            );
        }
    }
}
