//! Idle priority for a thread.

use std::path::Path;

use crate::error::{Context, Result};
use crate::platform;

/// Gives the calling thread idle priority for disks and processors, along with all threads and programs that it starts
/// from now on. This cannot be undone. On macOS it does nothing.
///
/// # Errors
/// [`crate::Code::Io`] when the system refuses.
pub fn become_idle() -> Result<()> {
    let this = Path::new("this process");
    platform::idle_disk_priority().on("ioprio_set", this)?;
    platform::idle_processor_priority().on("sched_setscheduler", this)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;
    use std::thread;

    const SCHED_IDLE: &str = "5";

    /// The scheduling policy of one of our threads, by the number of chrt(1): `proc_pid_stat(5)`.
    fn policy(stat: &str) -> Option<&str> {
        stat.rsplit(')').next()?.split_whitespace().nth(38)
    }

    fn policy_of_this_thread() -> Option<String> {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        policy(&stat).map(str::to_owned)
    }

    #[test]
    fn threads_and_programs_of_an_idle_thread_are_idle_and_others_are_not() {
        let state = || (policy_of_this_thread(), platform::disk_priority());
        let before = state();
        let (started, program) = thread::spawn(move || {
            become_idle().unwrap();
            let output = Command::new("cat").arg("/proc/self/stat").output().unwrap();
            (thread::spawn(state).join().unwrap(), String::from_utf8(output.stdout).unwrap())
        })
        .join()
        .unwrap();
        assert_eq!(started, (Some(SCHED_IDLE.to_owned()), i64::from(platform::IDLE_DISK)));
        assert_eq!(policy(&program), Some(SCHED_IDLE));
        assert_eq!(state(), before);
    }
}
