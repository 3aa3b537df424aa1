//! The functions of librados and librbd. They are loaded when they are needed, so that backy runs without Ceph.

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

use libloading::os::unix as loading;

use crate::error::{Code, Error, Result};

pub(super) type Handle = *mut c_void;

/// The functions that we use, from librados.h and librbd.h. They are unchanged since Ceph 0.94.
pub(super) struct Library {
    pub create: unsafe extern "C" fn(*mut Handle, *const c_char) -> c_int,
    pub read_configuration: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    pub read_environment: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    pub set: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> c_int,
    pub connect: unsafe extern "C" fn(Handle) -> c_int,
    pub shutdown: unsafe extern "C" fn(Handle),
    pub open_pool: unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int,
    pub set_namespace: unsafe extern "C" fn(Handle, *const c_char),
    pub close_pool: unsafe extern "C" fn(Handle),
    pub open: unsafe extern "C" fn(Handle, *const c_char, *mut Handle, *const c_char) -> c_int,
    pub size: unsafe extern "C" fn(Handle, *mut u64) -> c_int,
    pub read: unsafe extern "C" fn(Handle, u64, usize, *mut c_char) -> isize,
    pub close: unsafe extern "C" fn(Handle) -> c_int,
}

impl Library {
    #[allow(clippy::multiple_unsafe_ops_per_block, reason = "they are sound for one reason")]
    pub(super) fn load() -> Result<Self> {
        let (rados, rbd) = (open("librados.so.2")?, open("librbd.so.1")?);
        // SAFETY: each symbol is a function of exactly this signature, librados.h and librbd.h.
        unsafe {
            Ok(Self {
                create: function(rados, "rados_create")?,
                read_configuration: function(rados, "rados_conf_read_file")?,
                read_environment: function(rados, "rados_conf_parse_env")?,
                set: function(rados, "rados_conf_set")?,
                connect: function(rados, "rados_connect")?,
                shutdown: function(rados, "rados_shutdown")?,
                open_pool: function(rados, "rados_ioctx_create")?,
                set_namespace: function(rados, "rados_ioctx_set_namespace")?,
                close_pool: function(rados, "rados_ioctx_destroy")?,
                open: function(rbd, "rbd_open_read_only")?,
                size: function(rbd, "rbd_get_size")?,
                read: function(rbd, "rbd_read")?,
                close: function(rbd, "rbd_close")?,
            })
        }
    }
}

/// Loads a library. It stays loaded until the process ends, because its threads may outlive every use of it.
fn open(name: &str) -> Result<&'static loading::Library> {
    // SAFETY: loading a library runs its constructors. Those of these two only prepare themselves.
    let library = unsafe { loading::Library::open(Some(name), loading::RTLD_NOW | loading::RTLD_LOCAL) };
    let library = library.map_err(|_| failed(format!("the library {name} cannot be loaded")))?;
    Ok(Box::leak(Box::new(library)))
}

/// # Safety
/// `F` must be the type of the function of this name.
unsafe fn function<F: Copy>(library: &loading::Library, name: &str) -> Result<F> {
    // SAFETY: the caller vouches for the type.
    let symbol = unsafe { library.get::<F>(name) };
    Ok(*symbol.map_err(|_| failed(format!("librbd has no function {name}")))?)
}

pub(super) fn failed(detail: String) -> Error {
    Error::new(Code::ProgramFailed).at(Path::new("librbd")).detail(detail)
}
