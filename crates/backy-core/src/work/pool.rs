//! Work spread over threads: items are handed out in order, and their results are folded in order. No queue, no channel.

use std::collections::BTreeMap;
use std::panic;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use crate::error::Result;
use crate::sys;
use crate::work::control::Control;

/// More threads gain nothing: memory bandwidth is the limit.
const MOST_THREADS: usize = 8;
/// A thread that waits for the disk leaves its processor to another one.
const THREADS_PER_PROCESSOR: usize = 2;
/// Results that wait for an earlier one. A thread may hang on a bad sector for a minute while the others go on.
const MOST_EARLY: usize = 4096;
/// After this time, a thread that waits looks whether all are to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

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

/// Calls `work` for each item, each thread with a state of its own, and hands the results to `take`, in the order of
/// the items. The first failure stops all threads and is returned; so does a panic, which goes on here.
///
/// Neither the items nor the results are ever held all at once: memory does not grow with their number.
pub(crate) fn for_each<Item: Send, State, Output: Send>(
    items: impl Iterator<Item = Item> + Send,
    control: &Control,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, Item) -> Result<Output> + Sync,
    take: impl FnMut(Output) + Send,
) -> Result<()> {
    let mut items = items.fuse();
    let first: Vec<Item> = items.by_ref().take(threads()).collect();
    let count = first.len();
    let supply = Mutex::new(Supply { items: Some(first.into_iter().chain(items)), number: 0 });
    let delivery = Delivery {
        state: Mutex::new(Delivered { next: 0, early: BTreeMap::new(), take }),
        changed: Condvar::new(),
    };
    let failure = Mutex::new(None);
    let stop = || {
        supply.lock().expect(LOCK).items = None;
        delivery.changed.notify_all();
    };
    let is_stopped = || supply.lock().expect(LOCK).items.is_none();
    let run = || {
        let _guard = OnPanic(&stop);
        let mut state = state();
        loop {
            let handed = supply.lock().expect(LOCK).next();
            let Some((number, item)) = handed else { break };
            match control.check().and_then(|()| work(&mut state, item)) {
                Ok(output) => delivery.put(number, output, is_stopped),
                Err(error) => {
                    failure.lock().expect(LOCK).get_or_insert(error);
                    stop();
                }
            }
        }
    };
    run_on(count, &run);
    failure.into_inner().expect(LOCK).map_or(Ok(()), Err)
}

const LOCK: &str = "no thread panics with this lock";

/// The items that no thread has taken yet; `None` when no more are wanted.
struct Supply<Items> {
    items: Option<Items>,
    number: u64,
}

impl<Items: Iterator> Supply<Items> {
    fn next(&mut self) -> Option<(u64, Items::Item)> {
        let item = self.items.as_mut()?.next()?;
        self.number += 1;
        Some((self.number - 1, item))
    }
}

/// The results on their way to whoever takes them.
struct Delivery<Output, Take> {
    state: Mutex<Delivered<Output, Take>>,
    changed: Condvar,
}

struct Delivered<Output, Take> {
    /// The number of the result that is taken next.
    next: u64,
    /// Results that came before their turn.
    early: BTreeMap<u64, Output>,
    take: Take,
}

impl<Output, Take: FnMut(Output)> Delivery<Output, Take> {
    /// Hands over a result when its turn has come. A thread that is far ahead of another one waits for it.
    fn put(&self, number: u64, output: Output, is_stopped: impl Fn() -> bool) {
        let mut state = self.state.lock().expect(LOCK);
        state.early.insert(number, output);
        if state.next == number {
            while let Some(output) = {
                let next = state.next;
                state.early.remove(&next)
            } {
                state.next += 1;
                (state.take)(output);
            }
            self.changed.notify_all();
        }
        while state.early.len() >= MOST_EARLY {
            state = self.changed.wait_timeout(state, LONGEST_WAIT).expect(LOCK).0;
            if is_stopped() {
                return;
            }
        }
    }
}

