//! Chaining values of BLAKE3 for subtrees of zeros, so that the hash of a hole costs nothing.
//!
//! BLAKE3 mixes the position of each chunk of 1024 bytes into its chaining value, so zeros have another one at each
//! place, and none can be made of the one before. They are the same for every file, though: the table next to this
//! file has those of all aligned subtrees of 128 MiB, up to the index of the largest image. The test
//! `the_table_is_what_hashing_zeros_gives` makes it anew.

use blake3::hazmat::ChainingValue;

/// Bytes of a subtree: the hashes of 1 TiB of image.
pub(crate) const ZERO_SUBTREE_SIZE: u64 = 128 << 20;

const VALUE_SIZE: usize = 32;
static TABLE: &[u8] = include_bytes!("zero_subtrees.bin");

/// The chaining value of [`ZERO_SUBTREE_SIZE`] zeros that start at a multiple of it; `None` behind the table.
pub(crate) fn zero_subtree(start: u64) -> Option<ChainingValue> {
    let number = usize::try_from(start / ZERO_SUBTREE_SIZE).ok()?;
    let value = TABLE.as_chunks::<VALUE_SIZE>().0.get(number)?;
    start.is_multiple_of(ZERO_SUBTREE_SIZE).then_some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::header::MOST_BYTES;
    use crate::image::page::index_length;
    use blake3::hazmat::HasherExt;

    const VALUES: u64 = (TABLE.len() / VALUE_SIZE) as u64;

    fn hash_zeros(number: u64) -> ChainingValue {
        let zeros = vec![0; 1 << 20];
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(number * ZERO_SUBTREE_SIZE);
        for _ in 0..ZERO_SUBTREE_SIZE >> 20 {
            hasher.update(&zeros);
        }
        hasher.finalize_non_root()
    }

    #[test]
    fn it_reaches_to_the_end_of_the_largest_index() {
        assert_eq!(VALUES, index_length(MOST_BYTES) / ZERO_SUBTREE_SIZE);
        assert_eq!(zero_subtree(VALUES * ZERO_SUBTREE_SIZE), None);
        assert_eq!(zero_subtree(ZERO_SUBTREE_SIZE + 4096), None);
    }

    #[test]
    fn some_values_are_what_hashing_zeros_gives() {
        for number in [0, 1, 2, VALUES / 3, VALUES - 1] {
            assert_eq!(zero_subtree(number * ZERO_SUBTREE_SIZE), Some(hash_zeros(number)), "{number}");
        }
    }

    /// Hashes a tebibyte: `cargo test --release -p backy-core the_table -- --ignored`. A table that differs is written to
    /// the temporary directory.
    #[test]
    #[ignore = "it takes some minutes"]
    fn the_table_is_what_hashing_zeros_gives() {
        let numbers = 0..index_length(MOST_BYTES) / ZERO_SUBTREE_SIZE;
        let table: Vec<u8> = numbers.flat_map(hash_zeros).collect();
        if table != TABLE {
            let path = std::env::temp_dir().join("zero_subtrees.bin");
            std::fs::write(&path, table).unwrap();
            panic!("the right table is {}", path.display());
        }
    }
}
