//! The operations of the engine, each on a few megabytes.

mod backups;
mod checks;
mod material;
mod names;
mod restores;
mod small_files;

use super::scenario::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    [
        backups::backups(),
        checks::reading(),
        checks::repairs(),
        restores::restores(),
        small_files::small_files(),
        names::names(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
