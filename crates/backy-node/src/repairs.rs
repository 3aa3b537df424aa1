//! The calls that mend images.

use std::path::PathBuf;

use backy_core::Outcome;
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::images::sealed;
use crate::outcome::{BadBlock, count, promise, whole};

/// A file or device that may have the right bytes, at the same offset.
#[napi(object)]
pub struct Donor {
    /// Where it is.
    pub path: String,
    /// Its index, if it is an image of a repository.
    pub index: Option<String>,
}

/// A sealed image with bad blocks, and what may help.
#[napi(object)]
pub struct RepairOptions {
    /// The image.
    pub image: String,
    /// The index.
    pub index: String,
    /// Size of the image in bytes.
    pub size: f64,
    /// BLAKE3 of the index.
    pub digest: String,
    /// Where its bad blocks start, in bytes.
    pub blocks: Vec<f64>,
    /// Where the right bytes may be, the best place first.
    pub donors: Vec<Donor>,
    /// The bad bytes are kept in files of this name and `.OFFSET.block`.
    pub evidence: String,
}

/// What became of a bad block.
#[napi(object)]
pub struct RepairedBlock {
    /// What was wrong with it.
    pub block: BadBlock,
    /// Whether it is now what it was when it was sealed.
    pub healed: bool,
    /// Where its bytes come from; absent for zeros, which come from nowhere, and for a block that was not healed.
    pub from: Option<String>,
    /// The file that has the bad bytes.
    pub evidence: Option<String>,
    /// Why it is as bad as before.
    pub reason: Option<String>,
}

impl From<backy_core::Repaired> for RepairedBlock {
    fn from(repaired: backy_core::Repaired) -> Self {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let block = BadBlock::from(&repaired.block);
        match repaired.outcome {
            Outcome::Healed { from, evidence } => Self {
                block,
                healed: true,
                from: from.map(text),
                evidence: Some(text(evidence)),
                reason: None,
            },
            Outcome::Left(reason) => {
                Self { block, healed: false, from: None, evidence: None, reason: Some(reason) }
            }
        }
    }
}

/// Gives bad blocks of a sealed image the bytes that its index tells of, from a place that has them and is another
/// one on the disk. Blocks that are good are passed over; that one cannot be healed is a result, not a failure.
#[napi(ts_return_type = "Promise<RepairedBlock[] | Failure>")]
pub fn repair_image<'env>(env: &'env Env, options: RepairOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "repair", control, move |control| {
        let options = backy_core::RepairOptions {
            image: sealed(options.image, options.index, options.size, &options.digest)?,
            blocks: offsets_of(&options.blocks)?,
            donors: options.donors.into_iter().map(donor_of).collect(),
            evidence: options.evidence.into(),
        };
        let repaired = backy_core::repair_image(&options, control)?;
        Ok(repaired.into_iter().map(RepairedBlock::from).collect::<Vec<_>>())
    })
}

/// Bad blocks of an image, and files that may share them.
#[napi(object)]
pub struct SharerOptions {
    /// The image.
    pub image: String,
    /// Where its bad blocks start, in bytes.
    pub blocks: Vec<f64>,
    /// The other files, on the same filesystem.
    pub others: Vec<String>,
}

/// A file that shares blocks with the image.
#[napi(object)]
pub struct Sharer {
    /// Which of the others it is.
    pub path: String,
    /// Where its blocks start that lie where those of the image do, in bytes.
    pub blocks: Vec<i64>,
}

/// Finds out which files have blocks of an image at the same place on the disk.
#[napi(ts_return_type = "Promise<Sharer[] | Failure>")]
pub fn find_sharers(env: &Env, options: SharerOptions) -> Result<Object<'_>> {
    promise(env, "sharers", move || {
        let others: Vec<PathBuf> = options.others.iter().map(PathBuf::from).collect();
        let image = PathBuf::from(options.image);
        let sharers = backy_core::find_sharers(&image, &offsets_of(&options.blocks)?, &others)?;
        let sharer = |sharer: backy_core::Sharer| Sharer {
            path: options.others[sharer.number].clone(),
            blocks: sharer.blocks.into_iter().map(count).collect(),
        };
        Ok(sharers.into_iter().map(sharer).collect::<Vec<_>>())
    })
}

fn donor_of(Donor { path, index }: Donor) -> backy_core::Donor {
    backy_core::Donor { path: path.into(), index: index.map(PathBuf::from) }
}

fn offsets_of(blocks: &[f64]) -> backy_core::Result<Vec<u64>> {
    blocks.iter().map(|offset| whole("offset", *offset)).collect()
}