/// Runs `run` on `count` threads, including this one. If the system starts fewer, it runs on those.
fn run_on(count: usize, run: &(impl Fn() + Sync)) {
    thread::scope(|scope| {
        let start = || thread::Builder::new().spawn_scoped(scope, run).map_err(|_| Errno::AGAIN);
        let others: Vec<_> = (1..count).map_while(|_| sys::call("clone", start).ok()).collect();
        run();
        for other in others {
            other.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        }
    });
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
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;
    use crate::error::{Code, Error};
    use crate::sys::faults::{Fault, Injection, watch};

    /// The results of `work`, in the order in which they are taken.
    fn results<Output: Send>(
        items: impl Iterator<Item = u64> + Send,
        work: impl Fn(u64) -> Result<Output> + Sync,
    ) -> Result<Vec<Output>> {
        let mut taken = Vec::new();
        for_each(items, &Control::default(), || (), |(), item| work(item), |output| taken.push(output))?;
        Ok(taken)
    }

    #[test]
    fn results_come_in_order() {
        let squares = results(0..1000, |item| Ok(item * item)).unwrap();
        assert!(squares.into_iter().eq((0..1000).map(|item| item * item)));
    }

    #[test]
    fn items_are_taken_from_the_iterator_one_by_one() {
        let handed = AtomicU64::new(0);
        let done = AtomicU64::new(0);
        let items = (0..u64::MAX).inspect(|_| {
            handed.fetch_add(1, Relaxed);
        });
        let work = |_| {
            if done.fetch_add(1, Relaxed) < 10_000 { Ok(()) } else { Err(Error::new(Code::Cancelled)) }
        };
        assert_eq!(results(items, work).unwrap_err().code, Code::Cancelled);
        assert!(handed.into_inner() <= done.into_inner() + threads() as u64);
    }

    #[test]
    fn threads_wait_for_one_that_is_far_behind() {
        let most = AtomicU64::new(0);
        let work = |item| {
            if item == 0 {
                thread::sleep(Duration::from_millis(300));
            }
            most.fetch_max(item, Relaxed);
            Ok(if item == 0 { most.load(Relaxed) } else { item })
        };
        let found = results(0..1_000_000, work).unwrap();
        assert!(found[0] <= (MOST_EARLY + threads()) as u64, "{} were done before the first", found[0]);
        assert!(found[1..].iter().copied().eq(1..1_000_000));
    }

    #[test]
    fn the_first_failure_is_the_result() {
        let work = |item| if item == 7 { Err(Error::new(Code::SourceShort)) } else { Ok(()) };
        assert_eq!(results(0..1000, work).unwrap_err().code, Code::SourceShort);
    }

    #[test]
    fn cancelled_before_it_starts() {
        let control = Control::default();
        control.cancel();
        let result = for_each(0..1, &control, || (), |(), _| Ok(()), |()| ());
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
    }

    #[test]
    fn a_panic_stops_the_others() {
        let done = AtomicU64::new(0);
        let work = |item| {
            if item == 3 {
                // A panic that prints nothing.
                panic::resume_unwind(Box::new("a bug"));
            }
            thread::sleep(Duration::from_millis(1));
            done.fetch_add(1, Relaxed);
            Ok(())
        };
        let run = || results(0..10_000, work);
        let panic = panic::catch_unwind(panic::AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
        assert!(done.into_inner() < 9_999, "they did everything that was left");
    }

    #[test]
    fn threads_that_cannot_be_started_are_done_without() {
        let run = || results(0..100, |item| Ok((item, thread::current().id())));
        for started in 0..2 {
            let none = Injection { at: started, fault: Fault::Fails(Errno::AGAIN), lasting: true };
            let (result, _) = watch(Some(none), run);
            let results = result.unwrap();
            assert!(results.iter().map(|(item, _)| *item).eq(0..100));
            let here = thread::current().id();
            assert!(
                started > 0 || results.iter().all(|(_, thread)| *thread == here),
                "there is no other thread"
            );
        }
    }
}
