//! What a job takes up on the disk.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Bytes of a block as the system counts them, whatever those of the file system are.
const BLOCK: u64 = 512;

/// Bytes on the disk that the files in `folder` take up; 0 when it is not there. Scratch files have holes, which take up nothing.
/// Of a file with several names, an image that another job was started on, its part.
pub fn of_folder(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.blocks() * BLOCK / file.nlink().max(1))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_file_counts_by_its_names_and_a_hole_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(one.join("original"), vec![7; 1 << 20]).unwrap();
        let alone = of_folder(&one);
        assert!(alone >= 1 << 20, "{alone}");
        std::fs::hard_link(one.join("original"), other.join("original")).unwrap();
        assert_eq!(of_folder(&one), alone / 2);
        assert_eq!(of_folder(&other), alone / 2);
        let sparse = std::fs::File::create(one.join("result.raw")).unwrap();
        sparse.set_len(1 << 30).unwrap();
        assert!(of_folder(&one) < 1 << 20);
        assert_eq!(of_folder(&folder.path().join("none")), 0);
    }
}
