//! Linux: priorities of single threads. Threads and programs that they start inherit them. The calls are raw, because
//! musl refuses one of them, and no library has the other.

use std::ptr;

use rustix::io::Result;

use super::ioctl::done;
use crate::sys::call;

/// `IOPRIO_WHO_PROCESS` and `IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)` of include/uapi/linux/ioprio.h.
const THREAD: libc::c_int = 1;
pub(crate) const IDLE_DISK: libc::c_int = 3 << 13;

/// Makes the disk serve all others before the calling thread. `ioprio_set(2)`
pub(crate) fn idle_disk_priority() -> Result<()> {
    call("ioprio_set", || {
        // SAFETY: no memory is passed.
        done(unsafe { libc::syscall(libc::SYS_ioprio_set, THREAD, 0, IDLE_DISK) })
    })
}

/// Makes the processors serve all others before the calling thread: `SCHED_IDLE`, sched(7).
pub(crate) fn idle_processor_priority() -> Result<()> {
    // The only field of a `struct sched_param`.
    let priority: libc::c_int = 0;
    call("sched_setscheduler", || {
        // SAFETY: the pointer is valid for the structure that the call reads.
        done(unsafe {
            libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_IDLE, ptr::from_ref(&priority))
        })
    })
}

/// The disk priority of the calling thread. `ioprio_get(2)`
#[cfg(test)]
pub(crate) fn disk_priority() -> libc::c_long {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_ioprio_get, THREAD, 0) }
}
