//! The end of a call on its own thread, with a value or with a failure as data, and the conversion of numbers. A call
//! that has begun neither rejects nor throws, because a JavaScript error made here could carry only a message. Before
//! that, napi throws for arguments that it cannot convert, such as null in place of an object.

use std::panic::{AssertUnwindSafe, catch_unwind};

use backy_core::{Code, Error, Found, errno_name};
use napi::bindgen_prelude::{Either, Object, ToNapiValue, TypeName};
use napi::{Env, Result};
use napi_derive::napi;
use rustix::io::Errno;

/// A block of an image that differs from the index.
#[napi(object)]
pub struct BadBlock {
    /// Offset of its first byte in the image.
    pub offset: i64,
    /// Its length in bytes.
    pub length: i64,
    /// Its hash in the index; 64 zeros stand for a block of zeros.
    pub expected: String,
    /// The hash of the bytes that were read; absent if they could not be read.
    pub found: Option<String>,
    /// The error of a block that could not be read, such as `EIO`.
    pub error: Option<String>,
}

impl From<&backy_core::BadBlock> for BadBlock {
    fn from(block: &backy_core::BadBlock) -> Self {
        let (found, error) = match block.found {
            Found::Other(hash) => (Some(hash.to_string()), None),
            Found::Unreadable(errno) => (None, Some(errno_name(errno))),
        };
        let expected = block.expected.to_string();
        Self { offset: count(block.offset), length: count(block.length), expected, found, error }
    }
}

/// Bad blocks as they cross; the engine lists the first ones only.
#[must_use]
pub fn crossing(blocks: &[backy_core::BadBlock]) -> Vec<BadBlock> {
    blocks.iter().map(BadBlock::from).collect()
}

/// A user of a file or a block device.
#[napi(object)]
pub struct Holder {
    /// The kind of user.
    #[napi(ts_type = "'process' | 'loop' | 'swap' | 'mount' | 'device' | 'lock' | 'unseen'")]
    pub kind: String,
    /// The program, device or directory; empty if it has no name.
    pub name: String,
    /// The process, if one is visible.
    pub pid: Option<u32>,
    /// The user that the process runs as, by name or else by number.
    pub user: Option<String>,
}

impl From<backy_core::Holder> for Holder {
    fn from(holder: backy_core::Holder) -> Self {
        Self { kind: holder.kind.name().to_owned(), name: holder.name, pid: holder.pid, user: holder.user }
    }
}

/// A failed call as data. Promises resolve to it, and `failed` tells it from a result.
#[napi(object)]
pub struct Failure {
    /// Always true.
    #[napi(ts_type = "true")]
    pub failed: bool,
    /// One of the codes of `src/errors.ts`.
    pub code: String,
    /// The engine's own words, for logs.
    pub message: String,
    /// Further facts in words.
    pub detail: Option<String>,
    /// The file concerned.
    pub path: Option<String>,
    /// The system call that failed.
    pub syscall: Option<String>,
    /// The error number.
    pub errno: Option<i32>,
    /// The name of that number, such as `ENOSPC`.
    pub errno_name: Option<String>,
    /// Offset in `path`, in bytes.
    pub offset: Option<i64>,
    /// The process holding a lock.
    pub pid: Option<u32>,
    /// Number of damaged blocks of an image.
    pub bad_count: Option<i64>,
    /// The first 10,000 of them.
    pub bad_blocks: Option<Vec<BadBlock>>,
    /// The users that have the file open.
    pub holders: Option<Vec<Holder>>,
    /// Whether the target of a restore has begun to change.
    pub begun: Option<bool>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            failed: true,
            code: error.code.name().to_owned(),
            message: error.to_string(),
            detail: error.detail,
            path: error.path.map(|path| path.to_string_lossy().into_owned()),
            syscall: error.syscall.map(str::to_owned),
            errno: error.errno.map(Errno::raw_os_error),
            errno_name: error.errno.map(errno_name),
            offset: error.offset.map(count),
            pid: error.pid,
            bad_count: (error.bad_count > 0).then(|| count(error.bad_count)),
            begun: error.begun.then_some(true),
            bad_blocks: (!error.bad_blocks.is_empty()).then(|| crossing(&error.bad_blocks)),
            holders: (!error.holders.is_empty())
                .then(|| error.holders.into_iter().map(Holder::from).collect()),
        }
    }
}

/// Runs `work` on a thread of its own, not on one of libuv's, and settles the returned promise with its
/// result. A panic becomes a failure.
pub fn promise<'env, T>(
    env: &'env Env,
    name: &str,
    work: impl FnOnce() -> backy_core::Result<T> + Send + 'static,
) -> Result<Object<'env>>
where
    T: ToNapiValue + TypeName + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let run = move || {
        let outcome = settle(work);
        deferred.resolve(move |_| Ok(outcome));
    };
    std::thread::Builder::new().name(format!("backy-{name}")).spawn(run)?;
    Ok(promise)
}

/// Runs `work`. Returns its result, or its failure.
pub fn settle<T>(work: impl FnOnce() -> backy_core::Result<T>) -> Either<T, Failure> {
    // State that a panic has left half-changed is dropped with the closure.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Either::A(value),
        Ok(Err(error)) => Either::B(error.into()),
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("of unknown cause");
            Either::B(Error::new(Code::Panic).detail(words).into())
        }
    }
}

/// Converts a number of bytes for JavaScript, which is exact up to 8 PiB. The engine refuses larger images.
#[must_use]
pub fn count(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Converts a whole number from JavaScript, at most 2^53 - 1. The integers of napi are 0 for NaN, drop fractions, and
/// wrap around for large numbers. So numbers come in as `f64`, and are checked here.
///
/// # Errors
/// [`Code::InvalidArgument`] naming the number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
pub fn whole<N: TryFrom<u64>>(name: &str, number: f64) -> backy_core::Result<N> {
    let is_whole = (0.0..=9_007_199_254_740_991.0).contains(&number) && number.fract() == 0.0;
    let whole = if is_whole { N::try_from(number as u64).ok() } else { None };
    let detail = || format!("{name} is not a whole number, or too large");
    whole.ok_or_else(|| Error::new(Code::InvalidArgument).detail(detail()))
}
