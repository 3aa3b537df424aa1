//! The calls about snapshots of source files.

use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

use backy_core::{Code, Error};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::outcome::{count, promise};

/// The facts that identify a file under every name, as decimal numbers.
#[napi(object)]
pub struct FileIdentity {
    /// Number of its filesystem; some filesystems get another one with each mount.
    pub device: String,
    /// Its inode number.
    pub inode: String,
    /// Time of its creation, in nanoseconds since 1970; absent if the filesystem does not keep that.
    pub birth: Option<String>,
}

/// An identity as the engine knows it.
pub(crate) fn identity_of(identity: &FileIdentity) -> backy_core::Result<backy_core::FileIdentity> {
    let FileIdentity { device, inode, birth } = identity;
    Ok(backy_core::FileIdentity {
        device: number(device)?,
        inode: number(inode)?,
        birth: birth.as_deref().map(number).transpose()?,
    })
}

fn number<N: FromStr>(text: &str) -> backy_core::Result<N> {
    let invalid =
        || Error::new(Code::InvalidArgument).detail("the identity of a file has a number that is none");
    text.parse().map_err(|_| invalid())
}

/// A file, and the image that becomes its snapshot.
#[napi(object)]
pub struct CloneOptions {
    /// The file; symbolic links are followed.
    pub source: String,
    /// The clone to create; the name must be free.
    pub image: String,
}

/// A file, and the snapshot to take of it.
#[napi(object)]
pub struct SnapshotOptions {
    /// The file; symbolic links are followed.
    pub source: String,
    /// The directory to create beside it; the name must be free.
    pub directory: String,
    /// The name of the snapshot in it.
    pub name: String,
    /// The directory of its repository. The snapshot gets the owner of that directory.
    pub repository: String,
}

/// A new snapshot.
#[napi(object)]
pub struct SnapshotStats {
    /// Size in bytes.
    pub size: i64,
    /// The file that it is.
    pub identity: FileIdentity,
}

impl From<backy_core::TakenSnapshot> for SnapshotStats {
    fn from(backy_core::TakenSnapshot { size, identity }: backy_core::TakenSnapshot) -> Self {
        let identity = FileIdentity {
            device: identity.device.to_string(),
            inode: identity.inode.to_string(),
            birth: identity.birth.map(|birth| birth.to_string()),
        };
        Self { size: count(size), identity }
    }
}

/// Clones a file to the name of an image on the same filesystem. The clone is not durable yet.
#[napi(ts_return_type = "Promise<SnapshotStats | Failure>")]
pub fn clone_source<'env>(env: &'env Env, options: CloneOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "snapshot", control, move |control| {
        let [source, image] = [&options.source, &options.image].map(Path::new);
        backy_core::clone_source(source, image, control).map(SnapshotStats::from)
    })
}

/// Clones a file durably, into a directory that nobody else may enter, to a file that nobody may write to.
#[napi(ts_return_type = "Promise<SnapshotStats | Failure>")]
pub fn take_snapshot<'env>(
    env: &'env Env,
    options: SnapshotOptions,
    control: &Control,
) -> Result<Object<'env>> {
    controlled(env, "snapshot", control, move |control| {
        let [source, directory, repository] =
            [&options.source, &options.directory, &options.repository].map(Path::new);
        let name = OsStr::new(&options.name);
        backy_core::take_snapshot(source, directory, name, repository, control).map(SnapshotStats::from)
    })
}

/// A snapshot that is no longer needed.
#[napi(object)]
pub struct LeftSnapshot {
    /// Its directory; or the snapshot itself, as earlier versions left it.
    pub path: String,
    /// Its name in its directory.
    pub name: String,
    /// The file that it is; absent when the run that made it was cut off before it knew.
    pub identity: Option<FileIdentity>,
    /// The directory of the repository that it was made for.
    pub repository: String,
}

/// Removes a snapshot if it is ours, and the file that it should be. Returns whether it was.
#[napi(ts_return_type = "Promise<boolean | Failure>")]
pub fn remove_snapshot(env: &Env, snapshot: LeftSnapshot) -> Result<Object<'_>> {
    promise(env, "remove-snapshot", move || {
        backy_core::remove_snapshot(&backy_core::LeftSnapshot {
            path: snapshot.path.into(),
            name: snapshot.name.into(),
            identity: snapshot.identity.as_ref().map(identity_of).transpose()?,
            repository: snapshot.repository.into(),
        })
    })
}
