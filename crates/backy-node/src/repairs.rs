//! The calls that mend images.

use std::path::PathBuf;

use backy_core::Outcome;
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::images::sealed;
use crate::outcome::{BadBlock, count, whole};

/// A file or device that may have the right bytes, at the same offset.
#[napi(object)]
pub struct Donor {
    /// Its path.
    pub path: String,
    /// Its index, if it is an image of a repository.
    pub index: Option<String>,
}

/// A sealed image with bad blocks, and their donors.
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
    /// Offsets of its bad blocks in bytes.
    pub blocks: Vec<f64>,
    /// Files that may have the right bytes, the best one first.
    pub donors: Vec<Donor>,
    /// The bad bytes are kept in files of this name and `.OFFSET.block`.
    pub evidence: String,
}

/// The result for a bad block.
#[napi(object)]
pub struct RepairedBlock {
    /// The damage.
    pub block: BadBlock,
    /// Whether it has its sealed bytes again.
    pub healed: bool,
    /// The donor of its bytes; absent for zeros, which need none, and for a block that was not healed.
    pub from: Option<String>,
    /// The file that has the bad bytes.
    pub evidence: Option<String>,
    /// The reason why it is as bad as before.
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

/// Gives bad blocks of a sealed image the bytes that its index names, from another place on the disk. Good blocks are
/// passed over. A block that cannot be healed is a result, not a failure.
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
    /// Offsets of its bad blocks in bytes.
    pub blocks: Vec<f64>,
    /// The other files, on the same filesystem.
    pub others: Vec<String>,
}

/// A file that shares blocks with the image.
#[napi(object)]
pub struct Sharer {
    /// Its path, one of the others.
    pub path: String,
    /// Offsets, in bytes, of its blocks that lie at the place of those of the image.
    pub blocks: Vec<i64>,
}

/// Finds the files that share blocks of an image on the disk.
#[napi(ts_return_type = "Promise<Sharer[] | Failure>")]
pub fn find_sharers<'env>(env: &'env Env, options: SharerOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "sharers", control, move |control| {
        let others: Vec<PathBuf> = options.others.iter().map(PathBuf::from).collect();
        let image = PathBuf::from(options.image);
        let sharers = backy_core::find_sharers(&image, &offsets_of(&options.blocks)?, &others, control)?;
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
