//! A rate limit in bytes per second, shared by all threads of an operation.
//!
//! Each piece of work books the time that its bytes take, after all earlier bookings, and waits until that time begins.
//! So the threads take turns, and no thread has to refill a budget.

use std::num::NonZeroU64;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The longest pause that is made up for: a disk that stood still for a while must not be flooded afterwards.
const LONGEST_CREDIT: Duration = Duration::from_millis(250);

/// The bookings so far. Times count from the beginning of the operation.
#[derive(Debug)]
struct Bookings {
    bytes_per_second: NonZeroU64,
    free_at: Duration,
}

impl Bookings {
    /// Books `bytes`. Returns the time at which they may be read.
    fn book(&mut self, now: Duration, bytes: u64) -> Duration {
        let begin = self.free_at.max(now.saturating_sub(LONGEST_CREDIT));
        self.free_at = begin.saturating_add(self.time_of(bytes));
        begin
    }

    fn time_of(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
        u64::try_from(nanoseconds).map_or(Duration::MAX, Duration::from_nanos)
    }
}

/// A limit with a clock.
#[derive(Debug)]
pub(crate) struct Rate {
    bookings: Mutex<Bookings>,
    woken: Condvar,
    start: Instant,
}

impl Rate {
    pub(crate) fn new(bytes_per_second: NonZeroU64) -> Self {
        let bookings = Bookings { bytes_per_second, free_at: Duration::ZERO };
        Self { bookings: Mutex::new(bookings), woken: Condvar::new(), start: Instant::now() }
    }

    /// Waits until `bytes` may be read, or until `is_over` is true after a call of [`Rate::wake`].
    pub(crate) fn wait(&self, bytes: u64, is_over: impl Fn() -> bool) {
        let mut bookings = self.lock();
        let begin = bookings.book(self.start.elapsed(), bytes);
        let left = begin.saturating_sub(self.start.elapsed());
        let waited = self.woken.wait_timeout_while(bookings, left, |_| !is_over());
        drop(waited.expect("no thread panics with this lock"));
    }

    /// Wakes all waiting threads, so that they check whether it is over.
    pub(crate) fn wake(&self) {
        // A thread that has checked before this is waiting already.
        drop(self.lock());
        self.woken.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Bookings> {
        self.bookings.lock().expect("no thread panics with this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn bookings(bytes_per_second: u64) -> Bookings {
        Bookings { bytes_per_second: NonZeroU64::new(bytes_per_second).unwrap(), free_at: Duration::ZERO }
    }

    #[test]
    fn threads_that_come_at_once_take_turns() {
        let mut bookings = bookings(4 * MIB);
        let begins = [1, 2, 1, 1].map(|mib| bookings.book(Duration::ZERO, mib * MIB).as_millis());
        assert_eq!(begins, [0, 250, 750, 1000]);
    }

    #[test]
    fn a_pause_is_made_up_for_but_only_a_quarter_of_a_second_of_it() {
        let mut bookings = bookings(4 * MIB);
        let begins = [0, 300, 2000, 2000, 2000].map(|at| {
            let now = Duration::from_millis(at);
            bookings.book(now, MIB).as_millis()
        });
        assert_eq!(begins, [0, 250, 1750, 2000, 2250]);
    }

    /// Pieces of any size come at any time. Before each of them, no more bytes were read than limit and credit allow.
    #[test]
    fn no_stretch_of_time_sees_more_than_the_limit_allows() {
        let (rate, largest) = (10 * MIB, 4 * MIB);
        let mut bookings = bookings(rate);
        let mut now = Duration::ZERO;
        let mut begun = Vec::new();
        for step in 0..1000_u64 {
            now += Duration::from_millis(step * step % 977);
            let bytes = (step * 7919) % largest + 1;
            // A thread continues when it may, and not before it came.
            begun.push((bookings.book(now, bytes).max(now), bytes));
        }
        for (first, (start, _)) in begun.iter().enumerate() {
            let mut before = 0;
            for (begin, bytes) in &begun[first..] {
                let allowed = (begin.saturating_sub(*start) + LONGEST_CREDIT).as_secs_f64() * rate as f64;
                assert!(before as f64 <= allowed + 1000.0, "{before} bytes from {start:?} to {begin:?}");
                before += bytes;
            }
        }
    }

    #[test]
    fn the_slowest_and_the_fastest_rate_do_not_overflow() {
        let mut slow = bookings(1);
        slow.book(Duration::ZERO, u64::MAX);
        assert_eq!(slow.book(Duration::ZERO, u64::MAX), Duration::MAX);
        let mut fast = bookings(u64::MAX);
        fast.book(Duration::ZERO, MIB);
        assert_eq!(fast.book(Duration::ZERO, MIB), Duration::ZERO);
    }

    #[test]
    fn a_wait_of_hours_ends_at_once_when_it_is_over() {
        let rate = Rate::new(NonZeroU64::MIN);
        let over = std::sync::atomic::AtomicBool::new(false);
        let is_over = || over.load(std::sync::atomic::Ordering::Relaxed);
        rate.wait(MIB, is_over);
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| rate.wait(MIB, is_over))).collect();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            rate.wake();
            for thread in waiting {
                thread.join().unwrap();
            }
        });
    }
}
