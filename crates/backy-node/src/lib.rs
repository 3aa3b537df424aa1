//! The N-API face of `backy-core`: converts arguments, runs every call on a thread of its own, settles the
//! promise. Paths go in, statistics come out; image bytes never cross.
#![allow(clippy::needless_pass_by_value, reason = "napi hands over owned values")]
#![allow(clippy::missing_errors_doc, reason = "failures are data, described by Failure")]

pub mod control;
pub mod files;
pub mod images;
pub mod outcome;
pub mod rbd;
pub mod repairs;
pub mod restores;
pub mod snapshots;
pub mod verification;
