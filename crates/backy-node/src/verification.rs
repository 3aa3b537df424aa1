//! The calls that compare images with their indexes.

use std::sync::{Arc, Mutex, PoisonError};

use backy_core::Report;
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::images::sealed;
use crate::outcome::{BadBlock, count, crossing};

/// A sealed image, and the facts in its record.
#[napi(object)]
pub struct VerifyOptions {
    /// The image.
    pub image: String,
    /// Its index.
    pub index: String,
    /// Size of the image in bytes.
    pub size: f64,
    /// BLAKE3 of the index.
    pub digest: String,
    /// File to create if any block is bad, with a line of JSON for every one; the name must be free.
    pub report: Option<String>,
    /// The first line of that file, without the line feed.
    pub report_header: Option<String>,
}

/// Findings about an image. Sizes in bytes.
#[napi(object)]
pub struct VerifyStats {
    /// Blocks of the image.
    pub blocks: i64,
    /// Read from the image.
    pub bytes_read: i64,
    /// Not read again, because the image before has them at the same place on the disk.
    pub bytes_shared: i64,
    /// Number of bad blocks.
    pub bad_count: i64,
    /// The first 10,000 of them.
    pub bad_blocks: Vec<BadBlock>,
    /// The reason why the report could not be written.
    pub report_problem: Option<String>,
}

/// Compares a whole image with its index. Bad blocks are a result, not a failure.
#[napi(ts_return_type = "Promise<VerifyStats | Failure>")]
pub fn verify_image<'env>(env: &'env Env, options: VerifyOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "verify", control, move |control| {
        let (image, report) = verification(options)?;
        // The map is off by default, because it was measured to be slower. It may be faster elsewhere.
        let mapped = std::env::var_os("BACKY_MMAP").is_some();
        let verify = if mapped { backy_core::verify_mapped_image } else { backy_core::verify_image };
        verify(&image, report.as_ref(), control).map(VerifyStats::from)
    })
}

/// The images that one run has verified, for the next one to build on.
#[napi]
#[derive(Default)]
pub struct Verified(Arc<Mutex<backy_core::Verified>>);

#[napi]
impl Verified {
    /// Nothing is verified yet.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes the files of the last image. Otherwise they stay open until the garbage is collected.
    #[napi]
    pub fn release(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = backy_core::Verified::default();
    }
}

/// Compares one image of several with its index. It reads no block that the image before has at the same place.
#[napi(ts_return_type = "Promise<VerifyStats | Failure>")]
pub fn verify_next_image<'env>(
    env: &'env Env,
    options: VerifyOptions,
    verified: &Verified,
    control: &Control,
) -> Result<Object<'env>> {
    let verified = Arc::clone(&verified.0);
    controlled(env, "verify", control, move |control| {
        let (image, report) = verification(options)?;
        let mut verified = verified.lock().unwrap_or_else(PoisonError::into_inner);
        backy_core::verify_next_image(&image, report.as_ref(), &mut verified, control).map(VerifyStats::from)
    })
}

fn verification(options: VerifyOptions) -> backy_core::Result<(backy_core::ImageOptions, Option<Report>)> {
    let image = sealed(options.image, options.index, options.size, &options.digest)?;
    let header = options.report_header.unwrap_or_default();
    Ok((image, options.report.map(|path| Report { path: path.into(), header })))
}

impl From<backy_core::VerifyStats> for VerifyStats {
    fn from(stats: backy_core::VerifyStats) -> Self {
        Self {
            blocks: count(stats.blocks),
            bytes_read: count(stats.bytes_read),
            bytes_shared: count(stats.bytes_shared),
            bad_count: count(stats.bad_count),
            bad_blocks: crossing(&stats.bad_blocks),
            report_problem: stats.report_problem,
        }
    }
}
