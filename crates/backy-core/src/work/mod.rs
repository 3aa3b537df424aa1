//! Running an operation: on several threads, below a rate limit, watched and cancelled from outside.
//!
//! ```
//! use std::num::NonZeroU64;
//!
//! let control = backy_core::Control::with_rate(NonZeroU64::new(50 << 20).unwrap());
//! assert_eq!(control.progress().done, 0);
//! control.cancel();
//! ```

pub(crate) mod control;
pub(crate) mod idle;
pub(crate) mod pool;
pub(crate) mod rate;
