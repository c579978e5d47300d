//! Boot programs and a kernel for another processor than the host's, out of a release: package files of that architecture without
//! what they depend on, since nothing in them is run here.
//!
//! ```text
//! releases/debian-bookworm-aarch64-loaders/    beside the emulator's, laid out like it
//! ```

use std::path::{Path, PathBuf};

use super::{Architecture, Options, PlatformError, PlatformName, Progress, release};

/// A release's boot programs for one architecture, unpacked in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderTree {
    /// Where the release's file system begins.
    pub root: PathBuf,
    /// Package version by package name.
    pub packages: Vec<(String, String)>,
}

impl LoaderTree {
    /// The version of the package of this name, or of the only one whose name begins so.
    pub fn version(&self, package: &str) -> Option<&str> {
        let exact = self.packages.iter().find(|(name, _)| name == package);
        let found = exact.or_else(|| self.packages.iter().find(|(name, _)| name.starts_with(package)));
        found.map(|(_, version)| version.as_str())
    }

    /// Every one in the cache for an architecture, whole and as it was unpacked: the release with the newest GRUB first, since firmware
    /// that forbids programs to run their data refuses those of older ones.
    pub fn all(architecture: Architecture, options: &Options) -> Vec<LoaderTree> {
        let Some(cache) = &options.surroundings.cache else { return Vec::new() };
        let end = format!("{}{}", architecture.suffix(), release::LOADERS);
        let entries = std::fs::read_dir(cache.join("releases")).into_iter().flatten().flatten();
        let mut homes: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        homes.retain(|home| home.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&end)));
        homes.sort();
        let mut trees: Vec<LoaderTree> = homes.iter().filter_map(|home| LoaderTree::of(home)).collect();
        let first = architecture.loader_packages().and_then(|(names, _)| names.first());
        trees.sort_by_key(|tree| std::cmp::Reverse(first.and_then(|name| tree.version(name)).map(numbers)));
        trees
    }

    fn of(home: &Path) -> Option<LoaderTree> {
        let (root, packages) = release::loaders_in(home)?;
        Some(LoaderTree { root, packages })
    }

    /// Fetches a release's boot programs into the cache, replacing an older state of them.
    ///
    /// # Errors
    ///
    /// [`PlatformError`]: `name` is no release, nothing is known of its loaders for this architecture, or it cannot be fetched. After an
    /// error the state from before is still there.
    pub fn fetch(
        name: &PlatformName,
        options: &Options,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<LoaderTree, PlatformError> {
        let refuse = |problem: &str, fix: &str| PlatformError::Fetch {
            platform: name.to_string(),
            problem: problem.to_owned(),
            stderr: String::new(),
            fix: fix.to_owned(),
        };
        if !matches!(name, PlatformName::Apt | PlatformName::Debian(_)) {
            return Err(refuse("is no release that is fetched", "say apt or debian:SUITE"));
        }
        if options.architecture.loader_packages().is_none() {
            return Err(refuse(
                "only loaders for aarch64 are fetched: those for x86-64 are the host's own",
                "say --architecture aarch64",
            ));
        }
        let home = release::fetch_loaders(name, options, progress)?;
        LoaderTree::of(&home).ok_or_else(|| refuse("its tree is not whole", "fetch it again"))
    }
}

/// The numbers of a package's version, in their order.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Surroundings;
    use super::*;

    #[test]
    fn what_is_not_fetched_is_refused_with_what_to_say() {
        let options = |architecture| Options { architecture, ..Options::default() };
        let error =
            |name, architecture| LoaderTree::fetch(&name, &options(architecture), &mut |_| {}).unwrap_err().to_string();
        assert!(error(PlatformName::Host, Architecture::Aarch64).contains("is no release"));
        let of_x86 = error(PlatformName::Debian("sid".to_owned()), Architecture::X86_64);
        assert!(of_x86.contains("only loaders for aarch64"), "{of_x86}");
    }

    #[test]
    fn a_folder_without_a_whole_tree_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let home = cache.path().join("releases/debian-sid-aarch64-loaders");
        std::fs::create_dir_all(home.join("current/root")).unwrap();
        let surroundings = Surroundings { cache: Some(cache.path().to_owned()), ..Surroundings::of_this_process() };
        let options = Options { surroundings, ..Options::default() };
        assert_eq!(LoaderTree::all(Architecture::Aarch64, &options), []);
    }

    #[test]
    fn of_two_versions_the_newer_has_the_higher_numbers() {
        assert!(numbers("2.12-9+deb13u4") > numbers("2.06-13+deb12u2"));
        assert!(numbers("2.14~git20250718.0e36779-1") > numbers("2.12-9+deb13u4"));
        assert_eq!(numbers(""), Vec::<u64>::new());
    }

    #[test]
    fn a_version_is_found_by_name_or_by_the_beginning_of_one() {
        let packages = [("linux-image-6.1.0-cloud-arm64", "6.1"), ("shim-signed", "1.51")];
        let packages = packages.map(|(name, version)| (name.to_owned(), version.to_owned())).to_vec();
        let tree = LoaderTree { root: PathBuf::new(), packages };
        assert_eq!((tree.version("shim-signed"), tree.version("linux-image-")), (Some("1.51"), Some("6.1")));
        assert_eq!(tree.version("grub"), None);
    }
}
