//! Control of long calls: each runs on a thread of its own, with a `Control`.

use std::num::NonZeroU64;
use std::sync::Arc;

use napi::bindgen_prelude::{Object, ToNapiValue, TypeName};
use napi::{Env, Error, Result};
use napi_derive::napi;

use crate::outcome::{count, promise};

/// The share of the machine that a call may take.
#[napi(object)]
pub struct Load {
    /// The most bytes of images and sources that are read in a second; 1 or more.
    pub rate: Option<i64>,
    /// Whether the call runs with idle priority.
    pub idle: Option<bool>,
}

/// Watches and stops one long call.
#[napi]
pub struct Control {
    inner: Arc<backy_core::Control>,
    idle: bool,
}

/// Progress of a call, in bytes.
#[napi(object)]
pub struct Progress {
    /// Bytes to process.
    pub total: i64,
    /// Bytes processed.
    pub done: i64,
    /// Bytes that differ.
    pub changed: i64,
}

#[napi]
impl Control {
    /// Creates the control of one call. Throws if the rate is invalid.
    #[napi(constructor)]
    pub fn new(load: Load) -> Result<Self> {
        let invalid = || Error::from_reason("a rate is 1 byte in a second, or more");
        let rate = |rate| u64::try_from(rate).ok().and_then(NonZeroU64::new).ok_or_else(invalid);
        let rate = load.rate.map(rate).transpose()?;
        let inner = rate.map_or_else(backy_core::Control::default, backy_core::Control::with_rate);
        Ok(Self { inner: Arc::new(inner), idle: load.idle.unwrap_or(false) })
    }

    /// Asks the call to stop; it then fails with `BACKY_CANCELLED`.
    #[napi]
    pub fn cancel(&self) {
        self.inner.cancel();
    }

    /// Progress so far.
    #[napi]
    #[must_use]
    pub fn progress(&self) -> Progress {
        let progress = self.inner.progress();
        Progress {
            total: count(progress.total),
            done: count(progress.done),
            changed: count(progress.changed),
        }
    }
}

/// Runs `work` on a thread of its own, as [`promise`] does, under its control.
pub(crate) fn controlled<'env, T>(
    env: &'env Env,
    name: &str,
    control: &Control,
    work: impl FnOnce(&backy_core::Control) -> backy_core::Result<T> + Send + 'static,
) -> Result<Object<'env>>
where
    T: ToNapiValue + TypeName + Send + 'static,
{
    let Control { inner, idle } = control;
    let (inner, idle) = (Arc::clone(inner), *idle);
    promise(env, name, move || {
        if idle {
            backy_core::become_idle()?;
        }
        work(&inner)
    })
}
