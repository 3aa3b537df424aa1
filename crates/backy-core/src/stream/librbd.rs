//! librbd, the library behind rbd(8). It can read single blocks of a snapshot, which the program cannot.
//!
//! The library has threads of its own and may abort, so it is used in a separate process.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr;

use rustix::io::Errno;

use crate::error::{Code, Error, Result};
use crate::stream::ceph_library::{Handle, Library, failed};

/// A snapshot of an image, and the way to its cluster.
#[derive(Debug, Clone, Default)]
pub struct RbdSnapshot {
    /// Path of the configuration; by default the one that Ceph finds by itself.
    pub conf: Option<String>,
    /// User, without `client.` in front; by default `admin`.
    pub user: Option<String>,
    /// Further settings of the client, such as timeouts.
    pub settings: Vec<(String, String)>,
    /// Pool of the image.
    pub pool: String,
    /// Namespace in the pool.
    pub namespace: Option<String>,
    /// The image.
    pub image: String,
    /// Its snapshot.
    pub snapshot: String,
}

/// An open snapshot; closed when it is dropped.
pub(crate) struct RbdReader {
    calls: Library,
    name: String,
    cluster: Handle,
    pool: Handle,
    image: Handle,
}

impl RbdReader {
    /// Connects to the cluster and opens the snapshot.
    ///
    /// # Errors
    /// [`Code::ProgramFailed`] with what could not be done.
    pub(crate) fn open(snapshot: &RbdSnapshot) -> Result<Self> {
        let library = Library::load()?;
        let name = format!("{}/{}@{}", snapshot.pool, snapshot.image, snapshot.snapshot);
        let none = ptr::null_mut();
        let mut reader = Self { calls: library, name, cluster: none, pool: none, image: none };
        reader.connect(snapshot)?;
        let pool = text(&snapshot.pool)?;
        // SAFETY: the cluster is connected, the text ends with a zero, the handle is written to once.
        let result = unsafe { (reader.calls.open_pool)(reader.cluster, pool.as_ptr(), &raw mut reader.pool) };
        reader.check(result, "open the pool of")?;
        if let Some(namespace) = &snapshot.namespace {
            let namespace = text(namespace)?;
            // SAFETY: the pool is open, the text ends with a zero and is copied.
            unsafe { (reader.calls.set_namespace)(reader.pool, namespace.as_ptr()) };
        }
        let (image, at) = (text(&snapshot.image)?, text(&snapshot.snapshot)?);
        // SAFETY: as for the pool.
        let result =
            unsafe { (reader.calls.open)(reader.pool, image.as_ptr(), &raw mut reader.image, at.as_ptr()) };
        reader.check(result, "open")?;
        Ok(reader)
    }

    fn connect(&mut self, snapshot: &RbdSnapshot) -> Result<()> {
        let user = snapshot.user.as_deref().map(text).transpose()?;
        // SAFETY: a user may be null, and then is admin; the handle is written to once.
        let result = unsafe { (self.calls.create)(&raw mut self.cluster, pointer(user.as_deref())) };
        self.check(result, "become a client of the cluster of")?;
        let conf = snapshot.conf.as_deref().map(text).transpose()?;
        // SAFETY: the client exists; a path may be null, and then is searched for.
        let result = unsafe { (self.calls.read_configuration)(self.cluster, pointer(conf.as_deref())) };
        self.check(result, "read the configuration for")?;
        // SAFETY: the client exists; null stands for CEPH_ARGS.
        let result = unsafe { (self.calls.read_environment)(self.cluster, ptr::null()) };
        self.check(result, "read CEPH_ARGS for")?;
        for (key, value) in &snapshot.settings {
            let (key, value) = (text(key)?, text(value)?);
            // SAFETY: the client exists, both texts end with a zero and are copied.
            let result = unsafe { (self.calls.set)(self.cluster, key.as_ptr(), value.as_ptr()) };
            self.check(result, "configure the client for")?;
        }
        // SAFETY: the client exists and is configured.
        let result = unsafe { (self.calls.connect)(self.cluster) };
        self.check(result, "connect to the cluster of")
    }

    /// Bytes of the image in the snapshot.
    pub(crate) fn size(&self) -> Result<u64> {
        let mut size = 0;
        // SAFETY: the image is open, the number is valid for the call.
        let result = unsafe { (self.calls.size)(self.image, &raw mut size) };
        self.check(result, "ask for the size of")?;
        Ok(size)
    }

    /// Fills the buffer from an offset; all of it must be inside the image.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let start = buffer.as_mut_ptr().cast::<c_char>();
        // SAFETY: the image is open, and the buffer has this length.
        let count = unsafe { (self.calls.read)(self.image, offset, buffer.len(), start) };
        match usize::try_from(count) {
            Ok(count) if count == buffer.len() => Ok(()),
            Ok(_) => Err(Error::new(Code::SourceShort).at(Path::new(&self.name)).offset(offset)),
            Err(_) => self.check(c_int::try_from(count).unwrap_or(-5), "read").map_err(|e| e.offset(offset)),
        }
    }

    fn check(&self, result: c_int, what: &str) -> Result<()> {
        if result >= 0 {
            return Ok(());
        }
        let errno = std::io::Error::from(Errno::from_raw_os_error(-result));
        Err(failed(format!("cannot {what} {}: {errno}", self.name)))
    }
}

impl Drop for RbdReader {
    fn drop(&mut self) {
        let library = &self.calls;
        if !self.image.is_null() {
            // SAFETY: it is open, and nobody uses it any more.
            unsafe { (library.close)(self.image) };
        }
        if !self.pool.is_null() {
            // SAFETY: it is open, and its image is closed.
            unsafe { (library.close_pool)(self.pool) };
        }
        if !self.cluster.is_null() {
            // SAFETY: the client exists, and its pool is closed.
            unsafe { (library.shutdown)(self.cluster) };
        }
    }
}

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Code::InvalidArgument).detail("a name has a zero byte"))
}

fn pointer(text: Option<&CStr>) -> *const c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}
