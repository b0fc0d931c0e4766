//! What the fuzz targets do with their bytes.
//!
//! Each function takes any bytes, gives the same push to the model and to the registry, and panics where they
//! disagree. They run on stable as well: the seeds in `corpus/` are replayed as ordinary tests.

mod index;
mod manifest;
mod pair;

pub use index::index_platforms;
pub use manifest::manifest_parse;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The names of a target's seeds that both take; on every seed they agree.
    fn taken(target: &str, run: fn(&[u8]) -> bool) -> Vec<String> {
        // From the directory of any crate here, so that another one can include this file.
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let seeds = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let taken = seeds.filter(|path| run(&std::fs::read(path).unwrap()));
        let mut names: Vec<_> = taken.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn model_and_registry_agree_on_every_seed_of_manifest_parse() {
        let expected = [
            "depth-64",
            "docker-image",
            "docker-list",
            "duplicate-free-key",
            "empty-lists",
            "foreign-layers",
            "largest-size",
            "look-alike-not",
            "null-platform",
            "oci-image",
            "oci-index",
        ];
        assert_eq!(taken("manifest_parse", super::manifest_parse), expected);
    }

    #[test]
    fn model_and_registry_agree_on_every_seed_of_index_platforms() {
        let expected = ["all-present", "null-platform", "off", "sparse"];
        assert_eq!(taken("index_platforms", super::index_platforms), expected);
    }
}
