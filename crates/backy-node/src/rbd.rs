//! The call about images of a Ceph cluster.

use std::io::stdout;
use std::os::fd::AsFd;

use backy_core::{Code, Error, RbdSnapshot};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::images::sample_of;
use crate::outcome::promise;

/// A setting of the client of a Ceph cluster.
#[napi(object)]
pub struct RbdSetting {
    /// Its name, such as `rados_osd_op_timeout`.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A sample of a snapshot.
#[napi(object)]
pub struct RbdSampleOptions {
    /// Path of the configuration of the cluster.
    pub conf: Option<String>,
    /// User, without `client.` in front.
    pub user: Option<String>,
    /// Further settings, such as timeouts.
    pub settings: Vec<RbdSetting>,
    /// Pool of the image.
    pub pool: String,
    /// Namespace in the pool.
    pub namespace: Option<String>,
    /// The image.
    pub image: String,
    /// Its snapshot.
    pub snapshot: String,
    /// One block of this many is in the sample.
    pub runs: f64,
    /// The number of that block, from 0.
    pub run: f64,
}

/// Writes a sample of a snapshot to standard output, as a stream of `rbd export-diff`.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn export_rbd_sample(env: &Env, options: RbdSampleOptions) -> Result<Object<'_>> {
    promise(env, "sample", move || {
        let sample = sample_of(options.runs, options.run)?;
        let snapshot = RbdSnapshot {
            conf: options.conf,
            user: options.user,
            settings: options.settings.into_iter().map(|setting| (setting.key, setting.value)).collect(),
            pool: options.pool,
            namespace: options.namespace,
            image: options.image,
            snapshot: options.snapshot,
        };
        let output = stdout().as_fd().try_clone_to_owned();
        let unusable = |_| Error::new(Code::InvalidArgument).detail("standard output is closed");
        backy_core::export_sample(&snapshot, sample, output.map_err(unusable)?)
    })
}
