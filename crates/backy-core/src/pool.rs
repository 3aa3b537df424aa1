//! Work spread over threads: segments handed out in order by one counter, no queue, no channel.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use crate::control::Control;
use crate::error::Result;

/// More threads than this gain nothing: memory bandwidth ends first.
const MOST_THREADS: usize = 8;
/// A thread that waits for the disk leaves its processor to another.
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

/// Calls `work` for each number in `items`, each thread with a state of its own, and returns the results in
/// the order of `items`. The first failure stops all threads and is returned.
pub(crate) fn for_each<State, Output: Send>(
    items: &[u64],
    control: &Control,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, u64) -> Result<Output> + Sync,
) -> Result<Vec<Output>> {
    let next = AtomicU64::new(0);
    let failure = Mutex::new(None);
    let run = || {
        let mut state = state();
        let mut outputs = Vec::new();
        while failure.lock().expect("no thread panics with this lock").is_none() {
            let at = next.fetch_add(1, Relaxed);
            let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) else { break };
            match control.check().and_then(|()| work(&mut state, *item)) {
                Ok(output) => outputs.push((at, output)),
                Err(error) => {
                    failure.lock().expect("no thread panics with this lock").get_or_insert(error);
                }
            }
        }
        outputs
    };
    let count = threads().min(items.len()).max(1);
    let mut outputs = if count == 1 { run() } else { run_on(count, &run) };
    if let Some(error) = failure.into_inner().expect("no thread panics with this lock") {
        return Err(error);
    }
    outputs.sort_unstable_by_key(|(at, _)| *at);
    Ok(outputs.into_iter().map(|(_, output)| output).collect())
}

fn run_on<Output: Send>(count: usize, run: &(impl Fn() -> Vec<Output> + Sync)) -> Vec<Output> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(run)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

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
}
