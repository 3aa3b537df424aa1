//! librbd, the library behind rbd(8), for what the program cannot do: reading here and there in a snapshot.
//!
//! It is loaded when it is needed, so that backy runs where there is no Ceph. Its threads and its ways to give up are
//! its own, so whoever needs it is a process apart.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};

use rustix::io::Errno;

use crate::error::{Code, Error, Result};

/// A snapshot of an image, and how its cluster is reached.
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

type Handle = *mut c_void;

/// The functions that are used: librados.h and librbd.h, unchanged since Ceph 0.94.
struct Library {
    create: unsafe extern "C" fn(*mut Handle, *const c_char) -> c_int,
    read_configuration: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    read_environment: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    set: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> c_int,
    connect: unsafe extern "C" fn(Handle) -> c_int,
    shutdown: unsafe extern "C" fn(Handle),
    open_pool: unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int,
    set_namespace: unsafe extern "C" fn(Handle, *const c_char),
    close_pool: unsafe extern "C" fn(Handle),
    open: unsafe extern "C" fn(Handle, *const c_char, *mut Handle, *const c_char) -> c_int,
    size: unsafe extern "C" fn(Handle, *mut u64) -> c_int,
    read: unsafe extern "C" fn(Handle, u64, usize, *mut c_char) -> isize,
    close: unsafe extern "C" fn(Handle) -> c_int,
}

impl Library {
    #[allow(clippy::multiple_unsafe_ops_per_block, reason = "they are sound for one reason")]
    fn load() -> Result<Self> {
        let (rados, rbd) = (open_library(c"librados.so.2")?, open_library(c"librbd.so.1")?);
        // SAFETY: each symbol is a function of exactly this signature, librados.h and librbd.h.
        unsafe {
            Ok(Self {
                create: function(rados, c"rados_create")?,
                read_configuration: function(rados, c"rados_conf_read_file")?,
                read_environment: function(rados, c"rados_conf_parse_env")?,
                set: function(rados, c"rados_conf_set")?,
                connect: function(rados, c"rados_connect")?,
                shutdown: function(rados, c"rados_shutdown")?,
                open_pool: function(rados, c"rados_ioctx_create")?,
                set_namespace: function(rados, c"rados_ioctx_set_namespace")?,
                close_pool: function(rados, c"rados_ioctx_destroy")?,
                open: function(rbd, c"rbd_open_read_only")?,
                size: function(rbd, c"rbd_get_size")?,
                read: function(rbd, c"rbd_read")?,
                close: function(rbd, c"rbd_close")?,
            })
        }
    }
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
        // SAFETY: the image is open, and the buffer has the length that is said.
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

fn open_library(name: &CStr) -> Result<NonNull<c_void>> {
    // SAFETY: loading a library runs its constructors, which for these only prepare themselves.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    let missing = || failed(format!("the library {} cannot be loaded", name.to_string_lossy()));
    // It stays loaded until the process ends.
    NonNull::new(handle).ok_or_else(missing)
}

/// # Safety
/// `F` must be the type of the function of this name.
unsafe fn function<F: Copy>(library: NonNull<c_void>, name: &CStr) -> Result<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the library is loaded, the name ends with a zero.
    let symbol = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
    if symbol.is_null() {
        return Err(failed(format!("librbd has no function {}", name.to_string_lossy())));
    }
    // SAFETY: both have the size of a pointer, and the caller vouches for the type.
    Ok(unsafe { std::mem::transmute_copy(&symbol) })
}

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Code::InvalidArgument).detail("a name has a zero byte"))
}

fn pointer(text: Option<&CStr>) -> *const c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}

fn failed(detail: String) -> Error {
    Error::new(Code::ProgramFailed).at(Path::new("librbd")).detail(detail)
}
